"""When to ask again, and after how long: the rules of the openai SDK.

Source: openai 3.52, `_base_client.py` (408, 409, 429 and 5xx; x-should-retry; retry-after-ms, retry-after; jitter).
"""

import random
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import httpx

MAX_RETRIES = 2
FIRST_WAIT, LONGEST_WAIT = 0.5, 8.0
LONGEST_ASKED_WAIT = 120.0
STATUSES = frozenset({408, 409, 429})
REFUSED_UNREAD = frozenset({408, 409, 429, 503})
"""Replies that say the request was not carried out: repeating it is safe, whatever it was."""


def should_retry(reply: httpx.Response, *, repeatable: bool) -> bool:
    """Tell whether to send the request again. Not `repeatable`: only where the reply says that nothing was done."""
    if is_out_of_quota(reply):
        return False
    asked = reply.headers.get("x-should-retry")
    if asked in ("true", "false"):
        return asked == "true"
    if not repeatable:
        return reply.status_code in REFUSED_UNREAD
    return reply.status_code in STATUSES or reply.status_code >= 500


def is_out_of_quota(reply: httpx.Response) -> bool:
    """Tell whether this 429 is a bill, not a pace: waiting does not help."""
    return reply.status_code == 429 and b"insufficient_quota" in reply.content


def wait_before(attempt: int, headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait before try `attempt` (0 = the first again); None: longer than anybody waits."""
    asked = _asked(headers)
    if asked is not None and asked > 0:
        return asked if asked <= LONGEST_ASKED_WAIT else None
    longest = min(FIRST_WAIT * 2**attempt, LONGEST_WAIT)
    return longest * (1 - 0.25 * random.random())  # noqa: S311 - spreads callers, guards nothing


def _asked(headers: Mapping[str, str]) -> float | None:
    try:
        if "retry-after-ms" in headers:
            return float(headers["retry-after-ms"]) / 1000
        after = headers.get("retry-after")
        return float(after) if after is not None else None
    except ValueError:
        return _until(headers["retry-after"]) if "retry-after" in headers else None


def _until(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() - time.time()
    except ValueError:
        return None

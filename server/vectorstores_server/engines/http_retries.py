"""Retries over HTTP: when a request is sent again, and after how long. The rules are those of OpenAI's own clients.

Source: openai 3.52, `_base_client.py` and `_constants.py` (408, 409, 429 and 5xx; x-should-retry; retry-after-ms,
retry-after in seconds or as a date, two minutes at most; else .5 s, doubled up to 8 s, less up to a quarter).
"""

import email.utils
import math
import random
import time
from collections.abc import Mapping

import httpx

LONGEST_WAIT = 120.0
"""A server that asks for more seconds than this is not waited for."""

_FIRST_WAIT, _LAST_WAIT = 0.5, 8.0
_REFUSED = frozenset({408, 409, 429})
"""Replies that say the request was not carried out; a 503 says it when it names the time to come back."""

_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


def worth_repeating(response: httpx.Response) -> bool:
    """Tell whether the same request may succeed later. `x-should-retry` decides where it is sent."""
    advice = response.headers.get("x-should-retry")
    if advice in ("true", "false"):
        return advice == "true"
    return response.status_code in _REFUSED or response.status_code >= 500


def out_of_quota(response: httpx.Response) -> bool:
    """Tell whether this 429 is about money, not about the rate of requests: waiting does not help."""
    return response.status_code == 429 and b"insufficient_quota" in response.content


def surely_not_done(outcome: httpx.Response | httpx.TransportError) -> bool:
    """Tell whether the request was not carried out, so that repeating it is safe whatever it asked for."""
    if isinstance(outcome, httpx.TransportError):
        return isinstance(outcome, _UNSENT)
    if outcome.headers.get("x-should-retry") == "true" or outcome.status_code in _REFUSED:
        return True
    return outcome.status_code == 503 and _requested(outcome.headers) is not None


def seconds_to_wait(response: httpx.Response | None, attempt: int) -> float | None:
    """Seconds before attempt `attempt` + 1 (from 0): what the server asks for, else growing; None: do not wait."""
    requested = None if response is None else _requested(response.headers)
    if requested is not None and requested > LONGEST_WAIT:
        return None
    if requested is not None and requested > 0:
        return requested
    jitter = 1 - 0.25 * random.random()  # noqa: S311 - spreads clients over time, guards nothing
    return min(_FIRST_WAIT * 2**attempt, _LAST_WAIT) * jitter


def _requested(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that retry-after-ms (milliseconds) or retry-after (seconds, or a date) say; None: nothing."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    after = headers.get("retry-after")
    seconds = _number(after)
    return seconds if seconds is not None or after is None else _until(after)


def _number(text: str | None) -> float | None:
    try:
        number = math.nan if text is None else float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _until(date: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(date).timestamp() - time.time()
    except (ValueError, OverflowError, OSError):
        return None

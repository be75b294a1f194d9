"""When to send a request again, and how long to wait before it: the rules of OpenAI's own clients."""

import email.utils
import random
import time

import httpx

LONGEST_WAIT = 120.0
"""A server that asks for more seconds than this is not waited for."""

_FIRST_WAIT, _LAST_WAIT = 0.5, 8.0
_AGAIN = frozenset({408, 409, 429})


def worth_repeating(response: httpx.Response) -> bool:
    """Whether the same request may succeed later. `x-should-retry` decides where it is sent."""
    asked = response.headers.get("x-should-retry")
    if asked in ("true", "false"):
        return asked == "true"
    return response.status_code in _AGAIN or response.status_code >= 500


def seconds_to_wait(response: httpx.Response | None, attempt: int) -> float | None:
    """Seconds before attempt `attempt` + 1 (from 0): what the server asks for, else growing; None: do not wait."""
    asked = None if response is None else _asked(response.headers)
    if asked is not None:
        return asked if asked <= LONGEST_WAIT else None
    jitter = 1 - 0.25 * random.random()  # noqa: S311 - spreads clients over time, guards nothing
    return min(_FIRST_WAIT * 2**attempt, _LAST_WAIT) * jitter


def _asked(headers: httpx.Headers) -> float | None:
    """Return what retry-after-ms (milliseconds) or retry-after (seconds, or a date) say; None: nothing."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    after = headers.get("retry-after")
    seconds = _number(after)
    if seconds is None and after is not None:
        try:
            seconds = email.utils.parsedate_to_datetime(after).timestamp() - time.time()
        except ValueError:
            return None
    return None if seconds is None else max(0.0, seconds)


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None

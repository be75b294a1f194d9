"""CORS: the headers by which pages of allowed origins may read replies. Never with credentials: tokens are headers.

Source: the Fetch standard, "HTTP-CORS protocol".
"""

import re
from collections.abc import Mapping

from starlette.datastructures import Headers

METHODS = "GET, POST, DELETE, OPTIONS"
EXPOSED = "mcp-session-id, x-request-id, openai-poll-after-ms, x-should-retry, retry-after, www-authenticate"
SECONDS_KEPT = "600"
_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(\s*,\s*[A-Za-z0-9!#$%&'*+.^_`|~-]+)*")


def origin_of(headers: Headers) -> str | None:
    """Return the one origin that a request comes from."""
    origins = headers.getlist("origin")
    return origins[0] if len(origins) == 1 else None


def reply_headers(origin: str | None) -> Mapping[str, str]:
    """Return the headers of every reply to a page of this origin, which is allowed."""
    if origin is None:
        return {}
    return {"access-control-allow-origin": origin, "access-control-expose-headers": EXPOSED, "vary": "Origin"}


def preflight_headers(method: str, headers: Headers) -> Mapping[str, str] | None:
    """Return the answer to a preflight request; None for any other."""
    if method != "OPTIONS" or "origin" not in headers or "access-control-request-method" not in headers:
        return None
    asked = headers.get("access-control-request-headers", "")
    allowed = {"access-control-allow-headers": asked} if _NAMES.fullmatch(asked) else {}
    return {"access-control-allow-methods": METHODS, "access-control-max-age": SECONDS_KEPT, **allowed}

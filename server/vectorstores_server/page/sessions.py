"""A browser's session: the cookie that keeps its token, and the change token that each of its changes must carry.

The cookie is HttpOnly and SameSite=Strict. Nothing of it is kept here, so that there is nothing to bound or to forget:
the token is checked at each request, like one in a header. The change token is made from the session's id with
a key that lives as long as the process; a page from before a restart is told to load again.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Protocol
from urllib.parse import urlsplit

NAME = "vector_stores"
LONGEST_TOKEN = 2_700
"""Characters of a token that a cookie can keep: browsers take 4,096 bytes, name and form included."""
_VALUE = re.compile(r"([0-9a-f]{32})\.([A-Za-z0-9_-]*)")


class RequestHeaders(Protocol):
    """The headers of a request."""

    def get(self, key: str, default: str, /) -> str:
        """Return a header, in lower case."""
        ...


@dataclass(frozen=True, slots=True)
class PageSession:
    """One browser. `token` is empty where the server asks for none."""

    id: str = field(default_factory=lambda: secrets.token_hex(16))
    token: str = field(default="", repr=False)


class PageSessions:
    """Reads and writes the cookie of a server."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def of(self, headers: RequestHeaders) -> PageSession | None:
        """Return the session whose cookie came along."""
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return None
        name = _name(headers)
        found = _VALUE.fullmatch(cookies[name].value) if name in cookies else None
        if found is None:
            return None
        try:
            token = base64.urlsafe_b64decode(found[2] + "=" * (-len(found[2]) % 4)).decode("ascii")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return PageSession(found[1], token)

    def cookie(self, session: PageSession, headers: RequestHeaders) -> Mapping[str, str]:
        """Return the header that gives the browser its session, which ends when the browser does."""
        kept = base64.urlsafe_b64encode(session.token.encode("ascii")).decode().rstrip("=")
        return _set_cookie(f"{session.id}.{kept}", headers)

    def forget(self, headers: RequestHeaders) -> Mapping[str, str]:
        """Return the header that takes the session away from the browser."""
        return _set_cookie("", headers, "; Max-Age=0")

    def change_token(self, session: PageSession) -> str:
        """Return the token that each change of this session must carry."""
        return hmac.new(self._key, session.id.encode(), hashlib.sha256).hexdigest()

    def may_change(self, session: PageSession | None, given: str) -> bool:
        """Tell whether a change carries the token of this session."""
        return session is not None and hmac.compare_digest(given.encode(), self.change_token(session).encode())


def is_same_origin(headers: RequestHeaders) -> bool:
    """Tell whether a request came from a page of this very server, as a browser says.

    Stricter than the guard, which answers pages of every port of this machine. The scheme is that of a proxy in front
    and not known here; a client that is no browser sends neither header.
    """
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin, host = headers.get("origin", ""), headers.get("host", "")
    return not origin or _netloc(origin) == host.lower()


def _name(headers: RequestHeaders) -> str:
    """Return the cookie's name: browsers send one machine's cookies to all of its ports."""
    port = headers.get("host", "").rpartition(":")[2]
    return f"{NAME}_{port}" if port.isdecimal() else NAME


def _set_cookie(value: str, headers: RequestHeaders, more: str = "") -> Mapping[str, str]:
    secure = "; Secure" if headers.get("origin", "").startswith("https:") else ""
    return {"set-cookie": f"{_name(headers)}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{more}"}


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""

"""Checks of a request's method, path and headers, before anything else looks at it."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.datastructures import Headers

from vectorstores_server.http.auth import ANYBODY, LOOPBACK, Caller, Verifier
from vectorstores_server.http.refusals import Refusal, is_protocol, not_bound
from vectorstores_server.page import paths
from vectorstores_server.page.sessions import PageSessions
from vectorstores_tools.contract.errors import Unavailable

MEBIBYTE = 1024 * 1024
HEALTH = "/health"
READY = "/ready"
METADATA = "/.well-known/oauth-protected-resource"
METRICS = "/metrics"
OPERATIONS = frozenset({HEALTH, READY, METRICS})
LISTEN = "subscriptions/listen"
MESSAGES = "/messages"
"""The path to which a client of /sse posts its messages. `sse_calls` limits them: a 429 here would reach nobody."""
WRITE_SCOPE = "vector_stores:write"

_API = r"(?:/page)?/v1(?:/openai/v1)?"
_UPLOAD = re.compile(rf"{_API}/(?:files|uploads/[^/]+/parts)/?|/page/stores/[^/]+/files")
_SEARCH = re.compile(rf"{_API}/vector_stores/[^/]+/search/?")
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules for requests: their callers and their size. `verifier` None: everybody who reaches the port is let in.

    `hosts` are answered (see `auth.answered_hosts`); `metadata_url` is where a client learns which issuer's tokens
    are taken; bodies are in bytes; one whose next piece takes longer than `body_seconds`, or that
    comes more slowly than `body_rate` bytes a second beyond that, is given up. `binds`: the engine can hold a caller to
    its bounds.
    """

    hosts: frozenset[str] = LOOPBACK
    verifier: Verifier | None = None
    metadata_url: str | None = None
    max_body: int = 16 * MEBIBYTE
    max_upload: int = 513 * MEBIBYTE
    body_seconds: float = 60.0
    body_rate: float = 8_192.0
    sessions: PageSessions = field(default_factory=PageSessions)
    binds: bool = True

    def check_names(self, headers: Headers) -> None:
        """Refuse a Host that is not ours, and the page of another origin: what a rebound DNS name would send."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._answers(hosts[0]):
            named = ", ".join(hosts)[:100]
            message = f"This server does not answer for the host '{named}'. Start it with --allowed-host NAME."
            raise Refusal(421, message, "bad_host")
        for origin in headers.getlist("origin"):
            if not self._answers(_host_of(origin)):
                raise Refusal(403, f"Requests from the web page '{origin[:100]}' are not allowed.", "bad_origin")

    async def identify(self, headers: Headers, path: str, query: str = "") -> Caller:
        """Return the token's caller; ANYBODY where none is needed. The page alone takes one from its cookie."""
        if self.verifier is None or path in (HEALTH, METADATA) or path.startswith(f"{METADATA}/"):
            return ANYBODY
        if paths.is_open(path):
            return ANYBODY
        token = _token(headers)
        if not token and paths.is_page(path):
            session = self.sessions.of(headers)
            token = session.token if session else ""
        caller = await self._known(token) if token else None
        if caller is not None:
            self._check_bounds(caller)
            return caller
        if paths.is_view(path) and "text/html" in headers.get("accept", ""):
            target = f"{path}?{query}" if query else path
            raise Refusal(303, "Sign in first.", "sign_in", Location=paths.way_in(target), Cache_Control="no-store")
        if not token:
            raise self._unknown("No API key provided.")
        raise self._unknown("Incorrect API key provided.", "invalid_token")

    async def is_known(self, token: str) -> bool:
        """Tell whether a token is valid. Raises Unavailable where that is not known now."""
        return self.verifier is not None and await self.verifier.caller(token) is not None

    async def _known(self, token: str) -> Caller | None:
        if self.verifier is None:
            return ANYBODY
        try:
            return await self.verifier.caller(token)
        except Unavailable as error:
            raise Refusal(503, str(error), "unavailable", Retry_After="5") from error

    def _check_bounds(self, caller: Caller) -> None:
        """Refuse a bound token that nothing here would hold to its stores."""
        if caller.bounds is not None and not self.binds:
            raise not_bound()

    def check_sees_all(self, caller: Caller, path: str) -> None:
        """Refuse to tell a bound caller the numbers of all that is there."""
        if caller.bounds is not None and path == METRICS:
            raise Refusal(403, "These numbers count every store. Use a token without bounds.", "not_allowed")

    def check_reads_only(self, method: str, path: str) -> None:
        """Refuse requests that change something; /mcp and /sse have a server of their own for callers who only read."""
        if path == paths.SIGN_OUT or _SEARCH.fullmatch(path) or is_protocol(path):
            return
        if method not in _READING:
            scope = {"scope": WRITE_SCOPE} if self.metadata_url else {}
            challenge = self._challenge(error="insufficient_scope", **scope)
            message = "This token may only read. Use one that may write."
            raise Refusal(403, message, "read_only", WWW_Authenticate=challenge)

    def room(self, method: str, path: str) -> int:
        """Return how many bytes the body may have."""
        return self.max_upload if method == "POST" and _UPLOAD.fullmatch(path) else self.max_body

    def _answers(self, host: str) -> bool:
        return host.lower() in self.hosts or _without_port(host) in self.hosts

    def _unknown(self, reason: str, error: str | None = None) -> Refusal:
        challenge = self._challenge(error=error)
        return Refusal(
            401, f"{reason} Send it as 'Authorization: Bearer ...'.", "invalid_api_key", WWW_Authenticate=challenge
        )

    def _challenge(self, **parameters: str | None) -> str:
        """Return a WWW-Authenticate value (RFC 6750, section 3; RFC 9728, section 5.1)."""
        parts = {"realm": "vector-stores-mcp", **parameters, "resource_metadata": self.metadata_url}
        return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in parts.items() if value)


def is_stream(method: str, path: str, headers: Headers) -> bool:
    """Tell whether a request only listens, for as long as its client likes."""
    if method in ("GET", "HEAD"):  # the SDK opens a stream for either
        return path in ("/sse", "/mcp", "/mcp/")
    # The older protocol reads no such header: what it would run under that name must count as running.
    modern = headers.get("mcp-protocol-version", "2025-03-26") not in HANDSHAKE_PROTOCOL_VERSIONS
    return method == "POST" and path in ("/mcp", "/mcp/") and modern and headers.get("mcp-method") == LISTEN


def _token(headers: Headers) -> str:
    """Return the bearer token, or Azure's `api-key`, which its clients send instead."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else headers.get("api-key", "")


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _without_port(host: str) -> str:
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdigit() else host.lower()

"""The one ASGI middleware in front of everything: Host, Origin, token, size of the body, room.

In front of the SDK's routes and of /v1 alike, because the SDK's own checks leave a mounted app open to any Host.
"""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vectorstores_server.access import ANYBODY, Caller, Verifier
from vectorstores_server.admission import Admission

log = logging.getLogger("vectorstores_server.access")

MEBIBYTE = 1024 * 1024
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
OPEN_PATHS = ("/health", "/.well-known/oauth-protected-resource")
STREAMS = frozenset({("GET", "/sse"), ("GET", "/mcp"), ("GET", "/mcp/")})
READING_POSTS = ("/search",)
UPLOAD_PATHS = frozenset({"/v1/files", "/v1/openai/v1/files"})


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may come in, and with how much. `verifier` None: everybody who reaches the port."""

    hosts: frozenset[str] = LOOPBACK
    verifier: Verifier | None = None
    challenge: str = "Bearer"
    max_body: int = 16 * MEBIBYTE
    max_upload: int = 513 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class Seen:
    """One finished request, for the log and the counters."""

    method: str
    path: str
    status: int
    seconds: float
    caller: str
    request_id: str


class Refusal(Exception):
    """Why a request does not come in."""

    def __init__(self, status: int, message: str, code: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Guard:
    """Wraps an app; `observe` is told of every finished request."""

    def __init__(
        self, app: ASGIApp, policy: Policy, admission: Admission, observe: Callable[[Seen], None] = lambda _: None
    ) -> None:
        self._app = app
        self._policy = policy
        self._admission = admission
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, pass on, and note how it ended."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await _Exchange(scope, receive, send).run(self._app, self._policy, self._admission, self._observe)
        else:
            await send({"type": "websocket.close", "code": 1008})


class _Exchange:
    """One request on its way through."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope, self._receive, self._send = scope, receive, send
        self.headers = Headers(scope=scope)
        self.id = f"req_{uuid4().hex}"
        self.status = 0
        self.room = 0
        self.too_large = False
        self.caller = ANYBODY

    async def run(self, app: ASGIApp, policy: Policy, admission: Admission, observe: Callable[[Seen], None]) -> None:
        began = time.perf_counter()
        try:
            await self.check(policy)
            await self.admit(app, admission)
        except Refusal as refusal:
            await self.refuse(refusal)
        finally:
            seconds = time.perf_counter() - began
            seen = Seen(self.scope["method"], self.scope["path"], self.status, seconds, self.caller.name, self.id)
            log.info(
                "%s %s %d %.1f ms %s %s",
                seen.method,
                seen.path,
                seen.status,
                seconds * 1e3,
                seen.caller,
                seen.request_id,
            )
            observe(seen)

    async def check(self, policy: Policy) -> None:
        self.check_host(policy.hosts)
        self.caller = await self.identify(policy)
        if self.caller.read_only:
            self.check_reads_only()
        self.scope.setdefault("state", {})["read_only"] = self.caller.read_only
        self.check_size(policy)

    def check_host(self, hosts: frozenset[str]) -> None:
        host = self.headers.get("host", "")
        if _name(host) not in hosts and host.lower() not in hosts:
            raise Refusal(
                421,
                f"This server does not answer for the host '{host[:100]}'. Start it with --allowed-host.",
                "bad_host",
            )
        origin = self.headers.get("origin")
        if origin is not None and _name(urlsplit(origin).netloc) not in hosts:
            raise Refusal(403, f"Requests from the web page '{origin[:100]}' are not allowed.", "bad_origin")

    async def identify(self, policy: Policy) -> Caller:
        path: str = self.scope["path"]
        if policy.verifier is None or path == OPEN_PATHS[0] or path.startswith(OPEN_PATHS[1]):
            return ANYBODY
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        token = token.strip() if scheme.lower() == "bearer" else self.headers.get("api-key", "")
        caller = await policy.verifier.caller(token) if token else None
        if caller is None:
            said = "Incorrect API key provided." if token else "No API key provided."
            raise Refusal(
                401,
                f"{said} Send it as 'Authorization: Bearer ...'.",
                "invalid_api_key",
                WWW_Authenticate=policy.challenge,
            )
        return caller

    def check_reads_only(self) -> None:
        method, path = self.scope["method"], self.scope["path"]
        reads = method in ("GET", "HEAD", "OPTIONS") or path.endswith(READING_POSTS)
        if path.startswith("/v1") and not reads:
            raise Refusal(403, "This token may only read. Use one that may write.", "read_only")

    def check_size(self, policy: Policy) -> None:
        path: str = self.scope["path"]
        takes_bytes = path in UPLOAD_PATHS or path.endswith("/parts")
        self.room = policy.max_upload if takes_bytes else policy.max_body
        declared = self.headers.get("content-length", "0")
        if declared.isdigit() and int(declared) > self.room:
            raise self.larger()

    def larger(self) -> Refusal:
        return Refusal(
            413, f"The body is larger than the {self.room // MEBIBYTE} MiB that are taken here.", "too_large"
        )

    async def admit(self, app: ASGIApp, admission: Admission) -> None:
        if (self.scope["method"], self.scope["path"]) in STREAMS:
            await app(self.scope, self.receive, self.send)
            return
        with admission.enter(self.caller.name) as has_room:
            if not has_room:
                raise Refusal(
                    429, "Too many requests are running. Try again shortly.", "rate_limit_exceeded", Retry_After="1"
                )
            try:
                await app(self.scope, self.receive, self.send)
            finally:
                if self.too_large and not self.status:
                    raise self.larger()

    async def receive(self) -> Message:
        """Count the body; past the limit the app sees its client leave, and what it says is dropped."""
        message = await self._receive()
        self.room -= len(message.get("body", b""))
        if self.room < 0:
            self.too_large = True
            return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        if self.too_large and not self.status:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message)["x-request-id"] = self.id
        await self._send(message)

    async def refuse(self, refusal: Refusal) -> None:
        self.status = refusal.status
        kind = "rate_limit_error" if refusal.status == 429 else "invalid_request_error"
        body = {"error": {"message": str(refusal), "type": kind, "param": None, "code": refusal.code}}
        headers = {"content-type": "application/json", "x-request-id": self.id, **refusal.headers}
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": refusal.status, "headers": raw})
        await self._send({"type": "http.response.body", "body": json.dumps(body).encode()})


def _name(host: str) -> str:
    """Return the host without its port, in lower case."""
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdigit() else host.lower()

"""The one ASGI middleware in front of everything: Host, Origin, token, size of the body, room.

In front of the SDK's routes and of /v1 alike, because the SDK's own checks leave a mounted app open to any Host. What
is behind it finds the caller in the request's state, and no token in its headers.
"""

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from uuid import uuid4

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vectorstores_server.http import access_log, cors
from vectorstores_server.http.access_log import CLIENT_CLOSED_REQUEST, FinishedRequest
from vectorstores_server.http.auth import ANYBODY
from vectorstores_server.http.concurrency import Admission
from vectorstores_server.http.policy import MEBIBYTE, MESSAGES, OPERATIONS, Policy, is_stream
from vectorstores_server.http.refusals import Refusal
from vectorstores_server.page import paths

SECRETS = frozenset({b"authorization", b"proxy-authorization", b"api-key", b"cookie"})
GONE: Message = {"type": "http.disconnect"}
SECONDS_TO_END = 1.0
"""Seconds that an app has to end once its client is gone."""


class Guard:
    """Wraps an app; `observe` gets every finished request."""

    def __init__(
        self,
        app: ASGIApp,
        policy: Policy,
        admission: Admission,
        observe: Callable[[FinishedRequest], None] = lambda _: None,
    ) -> None:
        self._app = app
        self._policy = policy
        self._admission = admission
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request, pass it on, and note how it ended."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            exchange = _Exchange(self._policy, scope, receive, send)
            with self._noting(exchange):
                try:
                    await self._pass(exchange)
                except Refusal as refusal:
                    await exchange.refuse(refusal)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _pass(self, exchange: "_Exchange") -> None:
        if self._admission.closing:
            message = "The server is stopping. Try again shortly."
            raise Refusal(503, message, "stopping", Retry_After="5", Connection="close")
        if await exchange.answered_preflight():
            return
        await exchange.check()
        if exchange.path in OPERATIONS:
            await exchange.pass_on(self._app)
            return
        listens = exchange.stream or exchange.path.startswith(MESSAGES)
        cap = self._admission.streams if listens else self._admission.requests
        with cap.enter(exchange.caller) as has_room:
            if not has_room:
                what = "streams are open" if listens else "requests are running"
                raise Refusal(429, f"Too many {what}. Try again shortly.", "rate_limit_exceeded", Retry_After="1")
            await exchange.pass_on(self._app)

    @contextmanager
    def _noting(self, exchange: "_Exchange") -> Generator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            seen = exchange.seen(time.perf_counter() - began, sys.exception())
            access_log.write(seen)
            self._observe(seen)


class _Exchange:
    """One request on its way in, and its reply on the way out."""

    def __init__(self, policy: Policy, scope: Scope, receive: Receive, send: Send) -> None:
        self._policy = policy
        self._scope, self._receive, self._send = scope, receive, send
        self._headers = Headers(scope=scope)
        self._room = policy.room(scope["method"], scope["path"])
        self._larger = f"The body is larger than the {self._room // MEBIBYTE} MiB that are taken here."
        self._arrived = False
        self._taken = 0
        self._began: float | None = None
        self._cut: Refusal | None = None
        self._status = 0
        self._deadline = float("inf")
        self._expired = False
        self._replied = False
        self._origin: str | None = None
        """The page that may read the reply."""
        self._id = f"req_{uuid4().hex}"
        self.path: str = scope["path"]
        self.stream = is_stream(scope["method"], scope["path"], self._headers)
        self.caller = ANYBODY

    async def answered_preflight(self) -> bool:
        """Check Host and Origin; answer a preflight request, which comes without a token."""
        self._policy.check_names(self._headers)
        # No page of another origin reads what the page for a person shows, whichever port of this machine it is from.
        self._origin = None if paths.is_page(self.path) else cors.origin_of(self._headers)
        allowed = cors.preflight_headers(self._scope["method"], self._headers)
        if allowed is None:
            return False
        self._status = 204
        await self._reply(204, b"", dict(allowed))
        return True

    async def check(self) -> None:
        """Raise the first Refusal that applies."""
        query = self._scope["query_string"].decode("latin-1")
        self.caller = await self._policy.identify(self._headers, self.path, query)
        self._policy.check_sees_all(self.caller, self.path)
        if self.caller.read_only:
            self._policy.check_reads_only(self._scope["method"], self.path)
        declared = self._headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._room:
            raise Refusal(413, self._larger, "too_large")
        if self.stream and self.caller.expires_at is not None:
            self._deadline = anyio.current_time() + max(0.0, self.caller.expires_at - time.time())

    async def pass_on(self, app: ASGIApp) -> None:
        """Let the app answer. A stream ends with the token that opened it."""
        state = {**self._scope.get("state", {}), "caller": self.caller}
        if paths.is_page(self.path):
            state["page_session"] = self._policy.sessions.of(self._headers)
        headers = [(name, value) for name, value in self._scope["headers"] if name not in SECRETS]
        with anyio.CancelScope(deadline=self._deadline + SECONDS_TO_END) as limit:
            try:
                await app({**self._scope, "headers": headers, "state": state}, self.receive, self.send)
            except* ClientDisconnect:
                self._status = 0 if self._cut else CLIENT_CLOSED_REQUEST
        if self._cut is not None and not self._status:
            raise self._cut
        if (self._expired or limit.cancelled_caught) and self._status and not self._replied:
            await self._send({"type": "http.response.body", "body": b""})

    async def receive(self) -> Message:
        """Count the body; past the limit the app sees its client leave, and its reply is dropped."""
        if self._cut is not None:
            return GONE
        if self._arrived:
            return await self._leaving()
        piece = GONE
        with anyio.move_on_after(self._patience()) as waiting:
            piece = await self._receive()
        if waiting.cancelled_caught:
            message = "The body of the request did not arrive. Send it again."
            self._cut = Refusal(408, message, "timeout", Connection="close")  # else the trickle goes on
            return GONE
        self._arrived = not piece.get("more_body", False)
        self._room -= len(piece.get("body", b""))
        self._taken += len(piece.get("body", b""))
        if self._room < 0:
            self._cut = Refusal(413, self._larger, "too_large")
            return GONE
        return piece

    def _patience(self) -> float:
        """Return how long the next piece of the body may take: a trickle must not hold a place for ever."""
        now = anyio.current_time()
        self._began = now if self._began is None else self._began
        policy = self._policy
        end = self._began + policy.body_seconds + self._taken / policy.body_rate
        return max(0.0, min(policy.body_seconds, end - now))

    async def _leaving(self) -> Message:
        """Wait for the client to go; the end of its token counts as its going."""
        with anyio.CancelScope(deadline=self._deadline):
            return await self._receive()
        self._expired = True
        return GONE

    async def send(self, message: Message) -> None:
        """Pass the reply on, except what an app sends to a client that it believes gone."""
        if self._expired or (self._cut is not None and not self._status):
            return
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = self._id
            for name, value in cors.reply_headers(self._origin).items():
                headers[name] = value
        self._replied = message["type"] == "http.response.body" and not message.get("more_body", False)
        await self._send(message)

    async def refuse(self, refusal: Refusal) -> None:
        """Reply with the refusal."""
        self._status = refusal.status
        body = refusal.body(self.path)
        headers = {"content-type": "application/json", "content-length": str(len(body)), **refusal.headers}
        await self._reply(refusal.status, body, headers)

    async def _reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        headers = {**headers, "x-request-id": self._id, **cors.reply_headers(self._origin)}
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})
        await self._send({"type": "http.response.body", "body": body})

    def seen(self, seconds: float, error: BaseException | None) -> FinishedRequest:
        """Return the request for the log; `error` is the exception that the app raised."""
        failed = isinstance(error, Exception)
        client = self._scope.get("client")
        return FinishedRequest(
            method=self._scope["method"],
            path=self.path,
            status=self._status or (500 if failed else CLIENT_CLOSED_REQUEST),
            seconds=seconds,
            caller=self.caller.name,
            request_id=self._id,
            client=client[0] if client else None,
            stream=self.stream,
            error=type(error).__name__ if failed else None,
        )

"""The web app on a port: it listens, and stops so that running calls can finish."""

import contextlib
import logging
import socket
from collections.abc import Generator
from dataclasses import dataclass

import anyio
import uvicorn
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from vectorstores_server import posix
from vectorstores_tools.errors import InvalidRequest

log = logging.getLogger(__name__)

SECONDS_TO_FINISH = 10.0
SECONDS_TO_HANG_UP = 1
SECONDS_KEPT_ALIVE = 75
"""Longer than clients and proxies keep an idle connection (httpx: 5 s), so that no request meets one being closed."""
BACKLOG = 512
LAST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Bind:
    """Where to listen: a name or an address (IPv6 without brackets), and a port; 0 takes a free one."""

    host: str
    port: int

    @classmethod
    def of(cls, setting: str) -> "Bind":
        """Read HOST:PORT."""
        host, _, port = setting.rpartition(":")
        return cls(host.strip("[]"), int(port))

    def listen(self) -> socket.socket:
        """Open the port. InvalidRequest where it is taken or not ours to have."""
        if self.port > LAST_PORT:
            raise self._wrong("there is no such port")
        try:
            family, _, _, _, address = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)[0]
            listening = socket.create_server(address[:2], family=family, backlog=BACKLOG)
        except OSError as error:
            raise self._wrong(error.strerror or str(error)) from None
        # Connections inherit it. Without it a streamed reply waits 40 ms for the client's ACK; asyncio sets it only on
        # sockets that name their protocol, which create_server's do not.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening

    def _wrong(self, reason: str) -> InvalidRequest:
        return InvalidRequest(
            f"Cannot listen on {self.host}:{self.port}: {reason}.", "Choose another address with --http HOST:PORT."
        )


class Work:
    """What runs and must be let finish: tool calls over any transport, and requests to /v1."""

    def __init__(self) -> None:
        self._running = 0
        self._idle = anyio.Event()
        self._idle.set()
        self.closing = False

    @contextlib.contextmanager
    def one(self) -> Generator[None]:
        """Count one as long as it runs."""
        if not self._running:
            self._idle = anyio.Event()
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()

    async def finished(self, seconds: float) -> bool:
        """Wait until nothing runs; False when the time was up before that."""
        with anyio.move_on_after(seconds):
            await self._idle.wait()
        return not self._running

    async def count_calls(self, ctx: ServerRequestContext[object, object], call_next: CallNext) -> HandlerResult:
        """Count a tool call (a middleware): over SSE its request has ended long before it has."""
        if ctx.method != "tools/call":
            return await call_next(ctx)
        with self.one():
            return await call_next(ctx)


class _Door:
    """In front of the app: counts /v1, and lets nobody in once the server stops."""

    def __init__(self, app: ASGIApp, work: Work) -> None:
        self._app = app
        self._work = work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif self._work.closing:
            await _closing(scope, receive, send)
        elif scope["path"].startswith("/v1"):
            with self._work.one():
                await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, send)


async def _closing(scope: Scope, receive: Receive, send: Send) -> None:
    error = {"message": "The server is stopping. Try again shortly.", "type": "server_error", "param": None}
    headers = {"Retry-After": "5", "Connection": "close"}
    await JSONResponse({"error": {**error, "code": "stopping"}}, 503, headers)(scope, receive, send)


class _Server(uvicorn.Server):
    """Uvicorn, but for signals: they are ours, since they first let running calls finish."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


async def serve_http(app: ASGIApp, work: Work, listening: socket.socket) -> None:
    """Serve until a signal asks to stop: no new work from then on, ten seconds for what runs; a second one ends it."""
    config = uvicorn.Config(
        _Door(app, work),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="on",
        timeout_keep_alive=SECONDS_KEPT_ALIVE,
        timeout_graceful_shutdown=SECONDS_TO_HANG_UP,
    )
    server = _Server(config)
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    log.info("Listening on http://%s:%d: MCP at /mcp and /sse, OpenAI's API at /v1", shown, port)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_stop_at_signal, server, work)
        await server.serve([listening])
        tasks.cancel_scope.cancel()


async def _stop_at_signal(server: uvicorn.Server, work: Work) -> None:
    async with anyio.create_task_group() as tasks:
        async for received in posix.stop_signals():
            if work.closing:
                server.should_exit = server.force_exit = True
            else:
                log.info("Stopping: %s", received.name)
                work.closing = True
                tasks.start_soon(_stop, server, work)


async def _stop(server: uvicorn.Server, work: Work) -> None:
    if not await work.finished(SECONDS_TO_FINISH):
        log.warning("Some calls have not finished in %d seconds and are ended", SECONDS_TO_FINISH)
    server.should_exit = True

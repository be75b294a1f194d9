"""The web app on a port: it listens, and stops so that running calls can finish."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, cast

import anyio
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from vectorstores_server.http.concurrency import Admission
from vectorstores_server.http.connections import Connections, most_connections
from vectorstores_server.system import posix
from vectorstores_server.system.logs import event
from vectorstores_tools.contract.errors import InvalidRequest

log = logging.getLogger(__name__)

SECONDS_TO_FINISH = 10.0
SECONDS_TO_HANG_UP = 1
SECONDS_KEPT_ALIVE = 75
"""Longer than clients and proxies keep an idle connection (httpx: 5 s), so that no request meets one being closed."""
BACKLOG = 128
"""Connections that the system keeps for us, and that the loop accepts in one turn."""
LAST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class BindAddress:
    """The address to listen at: a name or an address (IPv6 without brackets), and a port; 0 takes a free one."""

    host: str
    port: int

    @classmethod
    def of(cls, setting: str) -> "BindAddress":
        """Read HOST:PORT."""
        host, _, port = setting.rpartition(":")
        return cls(host.strip("[]"), int(port))

    def listen(self) -> socket.socket:
        """Open the port. Raises InvalidRequest where it is taken or forbidden."""
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


class _Server(uvicorn.Server):
    """Uvicorn, but for signals: they are ours, since they first let running calls finish."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def url_of(listening: socket.socket) -> str:
    """Return the address of a port."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve_http(
    app: ASGIApp, admission: Admission, listening: socket.socket, connections: Connections | None = None
) -> None:
    """Serve until a signal asks to stop: no new work from then on, ten seconds for what runs; a second one ends it.

    `admission` is that of the app's guard; `connections` are the bounds before it.
    """
    connections = connections or Connections(most_connections(BACKLOG))
    config = uvicorn.Config(
        app,
        http=cast("Any", connections.wrap(cast("Any", H11Protocol))),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="on",
        backlog=BACKLOG,
        timeout_keep_alive=SECONDS_KEPT_ALIVE,
        timeout_graceful_shutdown=SECONDS_TO_HANG_UP,
    )
    server = _Server(config)
    host, port = listening.getsockname()[:2]
    extra = event("listening", host=host, port=port)
    where = url_of(listening)
    log.info("Listening on %s: MCP at /mcp and /sse, OpenAI's API at /v1, a page at /", where, extra=extra)
    asyncio.get_running_loop().set_exception_handler(connections.tell_of_loop)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_stop_at_signal, server, admission)
        await server.serve([listening])
        tasks.cancel_scope.cancel()


async def _stop_at_signal(server: uvicorn.Server, admission: Admission) -> None:
    async with anyio.create_task_group() as tasks:
        async for received in posix.stop_signals():
            if admission.closing:
                server.should_exit = server.force_exit = True
            else:
                log.info("Stopping: %s", received.name, extra=event("stopping", signal=received.name))
                admission.closing = True
                tasks.start_soon(_stop, server, admission)


async def _stop(server: uvicorn.Server, admission: Admission) -> None:
    if not await admission.requests.finished(SECONDS_TO_FINISH):
        extra = event("requests_cut", seconds=SECONDS_TO_FINISH)
        log.warning("Some requests have not finished in %d seconds and are ended", SECONDS_TO_FINISH, extra=extra)
    server.should_exit = True

"""Limits on connections before any request: their number, and the time in which one has to send its headers.

A cap in the app alone comes too late: connections that send nothing never reach it, and at the limit of descriptors
nothing X
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from vectorstores_server.http.policy import HEALTH, READY
from vectorstores_server.system import posix
from vectorstores_server.system.logs import event
from vectorstores_server.system.machine_errors import is_of_the_machine

KEPT = 16
"""Places beyond the cap, for /health and /ready."""
MOST = 2_048
TURNS = 3
"""Turns of the loop from accepting a connection to having closed it, when it is refused."""
SPARE = 192
"""Descriptors that files, the catalog and the index need."""
HEADER_SECONDS = 20.0
"""Seconds from the first byte that may be sent to the last of the headers."""
LOG_SECONDS = 10.0

log = logging.getLogger(__name__)

_FULL = b'{"error":{"message":"The server has no room for more connections. Try again.","type":"server_error"}}'
_REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(_FULL), _FULL)
)
_LATE = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class HttpProtocol(Protocol):
    """The methods used of uvicorn's protocols, those of h11 and of httptools alike."""

    app: ASGIApp
    cycle: Any

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin."""
        ...

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        ...

    def eof_received(self) -> None:
        """Take note that no more bytes come."""
        ...

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        ...

    def pause_writing(self) -> None:
        """Wait: the client does not read."""
        ...

    def resume_writing(self) -> None:
        """Go on."""
        ...


def most_connections(backlog: int) -> int:
    """Return the cap: MOST, or what the limit of descriptors leaves."""
    limit = posix.descriptor_limit()
    return MOST if limit is None else max(KEPT, min(MOST, limit - TURNS * backlog - KEPT - SPARE))


@dataclass(slots=True)
class Connections:
    """The connections of one server: `most`, and KEPT more for /health and /ready."""

    most: int
    header_seconds: float = HEADER_SECONDS
    open: int = 0
    refused: int = 0
    told_at: float = field(default=float("-inf"))
    silent: "dict[BoundedConnection, None]" = field(default_factory=dict["BoundedConnection", None])
    """Those in the places kept for health that have not asked yet, the oldest first."""

    def wrap(self, make: Callable[..., HttpProtocol]) -> "Callable[..., BoundedConnection]":
        """Return the factory of uvicorn's protocol with these bounds around it."""

        def made(**arguments: Any) -> BoundedConnection:
            return BoundedConnection(self, make(**arguments))

        return made

    def has_room(self) -> bool:
        """Tell whether one more may come; the oldest silent one in a place kept for health makes room."""
        if self.open >= self.most + KEPT and self.silent:
            next(iter(self.silent)).give_up()
        return self.open < self.most + KEPT

    def tell_of_loop(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Count connections that the loop cannot accept, which it reports at each try; pass other errors on."""
        error = context.get("exception")
        if "socket" in context and isinstance(error, OSError) and is_of_the_machine(error):
            self.refuse()
        else:
            loop.default_exception_handler(context)

    def refuse(self) -> None:
        """Count a refusal, and say so in the log at most every LOG_SECONDS."""
        self.refused += 1
        if time.monotonic() - self.told_at > LOG_SECONDS:
            self.told_at = time.monotonic()
            extra = event("connections_full", open=self.open, refused=self.refused)
            log.warning("%d connections are open, %d were refused so far", self.open, self.refused, extra=extra)


class BoundedConnection(asyncio.Protocol):
    """One connection: refused where there is no room, ended when its headers do not come."""

    def __init__(self, connections: Connections, inner: HttpProtocol) -> None:
        self._connections = connections
        self._inner = inner
        self._transport: asyncio.Transport | None = None
        self._counted = False
        self._begun = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it, or refuse it."""
        # A stream server gives a stream's transport; that of uvloop is of no class of asyncio.
        transport = cast("asyncio.Transport", transport)
        self._transport = transport
        bounds = self._connections
        if not bounds.has_room():
            bounds.refuse()
            transport.write(_REFUSAL)
            transport.close()
            return
        bounds.open += 1
        self._counted = True
        if bounds.open > bounds.most:
            self._inner.app = _OnlyHealth(self._inner.app, bounds)
            bounds.silent[self] = None
        self._begun = True
        self._inner.connection_made(transport)
        self._wait_for_headers()

    def data_received(self, data: bytes) -> None:
        """Pass bytes on; wait for the rest of the headers unless a request is being answered."""
        if not self._counted:
            return
        self._inner.data_received(data)
        if self._answering():
            self._connections.silent.pop(self, None)
            self._stop_waiting()
        elif self._timer is None:
            self._wait_for_headers()

    def eof_received(self) -> None:
        """Pass it on."""
        if self._counted:
            self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self._stop_waiting()
        self._give_back()
        if self._begun:
            self._begun = False
            self._inner.connection_lost(exc)

    def give_up(self) -> None:
        """End it at once, and give its place back: it has asked for nothing."""
        self._give_back()
        if self._transport is not None:
            self._transport.abort()

    def _give_back(self) -> None:
        if self._counted:
            self._counted = False
            self._connections.open -= 1
            self._connections.silent.pop(self, None)

    def pause_writing(self) -> None:
        """Pass it on."""
        if self._counted:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        if self._counted:
            self._inner.resume_writing()

    def _answering(self) -> bool:
        return self._inner.cycle is not None and not self._inner.cycle.response_complete

    def _wait_for_headers(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._connections.header_seconds, self._late)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if self._transport is not None and not self._transport.is_closing() and not self._answering():
            self._transport.write(_LATE)
            self._transport.close()


class _OnlyHealth:
    """Answers /health and /ready, and refuses the rest: for the last places."""

    def __init__(self, app: ASGIApp, connections: Connections) -> None:
        self._app = app
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in (HEALTH, READY):
            await self._app(scope, receive, send)
            return
        self._connections.refuse()
        body = {"error": {"message": "The server has no room for more connections. Try again.", "type": "server_error"}}
        await JSONResponse(body, 503, {"retry-after": "1", "connection": "close"})(scope, receive, send)

"""The MCP servers of bound callers: one for each set of bounds, so that nothing of one team passes through another's.

A server has its own subscriptions and its own bus. It is made with the first request, and lives as long as it is used.
"""

from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import anyio
import anyio.abc
from mcp.server import MCPServer
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from vectorstores_server.http.auth import Caller
from vectorstores_server.http.refusals import not_bound
from vectorstores_server.http.sse_calls import SseCallLimit
from vectorstores_tools.contract.bounds import StoreBounds

MakeBound: TypeAlias = Callable[[StoreBounds, bool], MCPServer]
"""Makes the MCP server of callers with these bounds, who may only read where the flag is set."""
Transports: TypeAlias = Mapping[str, Callable[[MCPServer], ASGIApp]]
JSON = "application/json"
MOST_AT_REST = 200
"""Servers that are kept though no request runs in them: tokens of an OAuth issuer may come with ever new bounds."""


@dataclass(slots=True)
class BoundServer:
    """One server, its apps by transport, and how many requests and streams are in it."""

    server: MCPServer
    apps: Mapping[str, ASGIApp]
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    running: int = 0


class BoundServers:
    """Finds the server of a caller, and makes it where there is none yet."""

    def __init__(
        self, make: MakeBound | None, transports: Transports, limit: SseCallLimit, most: int = MOST_AT_REST
    ) -> None:
        self._make = make
        self._transports = transports
        self._limit = limit
        self._most = most
        self._servers: OrderedDict[tuple[str, bool], BoundServer] = OrderedDict()
        self._making = anyio.Lock()
        self._tasks: anyio.abc.TaskGroup | None = None

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Let servers run inside."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            yield
            self._tasks = None
            tasks.cancel_scope.cancel()

    def over(self, transport: str) -> ASGIApp:
        """Return the app of a transport, which passes each request on to the server of its caller."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            served = await self._taken(scope["state"]["caller"])
            if served is None:
                body = not_bound().body(scope["path"])
                await Response(body, not_bound().status, media_type=JSON)(scope, receive, send)
                return
            try:
                await served.apps[transport](scope, receive, send)
            finally:
                served.running -= 1

        return app

    async def _taken(self, caller: Caller) -> BoundServer | None:
        """Return the caller's server with one more request in it; None where none can be made."""
        if self._make is None or self._tasks is None or caller.bounds is None:
            return None
        key = (caller.bounds.key, caller.read_only)
        async with self._making:
            if key not in self._servers:
                server = self._make(caller.bounds, caller.read_only)
                self._servers[key] = await self._begun(server, self._tasks)
            served = self._servers[key]
            served.running += 1
            self._servers.move_to_end(key)
            self._end_unused()
            return served

    async def _begun(self, server: MCPServer, tasks: anyio.abc.TaskGroup) -> BoundServer:
        server.middleware.append(self._limit.count)
        made = BoundServer(server, {name: transport(server) for name, transport in self._transports.items()})
        await tasks.start(_run, made)
        return made

    def _end_unused(self) -> None:
        """End those that were used longest ago and have nothing to do; a client of 2025 begins a new session then."""
        at_rest = [key for key, served in self._servers.items() if not served.running]
        for key in at_rest[: max(0, len(at_rest) - self._most)]:
            self._servers.pop(key).scope.cancel()


async def _run(served: BoundServer, *, task_status: anyio.abc.TaskStatus[None]) -> None:
    with served.scope:
        async with served.server.session_manager.run():
            task_status.started()
            await anyio.sleep_forever()

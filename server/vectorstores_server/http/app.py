"""One app for all of HTTP: /mcp, /sse, /v1, the page, the operators' endpoints; the guard in front of everything."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from mcp.server import MCPServer
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from vectorstores_server.calls.recorder import CallRecorder
from vectorstores_server.calls.ring import CallRing
from vectorstores_server.http.auth import ANYBODY, Caller
from vectorstores_server.http.bound_servers import BoundServers, MakeBound
from vectorstores_server.http.concurrency import Admission
from vectorstores_server.http.guard import Guard
from vectorstores_server.http.metrics import Metrics
from vectorstores_server.http.operations import Probe, operations
from vectorstores_server.http.policy import METADATA, Policy
from vectorstores_server.http.sse_calls import SseCallLimit
from vectorstores_server.http.sse_lines import EscapedLineEnds
from vectorstores_server.http.v1.api import build_api
from vectorstores_server.page.opening import OneTimeTokens
from vectorstores_server.page.routes import page_routes
from vectorstores_server.page.views import PageParts
from vectorstores_server.protocol.disconnects import DisconnectWatch
from vectorstores_tools.contract.engine import Engine

MAX_BODY = 16 * 1024 * 1024
MAX_BOUND_SESSIONS = 400
"""Sessions of the callers with the same bounds, who have a server of their own."""
STREAMABLE, SSE = "streamable", "sse"
MAX_SESSIONS = 4_000
"""Sessions of clients of 2025 and before: some 50 kB each, for half an hour after its last request."""
# The guard checks Host and Origin; the SDK's own check would answer 421 to every host but localhost.
UNGUARDED = TransportSecuritySettings(enable_dns_rebinding_protection=False)


@dataclass(frozen=True, slots=True)
class Servers:
    """The MCP server for callers who may write, and the one for those who may only read.

    `bound` makes the one for callers with bounds; without it they are refused.
    """

    writing: MCPServer
    reading: MCPServer
    bound: MakeBound | None = None

    def all(self) -> list[MCPServer]:
        """Return each once: on a read-only server the two are one."""
        return [self.writing] if self.writing is self.reading else [self.writing, self.reading]


class _ByCaller:
    """Passes a request to the app for what its caller may do, which the guard has noted.

    The SDK is told who it is, so that a session answers only to the caller who opened it.
    """

    def __init__(self, writing: ASGIApp, reading: ASGIApp, bound: ASGIApp) -> None:
        self._writing, self._reading = AuthContextMiddleware(writing), AuthContextMiddleware(reading)
        self._bound = AuthContextMiddleware(bound)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller: Caller = scope["state"]["caller"]
        app = self._bound if caller.bounds else self._reading if caller.read_only else self._writing
        if caller == ANYBODY:
            await app(scope, receive, send)
        else:
            known = AccessToken(token="", client_id=caller.name, scopes=[])
            await app({**scope, "user": AuthenticatedUser(known)}, receive, send)


def build_web(
    servers: Servers,
    engine: Engine,
    probe: Probe,
    *,
    policy: Policy | None = None,
    admission: Admission | None = None,
    metadata: Mapping[str, Any] | None = None,
    read_only: bool = False,
    ring: CallRing | None = None,
    calls: CallRecorder | None = None,
    once: OneTimeTokens | None = None,
) -> ASGIApp:
    """Return the whole app. `engine` is open and stays the caller's; `metadata` is set in OAuth mode.

    `ring` has the calls that the page shows, `calls` takes the searches over /v1.
    """
    policy = policy or Policy()
    api = build_api(engine, calls=calls)
    signs_in = policy.verifier is not None
    parts = PageParts(engine, policy.sessions, signs_in=signs_in, read_only=read_only, ring=ring, once=once)
    admission = admission or Admission(128, 64)
    metrics = Metrics(admission)
    limit = SseCallLimit(admission)
    for server in servers.all():
        server.middleware.append(limit.count)
    bound = BoundServers(servers.bound, {STREAMABLE: _bound_streamable, SSE: _sse}, limit)
    routes = [
        *operations(probe, metrics),
        *([] if metadata is None else _metadata(metadata)),
        *_protocol(servers, bound),
        *page_routes(parts, api, policy.is_known),
        Mount("/", app=api),
    ]
    app = Starlette(routes=routes, lifespan=_lifespan(servers, bound))
    return Guard(app, policy, admission, metrics.observe)


def _protocol(servers: Servers, bound: BoundServers) -> list[BaseRoute]:
    """Return the SDK's routes. `/mcp/` is a route too: the mount of /v1 would swallow the redirect to `/mcp`."""
    streamable = _by_caller(servers, _streamable, bound.over(STREAMABLE))
    sse = _by_caller(servers, _sse, bound.over(SSE))
    return [
        Route("/mcp", endpoint=streamable),
        Route("/mcp/", endpoint=_Renamed(streamable, "/mcp")),
        Route("/sse", endpoint=sse),
        Mount("/messages", app=_Unmounted(sse)),
    ]


def _by_caller(servers: Servers, transport: Callable[[MCPServer], ASGIApp], bound: ASGIApp) -> ASGIApp:
    apps = [transport(server) for server in servers.all()]
    return _ByCaller(apps[0], apps[-1], bound)


def _streamable(server: MCPServer, most: int = MAX_SESSIONS) -> ASGIApp:
    app = server.streamable_http_app(transport_security=UNGUARDED, max_request_body_size=MAX_BODY, max_sessions=most)
    return DisconnectWatch(EscapedLineEnds(app))


def _bound_streamable(server: MCPServer) -> ASGIApp:
    return _streamable(server, MAX_BOUND_SESSIONS)


def _sse(server: MCPServer) -> ASGIApp:
    return EscapedLineEnds(server.sse_app(transport_security=UNGUARDED, max_request_body_size=MAX_BODY))


class _Renamed:
    """Passes a request on under another path."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app, self._path = app, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, "path": self._path, "raw_path": self._path.encode()}, receive, send)


class _Unmounted:
    """Passes a request on without the root path that a mount adds."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, "root_path": ""}, receive, send)


def _lifespan(servers: Servers, bound: BoundServers) -> Callable[[Starlette], Any]:
    """Return the outer lifespan, which enters both session managers; those of mounted apps never run."""

    @asynccontextmanager
    async def live(_app: Starlette) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            for server in servers.all():
                await stack.enter_async_context(server.session_manager.run())
            await stack.enter_async_context(bound.running())
            yield

    return live


def _metadata(metadata: Mapping[str, Any]) -> list[BaseRoute]:
    async def show(_request: Request) -> Response:
        return JSONResponse(dict(metadata))

    return [Route(METADATA, show), Route(f"{METADATA}/{{path:path}}", show)]

"""One app for all of HTTP: /mcp, /sse, /v1, and what an operator looks at; the guard in front of everything."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from vectorstores_server.admission import Admission
from vectorstores_server.guard import Guard, Policy
from vectorstores_server.hangups import Hangups
from vectorstores_server.metrics import Metrics
from vectorstores_server.rest.api import build_api
from vectorstores_tools.contract import Engine

MAX_BODY = 16 * 1024 * 1024
# The guard checks Host and Origin; the SDK's own check would answer 421 to every host but localhost.
UNGUARDED = TransportSecuritySettings(enable_dns_rebinding_protection=False)
METADATA = "/.well-known/oauth-protected-resource"

Probe = Callable[[], Awaitable[Mapping[str, Any]]]
"""Returns {"ready": bool, ...} for /ready; numbers among it are shown by /metrics."""


@dataclass(frozen=True, slots=True)
class Servers:
    """The MCP server for callers who may write, and the one for those who may only read."""

    writing: MCPServer
    reading: MCPServer


class _ByCaller:
    """Passes a request to the app for what its caller may do, which the guard has noted."""

    def __init__(self, writing: ASGIApp, reading: ASGIApp) -> None:
        self._writing, self._reading = writing, reading

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._reading if scope["state"]["read_only"] else self._writing
        await app(scope, receive, send)


def build_web(
    servers: Servers,
    engine: Engine,
    probe: Probe,
    *,
    policy: Policy | None = None,
    admission: Admission | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> ASGIApp:
    """Return the whole app. `engine` is open and stays the caller's; `metadata` is set in OAuth mode."""
    admission = admission or Admission(128, 64)
    metrics = Metrics(admission)
    routes = [
        *_operations(probe, metrics),
        *([] if metadata is None else _metadata(metadata)),
        *_protocol(servers),
        Mount("/", app=build_api(engine)),
    ]
    app = Starlette(routes=routes, lifespan=_lifespan(servers))
    return Guard(app, policy or Policy(), admission, metrics.observe)


def _protocol(servers: Servers) -> list[BaseRoute]:
    """Return the SDK's routes. `/mcp/` is a route too: the mount of /v1 would swallow the redirect to `/mcp`."""
    streamable = _ByCaller(_streamable(servers.writing), _streamable(servers.reading))
    sse = _ByCaller(_sse(servers.writing), _sse(servers.reading))
    return [
        Route("/mcp", endpoint=streamable),
        Route("/mcp/", endpoint=_Renamed(streamable, "/mcp")),
        Route("/sse", endpoint=sse),
        Mount("/messages", app=_Unmounted(sse)),
    ]


def _streamable(server: MCPServer) -> ASGIApp:
    return Hangups(server.streamable_http_app(transport_security=UNGUARDED, max_request_body_size=MAX_BODY))


def _sse(server: MCPServer) -> ASGIApp:
    return server.sse_app(transport_security=UNGUARDED, max_request_body_size=MAX_BODY)


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


def _lifespan(servers: Servers) -> Callable[[Starlette], Any]:
    """Return the outer lifespan, which enters both session managers; those of mounted apps never run."""

    @asynccontextmanager
    async def live(app: Starlette) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            for server in {id(s): s for s in (servers.writing, servers.reading)}.values():
                await stack.enter_async_context(server.session_manager.run())
            yield

    return live


def _operations(probe: Probe, metrics: Metrics) -> list[BaseRoute]:
    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(request: Request) -> Response:
        state = dict(await probe())
        return JSONResponse(state, 200 if state.get("ready") else 503)

    async def show(request: Request) -> Response:
        state = await probe()
        numbers = {name: float(v) for name, v in state.items() if isinstance(v, int | float)}
        return Response(metrics.render(numbers), media_type=metrics.content_type)

    return [Route("/health", health), Route("/ready", ready), Route("/metrics", show)]


def _metadata(metadata: Mapping[str, Any]) -> list[BaseRoute]:
    async def show(request: Request) -> Response:
        return JSONResponse(dict(metadata))

    return [Route(METADATA, show), Route(f"{METADATA}/mcp", show)]

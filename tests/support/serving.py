"""One server in reach of a client over every transport: in memory, stdio, streamable HTTP and SSE."""

import re
import socket
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import anyio
import httpx2
import uvicorn
from mcp import Client, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.server import MCPServer
from starlette.types import ASGIApp

from vectorstores_server.bounds.engine import seen_within, walker_within
from vectorstores_server.calls.recorder import CallRecorder
from vectorstores_server.calls.ring import CallRing
from vectorstores_server.http.app import Servers, build_web
from vectorstores_server.http.policy import Policy
from vectorstores_server.intake import MachineIntake
from vectorstores_server.intake.folders import FileCriteria
from vectorstores_server.mirrors import MirrorKeeper
from vectorstores_server.protocol.server import ToolSurface, build_server
from vectorstores_tools.contract.bounds import StoreBounds
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.maintenance import Health

Transport: TypeAlias = Literal["memory", "stdio", "http", "sse"]


@dataclass(frozen=True, slots=True)
class House:
    """One engine behind all transports but stdio, whose process has an engine of its own."""

    engine: Engine
    server: MCPServer[Any]
    url: str
    home: Path
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    policy: Policy | None = None

    @property
    def folder(self) -> Path:
        """The only folder from which files are taken."""
        return self.home / "files"

    def known_as(self, token: str) -> "House":
        """Return the same house for a client with this token."""
        return replace(self, headers={"authorization": f"Bearer {token}"})

    def client(self, transport: Transport, **options: Any) -> Client:
        """Return a client that is not connected yet."""
        match transport:
            case "memory":
                return Client(self.server, **options)
            case "stdio":
                return Client(self._process(), **options)
            case "http":
                return Client(over_http(f"{self.url}/mcp", self.headers), **options)
            case "sse":
                return Client(sse_client(f"{self.url}/sse", headers=dict(self.headers), timeout=60), **options)

    def _process(self) -> StdioServerParameters:
        settings = {"DATA": self.home / "stdio", "EMBEDDER": "none", "FILE_ROOTS": self.folder}
        environment = {f"VECTOR_STORES_{name}": str(value) for name, value in settings.items()}
        return StdioServerParameters(
            command=sys.executable, args=["-m", "vectorstores_server"], env={"HOME": str(self.home), **environment}
        )


@asynccontextmanager
async def over_http(url: str, headers: Mapping[str, str]) -> AsyncGenerator[Any]:
    """The SDK's transport of streamable HTTP, with headers."""
    timeout = httpx2.Timeout(30, read=60)
    async with (
        httpx2.AsyncClient(headers=dict(headers), timeout=timeout) as client,
        streamable_http_client(url, http_client=client) as streams,
    ):
        yield streams


@asynccontextmanager
async def house(engine: Engine, home: Path, policy: Policy | None = None) -> AsyncGenerator[House]:
    """Serve an engine; files may be taken from the folder `files` below `home`."""
    folder = home / "files"
    await anyio.Path(folder).mkdir(parents=True, exist_ok=True)
    wanted = FileCriteria(engine.capabilities.extensions, engine.capabilities.max_file_bytes)
    intake = MachineIntake(home / "data", wanted, [folder])
    calls = CallRecorder(CallRing(home))
    writing = build_server(engine, intake, ToolSurface(), calls)
    reading = build_server(engine, intake, ToolSurface(read_only=True), calls)

    async def probe() -> Health:
        await anyio.lowlevel.checkpoint()
        return Health({})

    def bound(bounds: StoreBounds, read_only: bool) -> MCPServer:
        walker = walker_within(engine, MirrorKeeper(engine, intake), bounds)
        return build_server(seen_within(engine, bounds), intake, ToolSurface(read_only=read_only), calls, walker)

    servers = Servers(writing, reading, bound)
    web = build_web(servers, engine, probe, policy=policy, ring=calls.ring, calls=calls)
    async with listening(web) as url:
        yield House(engine, writing, url, home, policy=policy)
    calls.flush()


@asynccontextmanager
async def listening(app: ASGIApp) -> AsyncGenerator[str]:
    """Serve an app on a free port of this machine, and yield its address. Who comes before it is up, waits."""
    config = uvicorn.Config(app, log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(server.serve, sockets=[listener]))
            try:
                yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            finally:
                server.should_exit = True


async def address(log: Path) -> str:
    """Wait until the server that writes this log says where it listens."""
    with anyio.fail_after(30):
        while True:
            if found := re.search(r"Listening on (http://127\.0\.0\.1:\d+)", await anyio.Path(log).read_text()):
                return found[1]
            await anyio.sleep(0.05)

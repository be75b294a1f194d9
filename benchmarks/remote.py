"""Forwarding to another vector-stores-mcp on the loopback: each tool against the same call of /v1, made with httpx."""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx
import psutil
from mcp import Client
from mcp.server import MCPServer

from benchmarks.budgets import Result
from benchmarks.corpus import claims
from benchmarks.metrics import median
from benchmarks.options import Options
from benchmarks.processes import Served
from benchmarks.remote_upload import large_upload
from benchmarks.stores import attach, finished, written
from benchmarks.web import ours
from vectorstores_server.engines.remote.factory import open_remote
from vectorstores_server.engines.remote.http.address import RemoteChoice
from vectorstores_server.intake import MachineIntake
from vectorstores_server.intake.folders import FileCriteria
from vectorstores_server.protocol.server import ToolSurface, build_server

CALLS = 100
"""Calls of each tool, in turn with the same made directly; all attaching calls together stay below 300 a minute."""
WARM = 5
MOST = 1.5

Direct = Callable[[int], Awaitable[httpx.Response]]


@dataclass(frozen=True, slots=True)
class Setting:
    """The tools that forward, the client that needs none, and the store and files that both ask about."""

    forwarding: Served
    direct: httpx.AsyncClient
    store: str
    files: Sequence[str]
    batch: str
    doomed: list[str]
    """Files that are there to be deleted."""
    questions: Sequence[str]


@dataclass(frozen=True, slots=True)
class Pair:
    """One tool, and the request that does the same; both get the number of the call."""

    tool: str
    arguments: Callable[[int], Mapping[str, Any]]
    direct: Direct


@dataclass(slots=True)
class Times:
    """Seconds of each way."""

    tool: list[float] = field(default_factory=list[float])
    direct: list[float] = field(default_factory=list[float])

    @property
    def ratio(self) -> float:
        """Return how many times longer the tool takes."""
        return median(self.tool) / median(self.direct)


async def run(options: Options) -> list[Result]:
    """Measure every tool, and one large upload."""
    async with ours(options.work / "there", FILE_ROOTS=str(options.work)) as web:
        base_url = f"http://127.0.0.1:{web.port}/v1"
        async with setting(options, base_url) as it:
            times = {pair.tool: await in_turn(it, pair) for pair in pairs(it)}
        return [tools_row(times, await bare()), await large_upload(options, base_url)]


@asynccontextmanager
async def setting(options: Options, base_url: str) -> AsyncGenerator[Setting]:
    """Put a client on the tools over the remote engine, in this process, beside a client of /v1."""
    engine = open_remote(RemoteChoice(base_url))
    wanted = FileCriteria(engine.capabilities.extensions, engine.capabilities.max_file_bytes)
    server = build_server(engine, MachineIntake(options.work / "here", wanted, [options.work]), ToolSurface())
    direct = httpx.AsyncClient(base_url=base_url, headers={"X-Vector-Stores-Extended": "1"}, timeout=600)
    async with aclosing(engine), direct, Client(server, cache=None) as client:
        forwarding = Served(client, psutil.Process(), time.perf_counter())
        store = (await forwarding.call("create_store", name="forwarded"))["id"]
        await attach(forwarding, store, [str(written(options)[0])], {})
        await finished(forwarding, store)
        files = [one["id"] for one in (await forwarding.call("list", vector_store_id=store, limit=100))["data"]]
        batch = (await forwarding.call("batch_attach", vector_store_id=store, file_ids=files))["id"]
        doomed = [(await upload(direct, call)).json()["id"] for call in range(2 * (CALLS + WARM))]
        yield Setting(forwarding, direct, store, files, batch, doomed, list(claims(options.data).values()))


async def bare() -> float:
    """Return the seconds of a call to a tool that does nothing, of a server that has no other: the protocol's share."""
    server: MCPServer[Any] = MCPServer("bare")

    @server.tool()
    async def echo(text: str) -> str:
        await anyio.lowlevel.checkpoint()
        return text

    times: list[float] = []
    async with Client(server, cache=None) as client:
        for _ in range(CALLS + WARM):
            began = time.perf_counter()
            await client.call_tool("echo", {"text": "x"})
            times.append(time.perf_counter() - began)
    return median(times[WARM:])


async def upload(direct: httpx.AsyncClient, call: int) -> httpx.Response:
    name = ("a.txt", f"Note {call}.".encode())
    return await direct.post("files", data={"purpose": "assistants"}, files={"file": name})


def pairs(it: Setting) -> list[Pair]:
    """Return every tool. What is attached is attached already: no work in the background disturbs the clock."""
    store, files, direct = it.store, it.files, it.direct
    here = f"vector_stores/{store}"

    def batch(call: int) -> dict[str, Any]:
        return {"file_ids": [files[call % len(files)]]}

    return [
        Pair("list", lambda call: {}, lambda call: direct.get("vector_stores?limit=20")),
        Pair("retrieve", lambda call: {"vector_store_id": store}, lambda call: direct.get(here)),
        Pair(
            "search",
            lambda call: {"vector_store_id": store, "query": it.questions[2 * call]},
            lambda call: direct.post(f"{here}/search", json={"query": it.questions[2 * call + 1]}),
        ),
        Pair(
            "read",
            lambda call: {"vector_store_id": store, "file_id": files[call % len(files)]},
            lambda call: direct.get(f"{here}/files/{files[-call % len(files)]}/content"),
        ),
        Pair("create_store", lambda call: {"name": "x"}, lambda call: direct.post("vector_stores", json={"name": "x"})),
        Pair(
            "update",
            lambda call: {"vector_store_id": store, "metadata": {"n": f"a{call}"}},
            lambda call: direct.post(here, json={"metadata": {"n": f"b{call}"}}),
        ),
        Pair(
            "upload_file",
            lambda call: {"text": f"Note {call}.", "filename": "a.txt"},
            lambda call: upload(direct, call),
        ),
        Pair(
            "batch_attach",
            lambda call: {"vector_store_id": store, "wait_seconds": 0, **batch(call)},
            lambda call: direct.post(f"{here}/file_batches", json=batch(call)),
        ),
        Pair(
            "cancel_batch",
            lambda call: {"vector_store_id": store, "batch_id": it.batch},
            lambda call: direct.post(f"{here}/file_batches/{it.batch}/cancel"),
        ),
        Pair(
            "delete",
            lambda call: {"what": "file", "file_id": it.doomed.pop(), "confirm": True},
            lambda call: direct.delete(f"files/{it.doomed.pop()}"),
        ),
    ]


async def in_turn(it: Setting, pair: Pair) -> Times:
    """Do the same both ways, one after the other, beginning with each in turn."""
    times = Times()

    async def forwarded(call: int) -> None:
        arguments = pair.arguments(call)
        began = time.perf_counter()
        await it.forwarding.call(pair.tool, **arguments)
        times.tool.append(time.perf_counter() - began)

    async def directly(call: int) -> None:
        began = time.perf_counter()
        (await pair.direct(call)).raise_for_status()
        times.direct.append(time.perf_counter() - began)

    for call in range(CALLS + WARM):
        for way in (forwarded, directly) if call % 2 else (directly, forwarded):
            await way(call)
    return Times(times.tool[WARM:], times.direct[WARM:])


def tools_row(times: Mapping[str, Times], protocol: float) -> Result:
    for tool, one in times.items():
        ours, theirs = 1e3 * median(one.tool), 1e3 * median(one.direct)
        print(f"{tool}: {ours:.1f} ms, directly {theirs:.1f} ms, {one.ratio:.2f} x")
    worst = max(times, key=lambda tool: times[tool].ratio)
    missed = [tool for tool, one in times.items() if one.ratio > MOST]
    return Result(
        "remote",
        f"httpx, {worst}: {1e3 * median(times[worst].direct):.1f} ms",
        f"{1e3 * median(times[worst].tool):.1f} ms",
        f"{times[worst].ratio:.2f} x",
        not missed,
        f"the worst of {len(times)} tools, {CALLS} calls each; above {MOST} x: {', '.join(missed) or 'none'};"
        f" a tool that does nothing takes {1e3 * protocol:.1f} ms of it",
    )

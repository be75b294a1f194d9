"""32 clients searching 10k passages over HTTP, alone and beside an ingest; 200 idle streams."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anyio

from benchmarks.asking import FIRST, SECOND, OverV1, Way, WithoutSession, WithSession
from benchmarks.budgets import Result
from benchmarks.corpus import claims
from benchmarks.ingest import documents
from benchmarks.loops import CLIENTS, Client, Load, closed, joined, opened
from benchmarks.options import Options
from benchmarks.stores import serve_stores, short_documents
from benchmarks.web import Web, bare, ours
from benchmarks.wire import Connection

SECONDS = 10.0
SHARE = 0.6
"""The rate of questions in the open loop, as a share of the rate that the closed loop reached."""
GENTLE = 10.0
"""Questions a second while a batch is ingested, and without it."""
FILES_BESIDE = 40
STREAMS = 200
HELD = 60.0
ROWS = {"/mcp, 2025-11-25": "load_session", "/mcp, 2026-07-28": "load_stateless", "/v1": "load_v1"}
FLAT = 1.02
"""How much more memory may be held after the minute than before."""


async def run(options: Options) -> list[Result]:
    """Measure the rows of load."""
    async with serve_stores(options) as server:
        store = await short_documents(server, options)
    texts = list(claims(options.data).values())
    async with bare() as web:
        echoes = {name: await both(web, way, texts) for name, way in echo_ways().items()}
    async with ours(options.work / "stores") as web:
        idle = await idle_streams(web, store)
    async with ours(options.work / "stores", FILE_ROOTS=str(options.work)) as web:
        searches = {name: await both(web, way, texts) for name, way in search_ways(store).items()}
        busy = await beside_ingest(web, store, texts, options)
    echoes["/v1"] = echoes["/mcp, 2026-07-28"]
    rows = [row(name, searches[name], echoes[name]) for name in searches]
    return [*rows, busy, idle]


def search_ways(store: str) -> dict[str, Callable[[], Way]]:
    """Return how to search, by the name of the row."""

    def arguments(text: str) -> Mapping[str, Any]:
        return {"vector_store_id": store, "query": text}

    return {
        "/mcp, 2025-11-25": lambda: WithSession("search", arguments),
        "/mcp, 2026-07-28": lambda: WithoutSession("search", arguments),
        "/v1": lambda: OverV1(store),
    }


def echo_ways() -> dict[str, Callable[[], Way]]:
    def arguments(text: str) -> Mapping[str, Any]:
        return {"text": text}

    return {
        "/mcp, 2025-11-25": lambda: WithSession("echo", arguments),
        "/mcp, 2026-07-28": lambda: WithoutSession("echo", arguments),
    }


@dataclass(frozen=True, slots=True)
class Both:
    """The two loops of one way to ask, and the processor time of the server, in milliseconds an answer."""

    closed: Load
    opened: Load
    processor: float

    def __str__(self) -> str:
        return f"closed {self.closed}; open {self.opened}"


async def both(web: Web, way: Callable[[], Way], texts: Sequence[str]) -> Both:
    async with joined(web.port, way) as clients:
        await closed(clients, texts, 1.0)
        before = web.processor()
        crowd = await closed(clients, texts, SECONDS)
        spent = web.processor() - before
        spread = await opened(clients, texts, SHARE * crowd.rate, SECONDS)
        return Both(crowd, spread, 1e3 * spent / len(crowd.times))


def row(name: str, search: Both, echo: Both) -> Result:
    errors = search.closed.errors + search.opened.errors
    return Result(
        ROWS[name],
        f"echo: {echo}",
        str(search),
        f"{search.closed.at(0.5) / echo.closed.at(0.5):.1f} x",
        not errors,
        f"processor time of the server {search.processor:.1f} ms an answer, of the echo {echo.processor:.1f} ms; "
        f"the open loop asks at {SHARE:.0%} of the rate of the closed one; {errors.total()} errors"
        + "".join(f"; {count} x {error}" for error, count in errors.items()),
    )


async def beside_ingest(web: Web, store: str, texts: Sequence[str], options: Options) -> Result:
    """Search at the same rate with and without a batch being taken in."""
    folder = documents(options.work / "beside-http", options.data, FILES_BESIDE)
    async with joined(web.port, search_ways(store)["/mcp, 2026-07-28"]) as clients:
        await opened(clients, texts, GENTLE, 2.0)
        idle = await opened(clients, texts, GENTLE, SECONDS)
        other = (await call(clients[0], "create_store", name="beside"))["id"]
        while (await call(clients[0], "batch_attach", vector_store_id=other, paths=[str(folder)], wait_seconds=0))[
            "not_uploaded"
        ]:
            pass
        busy = await opened(clients, texts, GENTLE, SECONDS)
        left = (await call(clients[0], "retrieve", vector_store_id=other))["file_counts"]["in_progress"]
        await call(clients[0], "delete", what="store", vector_store_id=other, confirm=True)
    ratio = busy.at(0.95) / idle.at(0.95)
    return Result(
        "load_during_ingest",
        f"idle {idle}",
        str(busy),
        f"{ratio:.2f} x",
        ratio <= 3 and left > 0 and not (idle.errors + busy.errors),
        f"{left} of {FILES_BESIDE} files were in progress at the end; {CLIENTS} clients, {GENTLE:.0f} questions/s",
    )


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    return await WithoutSession(tool, lambda _: arguments).ask(client.connection, "")


async def idle_streams(web: Web, store: str) -> Result:
    """Hold idle connections for a minute, and measure their memory."""
    async with joined(web.port, search_ways(store)["/v1"], 1) as clients:
        await closed(clients, ["What is held in memory?"], 2.0)
    without = web.resident()
    streams = [await Connection.open(web.port) for _ in range(STREAMS)]
    posts = await Connection.open(web.port)
    for stream in streams:
        messages = await stream.listen("/sse")
        await posts.post(messages, FIRST, {})
        await posts.post(messages, SECOND, {})
    await posts.close()
    before = web.resident()
    async with anyio.create_task_group() as tasks:
        for stream in streams:
            tasks.start_soon(stream.drain, HELD)
    after = web.resident()
    for stream in streams:
        await stream.close()
    return Result(
        "load_idle",
        f"{without:.0f} MB without them, {before:.0f} MB with all open",
        f"{after:.0f} MB after a minute",
        f"{after / before:.3f} x",
        after <= FLAT * before,
        f"{1e3 * (before - without) / STREAMS:.0f} kB a stream",
    )

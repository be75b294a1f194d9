"""The start: seconds until the tools are listed, the cost of that, and the cost of the first calls after it."""

import subprocess
import sys
import time
from pathlib import Path

import anyio

from benchmarks.budgets import Result
from benchmarks.metrics import median
from benchmarks.options import Options
from benchmarks.processes import BARE, OURS, Served, loaded, serve

LOOKING = 3.0
"""Seconds in which a client looks at what it has listed."""
SQLITE_ALONE = """
import sqlite3, sys, time
began = time.perf_counter()
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode=WAL"); db.execute("PRAGMA synchronous=FULL")
db.execute("CREATE TABLE IF NOT EXISTS store (id TEXT PRIMARY KEY, created_at INTEGER)")
db.execute("BEGIN IMMEDIATE"); db.execute("INSERT INTO store VALUES (hex(randomblob(12)), 0)"); db.execute("COMMIT")
db.execute("SELECT * FROM store ORDER BY created_at LIMIT 20").fetchall()
print(time.perf_counter() - began)
"""
PARTS = """
import asyncio, sys, time
from pathlib import Path
began = time.perf_counter()
import lancedb, onnxruntime
imported = time.perf_counter()
from vectorstores_server.engines.local.embedding import EmbedderChoice, open_embedder
embedder = open_embedder(EmbedderChoice(name="minilm", cache=Path(sys.argv[1])))
asyncio.run(embedder.embed_query("a query"))
print(time.perf_counter() - began, imported - began)
"""


async def run(options: Options) -> list[Result]:
    """Measure the rows of the start, bare server and ours in turn."""
    results = await tools_listed(options)
    results.append(await first_calls(options))
    results += await first_search(options)
    return results


async def tools_listed(options: Options) -> list[Result]:
    times: dict[str, list[float]] = {"bare": [], "ours": []}
    memory: dict[str, list[float]] = {"bare": [], "ours": []}
    connections = 0
    for _ in range(options.runs):
        for name, command in (("bare", BARE), ("ours", OURS)):
            async with serve(command, options.work / "start") as server:
                await server.client.list_tools()
                times[name].append(time.perf_counter() - server.started)
                memory[name].append(server.process.memory_info().rss / 1e6)
                if name == "ours":
                    connections += len(server.process.net_connections("inet"))
    bare, ours = median(times["bare"]), median(times["ours"])
    small, large = median(memory["bare"]), median(memory["ours"])
    return [
        Result(
            "start",
            f"bare server {bare:.2f} s",
            f"{ours:.2f} s",
            f"{ours / bare:.2f} x",
            ours <= 1.25 * bare and not connections,
            f"{connections} network connections",
        ),
        Result(
            "memory", f"bare server {small:.0f} MB", f"{large:.0f} MB", f"{large / small:.2f} x", large <= 1.4 * small
        ),
    ]


async def first_calls(options: Options) -> Result:
    alone: list[float] = []
    listing: list[float] = []
    creating: list[float] = []
    imported = False
    for turn in range(options.runs):
        alone.append(printed(SQLITE_ALONE, options.work / f"alone-{turn}.db")[0])
        for times, tool, arguments in (
            (listing, "list", {"of": "stores"}),
            (creating, "create_store", {"name": "first"}),
        ):
            async with serve(OURS, options.work / f"first-{turn}") as server:
                times.append(await timed(server, tool, arguments))
                imported = imported or loaded(server.process, "lancedb")
    slower = max(median(listing), median(creating))
    return Result(
        "first_call",
        f"SQLite alone {1e3 * median(alone):.1f} ms",
        f"{1e3 * median(listing):.1f} / {1e3 * median(creating):.1f} ms",
        f"{slower / median(alone):.1f} x",
        slower <= 0.050 and not imported,
        f"lancedb {'was' if imported else 'was not'} imported",
    )


async def first_search(options: Options) -> list[Result]:
    data = options.work / "first-search"
    await fill(data)
    parts: list[float] = []
    searches: list[float] = []
    warmed: list[float] = []
    for _ in range(options.runs):
        parts.append(printed(PARTS, options.work / "models")[0])
        async with serve(OURS, data) as server:
            searches.append(await timed(server, "search", {"query": "which text is meant"}))
        async with serve(OURS, data) as server:
            store = (await server.call("list", of="stores"))["data"][0]["id"]
            await server.call("list", vector_store_id=store)
            await anyio.sleep(LOOKING)
            warmed.append(await timed(server, "search", {"query": "which text is meant"}))
    ours, reference, ready = median(searches), median(parts), median(warmed)
    return [
        Result(
            "first_search",
            f"imports and model {reference:.2f} s",
            f"{ours:.2f} s",
            f"{ours / reference:.2f} x",
            ours <= 1.3 * reference,
        ),
        Result(
            "warmed_search",
            f"a first search {1e3 * ours:.0f} ms",
            f"{1e3 * ready:.0f} ms",
            f"{ready / ours:.2f} x",
            ready <= 0.2 * ours,
        ),
    ]


async def fill(data: Path) -> None:
    """Make one store of one text, unless it is there."""
    async with serve(OURS, data) as server:
        if (await server.call("list", of="stores"))["data"]:
            return
        store = (await server.call("create_store", name="texts"))["id"]
        await server.call(
            "upload_file", text="One text that is meant.", filename="one.txt", vector_store_id=store, wait_seconds=50
        )


async def timed(server: Served, tool: str, arguments: dict[str, str]) -> float:
    await server.client.list_tools()
    began = time.perf_counter()
    await server.call(tool, **arguments)
    return time.perf_counter() - began


def printed(program: str, argument: Path) -> list[float]:
    """Run a small program in a fresh interpreter and return the numbers it prints."""
    done = subprocess.run([sys.executable, "-c", program, str(argument)], capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()]

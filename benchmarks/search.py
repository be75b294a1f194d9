"""Searching 10k passages over MCP against the same work done bare, filtered, beside an ingest; and paging."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio

from benchmarks.budgets import Result
from benchmarks.corpus import claims
from benchmarks.filtered import filtered
from benchmarks.ingest import documents, minilm
from benchmarks.metrics import median, percentile
from benchmarks.options import Options
from benchmarks.paging import page
from benchmarks.processes import Served
from benchmarks.raw_lancedb import RawTable
from benchmarks.stores import TEN_THOUSAND, attach, finished, serve_stores, ten_thousand_passages

PAUSE = 0.02  # seconds between the questions of one agent, when two loads are compared
FILES_BESIDE = 60
QUESTIONS_BESIDE = 150


async def run(options: Options) -> list[Result]:
    """Measure the rows of search."""
    async with serve_stores(options, TEN_THOUSAND) as server:
        store = await ten_thousand_passages(server, options)
        results = [await over_mcp(server, store, options)]
    results.append(await filtered(options))
    results.append(await page(options))
    async with serve_stores(options, TEN_THOUSAND) as server:
        results.append(await beside_ingest(server, store, options))
    return results


@dataclass(slots=True)
class Times:
    """Seconds of each of two ways to answer the same questions."""

    ours: list[float] = field(default_factory=list[float])
    bare: list[float] = field(default_factory=list[float])


async def over_mcp(server: Served, store: str, options: Options) -> Result:
    embedder = minilm(options)
    table = await RawTable.open(options.work / TEN_THOUSAND)
    texts = list(claims(options.data).values())
    times = Times()
    for text in [*texts[:20], *texts]:
        began = time.perf_counter()
        await server.call("search", vector_store_id=store, query=text)
        answered = time.perf_counter()
        await table.search(await embedder.embed_query(text), text)
        times.ours.append(answered - began)
        times.bare.append(time.perf_counter() - answered)
    ours, bare = milliseconds(times.ours[20:]), milliseconds(times.bare[20:])
    await embedder.aclose()
    ratio = ours[0] / bare[0]
    return Result(
        "search",
        f"embed + raw LanceDB {bare[0]:.1f} / {bare[1]:.1f} ms",
        f"{ours[0]:.1f} / {ours[1]:.1f} ms",
        f"{ratio:.2f} x",
        ours[0] <= 10 and ours[1] <= 20 and ratio <= 1.5,
        f"{await table.rows()} passages, {len(texts)} questions, asked in turn",
    )


def milliseconds(seconds: Sequence[float]) -> tuple[float, float]:
    """Return p50 and p95."""
    return 1e3 * median(seconds), 1e3 * percentile(seconds, 0.95)


async def beside_ingest(server: Served, store: str, options: Options) -> Result:
    """Ask the server while it takes a batch in; the same questions, at the same pace, as when it was idle."""
    texts = list(claims(options.data).values())[:QUESTIONS_BESIDE]
    folder = documents(options.work / "beside", options.data, FILES_BESIDE)
    other = (await server.call("create_store", name="beside"))["id"]
    await asked(server, store, texts[:20])
    idle = milliseconds(await asked(server, store, texts))
    await attach(server, other, [str(folder)], {}, wait_seconds=0)
    busy = milliseconds(await asked(server, store, texts))
    counts = (await server.call("retrieve", vector_store_id=other))["file_counts"]
    await finished(server, other)
    await server.call("delete", what="store", vector_store_id=other, confirm=True)
    return Result(
        "search_during_ingest",
        f"idle p95 {idle[1]:.1f} ms",
        f"{busy[1]:.1f} ms",
        f"{busy[1] / idle[1]:.2f} x",
        busy[1] <= 3 * idle[1] and counts["in_progress"] > 0,
        f"p50 {idle[0]:.1f} -> {busy[0]:.1f} ms; {counts['in_progress']} files were in progress at the end",
    )


async def asked(server: Served, store: str, texts: Sequence[str]) -> list[float]:
    times: list[float] = []
    for text in texts:
        began = time.perf_counter()
        await server.call("search", vector_store_id=store, query=text)
        times.append(time.perf_counter() - began)
        await anyio.sleep(PAUSE)
    return times

"""Growth in steps of ten of stores, files, versions, deleted rows and sessions: CPU an operation, and the law.

Everything is measured in this process, without an embedder, but for sessions, which are those of a server over HTTP.
The exponent of a law is log10 of the cost at the last size over the cost at a tenth of it: 0 is constant, 1 is linear.
"""

import hashlib
import math
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import anyio
import anyio.lowlevel
import psutil

from benchmarks.asking import WithSession
from benchmarks.budgets import Result
from benchmarks.corpus import sentences
from benchmarks.growth import DIMENSIONS, Source, size_of
from benchmarks.loops import joined
from benchmarks.options import Options
from benchmarks.web import ours
from vectorstores_server.engines.local.embedding import EmbedderChoice
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.engines.local.index import CandidateQuery, Index
from vectorstores_server.intake.files import once
from vectorstores_tools.contract.engine import AttachOptions
from vectorstores_tools.contract.intake import Source as Opened
from vectorstores_tools.contract.requests import PageRequest, SearchRequest, StoreCreate, StoreFilesRequest

STORES = (10, 100, 1_000)
FILES = (100, 1_000, 10_000)
VERSIONS = (10, 100, 1_000)
DELETED = (10, 100, 1_000)
"""Of 10,000 rows; not erased, as between a deletion and the next upkeep."""
SESSIONS = (10, 100, 1_000)
TIMES = 40
ASKING = 20
"""Of the sessions that are held."""
TABLE = f"vs_{'0' * 24}_1"
Costs = Mapping[str, float]
"""By what is measured: milliseconds of processor time an operation, or MB."""


async def run(options: Options) -> list[Result]:
    """Measure a row for each thing that grows."""
    work = options.work / "growth-steps"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    return [
        row("growth_stores", STORES, await of_stores(work / "stores")),
        row("growth_files", FILES, await of_files(work / "files"), root=("search",), linear=("MB on disk",)),
        row("growth_versions", VERSIONS, await of_versions(work / "versions" / "index"), linear=("MB on disk",)),
        row("growth_deleted", DELETED, await of_deleted(work / "deleted" / "index")),
        row("growth_sessions", SESSIONS, await of_sessions(work / "sessions"), linear=("MB",)),
    ]


def row(
    name: str, sizes: Sequence[int], found: Sequence[Costs], *, root: Sequence[str] = (), linear: Sequence[str] = ()
) -> Result:
    """Return the row: ten times as much costs at most twice, of `root` 3.2 times, of `linear` 12.6 times."""
    laws = {what: math.log10(max(found[-1][what], 1e-3) / max(found[-2][what], 1e-3)) for what in found[-1]}
    held = all(law <= (1.1 if what in linear else 0.5 if what in root else 0.3) for what, law in laws.items())
    steps = "; ".join(f"{what} " + ", ".join(f"{costs[what]:.2f}" for costs in found) for what in found[-1])
    print(f"{name} at {', '.join(f'{size:,}' for size in sizes)}: {steps}", flush=True)
    return Result(
        name,
        f"{sizes[-2]:,}",
        f"{sizes[-1]:,}",
        "exponents: " + ", ".join(f"{what} {law:+.2f}" for what, law in laws.items()),
        held,
        f"at {', '.join(f'{size:,}' for size in sizes)}: {steps}",
    )


async def cost(work: Callable[[], Awaitable[object]], times: int = TIMES) -> float:
    """Return the milliseconds of processor time that something takes, after a first time that does not count."""
    await work()
    before = time.process_time()
    for _ in range(times):
        await work()
    return 1e3 * (time.process_time() - before) / times


def engine_of(directory: Path) -> LocalEngine:
    return LocalEngine(directory, EmbedderChoice(name="none", cache=directory))


async def of_stores(directory: Path) -> list[Costs]:
    """Make stores; what making one more, a page of 100, one of them, and opening all of it costs."""
    found: list[Costs] = []
    engine, made, last = engine_of(directory), 0, ""
    for size in STORES:
        before = time.process_time()
        new = size - made
        for number in range(made, size):
            last = (await engine.create_store(StoreCreate(name=f"store {number}"))).id
        made, making = size, 1e3 * (time.process_time() - before) / new
        found.append(
            {
                "create": making,
                "list 100": await cost(lambda: engine.list_stores(PageRequest(limit=100))),
                "retrieve": await cost(lambda id=last: engine.retrieve_store(id)),
                "open": await cost(lambda: opened_and_listed(directory), 10),
            }
        )
    await engine.aclose()
    return found


async def opened_and_listed(directory: Path) -> None:
    engine = LocalEngine(directory, EmbedderChoice(name="none", cache=directory), read_only=True)
    await engine.list_stores(PageRequest(limit=1))
    await engine.aclose()


async def of_files(directory: Path) -> list[Costs]:
    """Attach small files; what one more costs, a page of 100, a search, and the disk."""
    found: list[Costs] = []
    pieces, engine, attached = sentences(), engine_of(directory), 0
    store = (await engine.create_store(StoreCreate(name="files"))).id
    asked = SearchRequest.model_validate({"queries": [pieces[3]]})
    for size in FILES:
        before = spent()
        await attach(engine, store, [(f"/d/{n}.txt", f"{pieces[n % len(pieces)]}. {n}") for n in range(attached, size)])
        mark = 0
        while (await engine.retrieve_store(store)).file_counts.in_progress:
            mark = await engine.changed(mark)
        new, attached = size - attached, size
        found.append(
            {
                "attach": 1e3 * (spent() - before) / new,
                "list 100": await cost(lambda: engine.list_store_files(store, StoreFilesRequest(limit=100))),
                "search": await cost(lambda: engine.search(store, asked)),
                "MB on disk": size_of(directory),
            }
        )
    await engine.aclose()
    return found


async def attach(engine: LocalEngine, store: str, texts: Sequence[tuple[str, str]]) -> None:
    async def sources() -> AsyncIterator[Opened]:
        for origin, text in texts:
            data = text.encode()
            sha256 = hashlib.sha256(data).hexdigest()
            yield Opened(Path(origin).name, origin, sha256, len(data), once(data), at_hand=True)

    await engine.attach_sources(store, sources(), AttachOptions())


def spent() -> float:
    """Return the seconds that this process and its children have computed."""
    own = psutil.Process()
    times = [own.cpu_times(), *(child.cpu_times() for child in own.children())]
    return sum(t.user + t.system + t.children_user + t.children_system for t in times)


async def of_versions(directory: Path) -> list[Costs]:
    """Commit rows without upkeep; what a search and a look at one revision cost, and the disk."""
    found: list[Costs] = []
    index, source, made = Index(directory), Source(), 0
    await index.create(TABLE, DIMENSIONS)
    await index.add(TABLE, [source.rows(1_000_000, 5_000)])
    await index.optimize(TABLE, force=True)
    for size in VERSIONS:
        for number in range(made, size):
            await index.add(TABLE, [source.rows(number + 1, 1)])
            await index.optimize(TABLE)
        made = size
        found.append({**await searched(index, source), "MB on disk": size_of(directory)})
    await index.aclose()
    return found


async def of_deleted(directory: Path) -> list[Costs]:
    """Delete rows of a table of 10,000; what a search costs before they are erased."""
    found: list[Costs] = []
    index, source, gone = Index(directory, window=timedelta(minutes=5)), Source(), 0
    await index.create(TABLE, DIMENSIONS)
    for number in range(100):
        await index.add(TABLE, [source.rows(number * 100 + row + 1, 1) for row in range(100)])
    await index.optimize(TABLE, force=True)
    for size in DELETED:
        await index.delete(TABLE, list(range(gone + 1, size + 1)))
        gone = size
        found.append(await searched(index, source))
    await index.aclose()
    return found


async def searched(index: Index, source: Source) -> Costs:
    vector, text = source.vectors(1)[0], source.texts(1, 12)[0]
    query = CandidateQuery(vector, text, None)
    return {"search": await cost(lambda: index.candidates(TABLE, query))}


async def of_sessions(data: Path) -> list[Costs]:
    """Hold sessions of the protocol of 2025; what one of them asks then costs, and the memory."""
    found: list[Costs] = []
    for size in SESSIONS:
        async with ours(data) as web:
            before = web.resident()
            async with joined(web.port, lambda: WithSession("list", lambda _: {"of": "stores"}), size) as clients:
                for client in clients[:ASKING]:
                    await client.way.ask(client.connection, "")
                began = web.processor()
                for _ in range(25):
                    for client in clients[:ASKING]:
                        await client.way.ask(client.connection, "")
                asking = 1e3 * (web.processor() - began) / (25 * min(ASKING, size))
                found.append({"list stores": asking, "MB": web.resident() - before})
        await anyio.lowlevel.checkpoint()
    return found

"""Front servers with BACKEND=remote before one engine: 1, 2 and 3 of them, and the engine asked directly."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple

from benchmarks.asking import WithoutSession
from benchmarks.budgets import Result
from benchmarks.corpus import claims
from benchmarks.loops import CLIENTS, Client, Load, closed, joined
from benchmarks.options import Options
from benchmarks.stores import attach, finished, named, serve_stores, written
from benchmarks.web import Web, ours

SECONDS = 10.0
FRONTS = (1, 2, 3)


class Asked(NamedTuple):
    """One way in: its answers, and the milliseconds of processor time an answer of the engine and of the fronts."""

    load: Load
    engine: float
    fronts: float

    def __str__(self) -> str:
        return f"{self.load}, {self.engine:.1f} + {self.fronts:.1f} ms of CPU"


async def run(options: Options) -> list[Result]:
    """Measure the row of fronts."""
    store = await small_store(options)
    texts = list(claims(options.data).values())
    through: dict[int, Asked] = {}
    async with ours(options.work / "fronts") as engine:
        direct = await ask(engine, [], store, texts)
        print(f"directly: {direct}")
        for number in FRONTS:
            async with fronts(engine, options, number) as webs:
                through[number] = await ask(engine, webs, store, texts)
            print(f"through {number}: {through[number]}")
    return [row(direct, through)]


async def small_store(options: Options) -> str:
    """Return the store with one group of abstracts, in a data directory of its own."""
    async with serve_stores(options, "fronts") as server:
        store = await named(server, "fronts")
        if store is None:
            store = (await server.call("create_store", name="fronts"))["id"]
            await attach(server, store, [str(written(options)[0])], {})
        await finished(server, store)
        return store


@asynccontextmanager
async def fronts(engine: Web, options: Options, number: int) -> AsyncGenerator[list[Web]]:
    """Run so many servers that keep nothing."""
    forwarding = {"BACKEND": "remote", "REMOTE_BASE_URL": f"http://127.0.0.1:{engine.port}/v1"}
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(ours(options.work / f"front-{place}", **forwarding))
            for place in range(number)
        ]


async def ask(engine: Web, webs: Sequence[Web], store: str, texts: Sequence[str]) -> Asked:
    """Let all clients search at once, spread evenly over the fronts."""

    def arguments(text: str) -> Mapping[str, Any]:
        return {"vector_store_id": store, "query": text}

    ways_in = webs or [engine]
    clients: list[Client] = []
    async with AsyncExitStack() as stack:
        for place, web in enumerate(ways_in):
            share = len(range(place, CLIENTS, len(ways_in)))
            way = lambda: WithoutSession("search", arguments)  # noqa: E731 a client each
            clients += await stack.enter_async_context(joined(web.port, way, share))
        await closed(clients, texts, 2.0)
        before = engine.processor(), sum(web.processor() for web in webs)
        load = await closed(clients, texts, SECONDS)
        after = engine.processor(), sum(web.processor() for web in webs)
    engine_ms, fronts_ms = (1e3 * (now - then) / len(load.times) for now, then in zip(after, before, strict=True))
    return Asked(load, engine_ms, fronts_ms)


def row(direct: Asked, through: Mapping[int, Asked]) -> Result:
    dearest = max(asked.engine / direct.engine for asked in through.values())
    errors = sum((asked.load.errors for asked in through.values()), direct.load.errors)
    return Result(
        "fronts",
        f"directly: {direct}",
        "; ".join(f"{number}: {asked}" for number, asked in through.items()),
        f"{dearest:.2f} x",
        dearest <= 1.25 and not errors,
        f"CPU of the engine and of all fronts an answer; {CLIENTS} clients in a closed loop of {SECONDS:.0f} s,"
        f" everything on one machine; {errors.total()} errors"
        + "".join(f"; {count} x {error}" for error, count in errors.items()),
    )

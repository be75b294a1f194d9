"""Names that stand in one place: long files with one line each that holds a name, asked by that name."""

import random
from collections.abc import Callable
from pathlib import Path

from benchmarks.budgets import Result
from benchmarks.corpus import sentences
from benchmarks.options import Options
from benchmarks.processes import Served
from benchmarks.stores import PATHS_IN_A_CALL, attach, finished, named, serve_stores

FILES, ASKED = 200, 100
SENTENCES = 60

KINDS: dict[str, tuple[Callable[[int], str], Callable[[int], str]]] = {
    "shelf": (
        lambda n: f"Shelf entry zqx001marker{n:05} is kept here.",
        lambda n: f"shelf entry zqx001marker{n:05}",
    ),
    "invoice": (
        lambda n: f"Invoice INV-2025-{n:05} was paid on time.",
        lambda n: f"invoice INV-2025-{n:05}",
    ),
    "error": (
        lambda n: f"The program ends with error E{n:05} when the disk is full.",
        lambda n: f"what does error E{n:05} mean",
    ),
    "function": (
        lambda n: f"Call flush_buffer_{n:05}() before the file is closed.",
        lambda n: f"flush_buffer_{n:05}",
    ),
    "person": (
        lambda n: f"The keys are with Mr. {surname(n)}.",
        lambda n: f"who is {surname(n)} and where are the keys",
    ),
}


async def run(options: Options) -> list[Result]:
    """Ask for a hundred names of each kind; the passage that holds it should be the first."""
    results: list[Result] = []
    async with serve_stores(options, "names") as server:
        for kind in KINDS:
            store = await filled(server, kind, options)
            firsts = [await is_first(server, store, kind, n) for n in numbers()[:ASKED]]
            share = sum(firsts) / len(firsts)
            results.append(Result("names", "-", f"{kind} {share:.2f}", "", share >= 0.98))
    return results


def numbers() -> list[int]:
    return random.Random(5).sample(range(100_000), FILES)


def surname(number: int) -> str:
    dice = random.Random(number)
    return "".join(dice.choice("bdfgklmnprstvw") + dice.choice("aeiou") for _ in range(4)).capitalize()


async def filled(server: Served, kind: str, options: Options) -> str:
    store = await named(server, kind)
    if store is None:
        store = (await server.call("create_store", name=kind))["id"]
        files = written(kind, options.work / f"names-{kind}")
        for start in range(0, len(files), PATHS_IN_A_CALL):
            await attach(server, store, files[start : start + PATHS_IN_A_CALL], {})
    await finished(server, store)
    return store


def written(kind: str, folder: Path) -> list[str]:
    folder.mkdir(exist_ok=True)
    dull, dice = sentences(), random.Random(3)
    for place, number in enumerate(numbers()):
        lines = [dice.choice(dull) for _ in range(SENTENCES)]
        lines.insert(dice.randrange(SENTENCES), KINDS[kind][0](number))
        (folder / f"{place:03}.txt").write_text("\n".join(lines), "utf-8")
    return [str(path) for path in sorted(folder.iterdir())]


async def is_first(server: Served, store: str, kind: str, number: int) -> bool:
    line, question = (make(number) for make in KINDS[kind])
    hits = (await server.call("search", vector_store_id=store, query=question, max_num_results=1))["data"]
    return bool(hits) and line in hits[0]["text"]

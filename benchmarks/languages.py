"""Words alone in other languages: questions and paragraphs of `xlang-*`, each paragraph a file, without an embedder."""

import os
from pathlib import Path
from typing import Any

from benchmarks.budgets import Result
from benchmarks.corpus import lines
from benchmarks.options import Options
from benchmarks.processes import OURS, Served, serve
from benchmarks.stores import PATHS_IN_A_CALL, attach, finished

FIRST = 5
GOALS = {"xlang-ru": (0.85, 0.95), "xlang-de": (0.86, 0.96), "xlang-ja": (0.84, 0.95), "xlang-ko": (0.87, 0.96)}


async def run(options: Options) -> list[Result]:
    """Measure recall@1 and @5 of every collection of `--data` whose two sides are in one language."""
    roots = os.pathsep.join((str(options.work), str(options.data)))
    results: list[Result] = []
    async with serve(OURS, options.work / "languages", FILE_ROOTS=roots, EMBEDDER="none") as server:
        for folder in sorted(options.data.glob("xlang-??")):
            first, fifth = await recall(server, folder, options)
            least, of_five = GOALS.get(folder.name, (0.0, 0.0))
            note = f"{folder.name}: >= {least:.2f} / {of_five:.2f}"
            reached = round(first, 3) >= least and round(fifth, 3) >= of_five
            results.append(Result("languages", "-", f"{folder.name} {first:.3f} / {fifth:.3f}", "", reached, note))
    return results


async def recall(server: Served, folder: Path, options: Options) -> tuple[float, float]:
    """Return the share of questions whose paragraph is the first, and among the first FIRST files."""
    at = await places(server, folder, options)
    return sum(place < 1 for place in at) / len(at), sum(place < FIRST for place in at) / len(at)


async def places(server: Served, folder: Path, options: Options) -> list[int]:
    """Return for each question how many files come before the right one."""
    store = (await server.call("create_store", name=folder.name))["id"]
    texts = options.work / folder.name
    texts.mkdir(exist_ok=True)
    for paragraph in lines(folder / "corpus.jsonl"):
        (texts / f"{paragraph['id']}.txt").write_text(paragraph["text"], "utf-8")
    paths = [str(path) for path in sorted(texts.iterdir())]
    for start in range(0, len(paths), PATHS_IN_A_CALL):
        await attach(server, store, paths[start : start + PATHS_IN_A_CALL], {})
    await finished(server, store)
    judged = dict(line.split("\t")[:2] for line in (folder / "qrels.tsv").read_text("utf-8").splitlines()[1:])
    asked = [row for row in lines(folder / "queries.jsonl") if row["id"] in judged]
    return [await place(server, store, row["text"], judged[row["id"]]) for row in asked]


async def place(server: Served, store: str, question: str, paragraph: str) -> int:
    """Return how many other files come before the right one."""
    hits: list[dict[str, Any]] = (await server.call("search", vector_store_id=store, query=question))["data"]
    files = list(dict.fromkeys(hit["filename"].removesuffix(".txt") for hit in hits))
    return files.index(paragraph) if paragraph in files else len(files) + FIRST

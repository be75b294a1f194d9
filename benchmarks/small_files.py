"""Folders of notes of two sentences: the cost of all but embedding a file, commits, and the memory held afterwards."""

import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import psutil

from benchmarks.budgets import Result
from benchmarks.corpus import sentences
from benchmarks.ingest import minilm, passages_of
from benchmarks.options import Options
from benchmarks.processes import OURS, Served, serve
from benchmarks.raw_lancedb import RawTable
from benchmarks.stores import attach, finished

FOLDERS, NOTES = 4, 500


async def run(options: Options) -> list[Result]:
    """Measure the rows of small files, without an embedder and with the bundled one."""
    folders = [notes(options.work / "notes" / f"folder-{number}", number) for number in range(FOLDERS)]
    bare, memory = await taken_in(folders, options.work / "small-files", "none")
    dense, _ = await taken_in(folders[:1], options.work / "small-files-embedded", "minilm")
    alone = await embedding_alone(folders[0], options)
    versions = await (await RawTable.open(options.work / "small-files")).version()
    return [
        Result(
            "small_files",
            f"the first {NOTES} notes {bare[0]:.1f} ms",
            f"{max(bare):.1f} ms",
            f"{bare[-1] / bare[0]:.2f} x, last folder against first",
            max(bare) <= 5,
            "folder by folder: " + ", ".join(f"{spent:.1f}" for spent in bare),
        ),
        Result(
            "small_files_embedded",
            f"embedding alone {alone:.1f} ms",
            f"{dense[0]:.1f} ms",
            f"{dense[0] - alone:.1f} ms more",
            dense[0] - alone <= 5,
        ),
        Result(
            "small_files_versions",
            f"{FOLDERS * NOTES} notes",
            f"{versions} versions",
            f"{FOLDERS * NOTES / versions:.0f} notes a version",
            versions <= FOLDERS * NOTES / 20,
        ),
        Result(
            "small_files_memory",
            f"{memory[0]:.0f} MB after {NOTES} notes",
            f"{memory[-1]:.0f} MB after {FOLDERS * NOTES}",
            f"+{memory[-1] - memory[0]:.0f} MB",
            memory[-1] - memory[0] <= 30,
            "folder by folder: " + ", ".join(f"{held:.0f}" for held in memory),
        ),
    ]


def notes(folder: Path, seed: int) -> Path:
    """Write a folder of notes."""
    folder.mkdir(parents=True, exist_ok=True)
    dice, pieces = random.Random(seed), sentences()
    for number in range(NOTES):
        (folder / f"note-{number:03}.txt").write_text(
            f"{'. '.join(dice.sample(pieces, 2))}. {seed}/{number}\n", "utf-8"
        )
    return folder


async def taken_in(folders: Sequence[Path], data: Path, embedder: str) -> tuple[list[float], list[float]]:
    """Attach folder after folder; return the processor time of each, in ms a note, and the memory held after each."""
    shutil.rmtree(data, ignore_errors=True)
    spent: list[float] = []
    memory: list[float] = []
    async with serve(OURS, data, FILE_ROOTS=str(folders[0].parent), EMBEDDER=embedder) as server:
        store = (await server.call("create_store", name="notes"))["id"]
        warm = {"text": "A first text.", "filename": "a.txt", "vector_store_id": store, "wait_seconds": 50}
        await server.call("upload_file", **warm)
        for folder in folders:
            before = computed(server)
            await attach(server, store, [str(folder)], {}, wait_seconds=50)
            await finished(server, store)
            spent.append(1e3 * (computed(server) - before) / NOTES)
            memory.append(server.process.memory_info().rss / 1e6)
    return spent, memory


def computed(server: Served) -> float:
    """Return the seconds that the server and its parser have computed."""
    seconds = 0.0
    for process in [server.process, *server.process.children(recursive=True)]:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


async def embedding_alone(folder: Path, options: Options) -> float:
    """Return the processor time that the texts of a folder take the embedder, in ms a note."""
    embedder = minilm(options)
    texts = passages_of(folder)
    await embedder.embed_documents(texts[:10])
    before = sum(psutil.Process().cpu_times()[:2])
    await embedder.embed_documents(texts)
    spent = sum(psutil.Process().cpu_times()[:2]) - before
    await embedder.aclose()
    return 1e3 * spent / NOTES

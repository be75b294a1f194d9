"""A followed folder of 10,000 files: until a change is searchable, at rest, and walked again though nothing changed."""

import hashlib
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import aclosing, closing
from pathlib import Path

import anyio
import anyio.lowlevel
import psutil

from benchmarks.budgets import Result
from benchmarks.metrics import median
from benchmarks.options import Options
from benchmarks.processes import OURS, Served, serve
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.intake.folders import FileCriteria
from vectorstores_server.intake.local_intake import MachineIntake
from vectorstores_server.mirrors.walking import MirrorWalk

FILES, OF_A_FOLDER, CHANGES = 10_000, 100, 5
SECONDS_AT_REST = 15
WALKS = 7

# The rows of the one file that was really taken, once more for each file of the disk, without a revision: a walk asks
# for their place, size, time and hash, and nobody for their passages.
MORE_FILES = """
INSERT INTO file (id, filename, purpose, bytes, sha256, created_at)
SELECT ?, ?, purpose, bytes, ?, created_at FROM file LIMIT 1
"""
MORE_ATTACHMENTS = """
INSERT INTO attachment (store_id, file_id, created_at, status, chunk_size, chunk_overlap, source, path, folder, sha256,
  disk_bytes, modified_ns, inode)
SELECT store_id, ?, created_at, 'completed', 800, 400, ?, ?, folder, ?, ?, ?, ? FROM attachment LIMIT 1
"""


async def run(options: Options) -> list[Result]:
    """Measure the rows of followed folders."""
    folder, data = options.work / "followed", options.work / "mirror"
    for place in (folder, data):
        shutil.rmtree(place, ignore_errors=True)
    first = write(folder / "first.txt", "The first of all.")
    async with serving(data, "off") as server:
        store = (await server.call("create_store", name="followed"))["id"]
        arguments = {"vector_store_id": store, "paths": [str(folder)], "mirror": "on"}
        await server.call("batch_attach", **arguments, wait_seconds=50)
    write_many(folder)
    seed(data, folder, first)
    idle_off, _ = await at_rest(data, "off", folder)
    idle_on, changes = await at_rest(data, "on", folder)
    bare, walks, found = await walked_again(data, folder)
    more = 1e3 * (idle_on - idle_off) / SECONDS_AT_REST
    return [
        Result(
            "mirror_change",
            f"{FILES:,} files",
            f"{median(changes):.1f} s (at most {max(changes):.1f} s)",
            "",
            max(changes) <= 5,
        ),
        Result(
            "mirror_rest",
            f"{1e3 * idle_off / SECONDS_AT_REST:.1f} ms of CPU a second without watching",
            f"{1e3 * idle_on / SECONDS_AT_REST:.1f} ms",
            f"{more:+.1f} ms",
            more <= 5,
        ),
        Result(
            "mirror_walk",
            f"os.walk and stat {1e3 * bare:.0f} ms of CPU",
            f"{1e3 * walks:.0f} ms of CPU, {found:,} files found unchanged",
            f"{walks / bare:.2f} x",
            walks <= 3 * bare,
        ),
    ]


def serving(data: Path, watch: str):
    """Serve the data without an embedder."""
    return serve(OURS, data, FILE_ROOTS=str(data.parent), EMBEDDER="none", WATCH=watch)


def write(path: Path, text: str) -> Path:
    """Write a file that changed long ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    os.utime(path, (time.time() - 3600, time.time() - 3600))
    return path


def write_many(folder: Path, files: int = FILES) -> None:
    """Write the folder's files."""
    for number in range(files):
        write(folder / f"part-{number // OF_A_FOLDER:03}" / f"note-{number:05}.txt", f"Note number {number}.")


def seed(data: Path, folder: Path, first: Path) -> None:
    """Enter the folder's files in the catalog while no server runs."""
    with closing(sqlite3.connect(data / "catalog.db")) as catalog, catalog:
        for number, path in enumerate(sorted(folder.rglob("*.txt"))):
            if path == first:
                continue
            file_id, status = f"file-{number:024}", path.stat()
            sha256, below = hashlib.sha256(path.read_bytes()).hexdigest(), path.relative_to(folder).as_posix()
            catalog.execute(MORE_FILES, (file_id, path.name, sha256))
            place = (file_id, str(path), below, sha256, status.st_size, status.st_mtime_ns, status.st_ino)
            catalog.execute(MORE_ATTACHMENTS, place)


async def at_rest(data: Path, watch: str, folder: Path) -> tuple[float, list[float]]:
    """Return the CPU seconds of a server to which nothing happens and, where it watches, how long changes take."""
    async with serving(data, watch) as server:
        store = (await server.call("list", of="stores"))["data"][0]["id"]
        await server.call("search", query="first", vector_store_id=store)
        await anyio.sleep(10)  # the walk at the start, and the work that a search begins in the background
        before = computed(server.process)
        await anyio.sleep(SECONDS_AT_REST)
        spent = computed(server.process) - before
        changes = [await changed(server, store, folder, number) for number in range(CHANGES)] if watch == "on" else []
    return spent, changes


async def changed(server: Served, store: str, folder: Path, number: int) -> float:
    """Return the seconds from the writing of a file until a search finds it."""
    word = f"zyzzyva{'abcde'[number]}"
    (folder / f"part-{number:03}" / f"new-{number}.txt").write_text(f"A new note with {word}.", "utf-8")
    began = time.perf_counter()
    with anyio.fail_after(60):
        while not (await server.call("search", query=word, vector_store_id=store))["data"]:
            await anyio.lowlevel.checkpoint()
    return time.perf_counter() - began


async def walked_again(data: Path, folder: Path) -> tuple[float, float, int]:
    """Return the CPU seconds of a bare walk and of one that compares, and how many files this found unchanged."""
    bare: list[float] = []
    ours: list[float] = []
    same = 0
    async with aclosing(LocalEngine(data, None)) as engine:
        intake = MachineIntake(data, FileCriteria(frozenset({".txt"}), 1_000_000), [folder])
        (mirror,) = await engine.mirrors.all()
        walk = MirrorWalk(engine, engine.mirrors, intake, mirror)
        await walk.run()  # a file that was new a moment before it was read is read once more
        for _ in range(WALKS):
            bare.append(spent_by(lambda: bare_walk(folder)))
            before = time.process_time()
            changes, _, trouble = await walk.plan()
            ours.append(time.process_time() - before)
            if trouble is not None or changes.new or changes.changed or changes.gone:
                raise RuntimeError(f"something differs: {trouble or changes}")
            same = changes.same
    return median(bare), median(ours), same


def bare_walk(folder: Path) -> int:
    """Stat every file of a folder."""
    return sum(os.stat(f"{top}/{name}").st_size for top, _, names in os.walk(folder) for name in names)  # noqa: PTH116


def spent_by(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def computed(process: psutil.Process) -> float:
    """Return the seconds that a process has computed."""
    times = process.cpu_times()
    return times.user + times.system

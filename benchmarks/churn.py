"""Many small changes: the memory of a process over commits of two rows, and the index folder over short commands.

A version of a table may be read for five minutes, and is pruned within ten. So COMMANDS commands come at once, and one
more after REST seconds, as over a day: the versions that nobody may read any more must be gone then.
"""

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import anyio
import psutil

from benchmarks.budgets import Result
from benchmarks.corpus import sentences
from benchmarks.growth import DIMENSIONS, Source, size_of
from benchmarks.options import Options
from benchmarks.processes import OURS
from vectorstores_server.engines.local.index import CandidateQuery, Index
from vectorstores_server.engines.local.index.memory import IndexMemory

TABLE = f"vs_{'0' * 24}_1"
COMMITS, SEEN = 1_600, 400
"""All commits, and after how many the memory is looked at."""
EACH_SEARCH = 20
COMMANDS, REST = 30, 630.0
NOTES = 10


async def run(options: Options) -> list[Result]:
    """Measure both rows side by side: the commands wait most of the time."""
    rows: list[Result] = []

    async def of_commits() -> None:
        rows.append(await commits(options.work / "churn-commits"))

    async def of_commands() -> None:
        rows.append(await commands(options.work / "churn-commands"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(of_commits)
        tasks.start_soon(of_commands)
    return sorted(rows, key=lambda row: row.row)


async def commits(directory: Path) -> Result:
    shutil.rmtree(directory, ignore_errors=True)
    done = await anyio.run_process([sys.executable, "-m", "benchmarks.churn", str(directory)])
    memory: list[float] = json.loads(done.stdout)
    return Result(
        "churn_memory",
        f"after {SEEN} commits {memory[0]:.0f} MB",
        f"after {COMMITS:,} commits {memory[-1]:.0f} MB",
        f"{memory[-1] / memory[0]:.2f} x",
        memory[-1] <= 1.1 * memory[0],
        "every 400 commits: " + ", ".join(f"{held:.0f}" for held in memory) + " MB",
    )


async def commit(directory: Path) -> list[float]:
    """Commit two rows at a time, do the upkeep that is due, search now and then; return the memory in MB."""
    index, source, process = Index(directory / "index", memory=IndexMemory(resident=0)), Source(), psutil.Process()
    await index.create(TABLE, DIMENSIONS)
    memory: list[float] = []
    for number in range(1, COMMITS + 1):
        await index.add(TABLE, [source.rows(number, 2)])
        await index.optimize(TABLE)
        if number % EACH_SEARCH == 0:
            await index.candidates(TABLE, CandidateQuery(source.vectors(1)[0], source.texts(1, 12)[0], None))
        if number % SEEN == 0:
            memory.append(process.memory_info().rss / 2**20)
    await index.aclose()
    return memory


async def commands(data: Path) -> Result:
    """Take in new and changed notes by short commands; compare the index folder with what is left of it purged."""
    shutil.rmtree(data, ignore_errors=True)
    notes, dice, pieces = data / "notes", random.Random(3), sentences()
    notes.mkdir(parents=True)
    for number in range(COMMANDS):
        await command(data, notes, number, dice, pieces)
    largest = size_of(data / "data" / "index")
    await anyio.sleep(REST)
    await command(data, notes, COMMANDS, dice, pieces)
    before = size_of(data / "data" / "index")
    index = Index(data / "data" / "index")
    for table in await index.tables():
        await index.purge(table)
    await index.aclose()
    purged = size_of(data / "data" / "index")
    return Result(
        "churn_disk",
        f"purged {purged:.2f} MB",
        f"{before:.2f} MB",
        f"{before / purged:.1f} x",
        before <= 3 * purged,
        f"{COMMANDS} commands of {NOTES} notes: {largest:.2f} MB, before one more {REST:.0f} s later",
    )


async def command(data: Path, notes: Path, number: int, dice: random.Random, pieces: Sequence[str]) -> None:
    """Write notes, some of which are there, and take the folder in."""
    for place in range(NOTES):
        name = notes / f"{(number * NOTES + place * 7) % (2 * NOTES * COMMANDS // 3):03}.txt"
        name.write_text(". ".join(dice.sample(pieces, 20)), "utf-8")
    added = [*OURS, "add", "--store", "notes", "--data", str(data / "data"), "--embedder", "none", str(notes)]
    await anyio.run_process(added, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    print(json.dumps(anyio.run(commit, Path(sys.argv[1]))))

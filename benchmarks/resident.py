"""A table of 10,000 passages read into memory: what the process grows by, and what it computes for that."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import anyio
import psutil

from benchmarks.budgets import Result
from benchmarks.growth import DIMENSIONS, Source
from benchmarks.metrics import median
from benchmarks.options import Options
from vectorstores_server.engines.local.index import CandidateQuery, Index
from vectorstores_server.engines.local.index.memory import IndexMemory

TABLE = f"vs_{'0' * 24}_1"
FILES, PASSAGES = 100, 100
QUESTIONS = 40
RUNS = 3


async def run(options: Options) -> list[Result]:
    """Measure the row, each time in a process of its own that has searched the table on the disk before."""
    directory = options.work / "resident" / "index"
    shutil.rmtree(directory, ignore_errors=True)
    index, source = Index(directory), Source()
    await index.create(TABLE, DIMENSIONS)
    for rev in range(1, FILES + 1):
        await index.add(TABLE, [source.rows(rev, PASSAGES)])
    await index.optimize(TABLE, force=True)
    await index.aclose()
    found = [measured(directory) for _ in range(RUNS)]
    grown, counted, spent = (median([run[name] for run in found]) for name in ("grown", "counted", "spent"))
    disk, memory = (median([run[name] for run in found]) for name in ("disk", "memory"))
    return [
        Result(
            "resident",
            f"vectors, places and postings {counted:.0f} MB",
            f"+{grown:.0f} MB, {spent:.2f} s of CPU",
            f"{grown / counted:.2f} x",
            grown <= 40 and spent <= 1.6,
            f"CPU of a search at the index module {disk:.1f} ms on the disk, {memory:.1f} ms in memory",
        )
    ]


def measured(directory: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.resident", str(directory)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


async def measure(directory: Path) -> dict[str, float]:
    """Return what a process grows by, in MB, the seconds of its processor, and its ms a search before and after."""
    from vectorstores_server.engines.local.index.lance import give_back_memory

    index = Index(directory, memory=IndexMemory())
    source, process = Source(), psutil.Process()
    asked = [
        CandidateQuery(v, t, None) for v, t in zip(source.vectors(QUESTIONS), source.texts(QUESTIONS, 12), strict=True)
    ]

    def spent() -> float:
        return sum(process.cpu_times()[:2])

    reader = Index(directory)
    await reader.candidates(TABLE, asked[0])
    before = spent()
    for query in asked:
        await reader.candidates(TABLE, query)
    disk = spent() - before
    give_back_memory()  # what these searches left is not the table's
    held, before = process.memory_info().rss, spent()
    if not await index.hold(TABLE):
        raise RuntimeError("the table is not in memory")
    grown, built = process.memory_info().rss - held, spent() - before
    before = spent()
    for query in asked:
        await index.candidates(TABLE, query)
    memory = spent() - before
    counted = index.resident[1]
    await index.aclose()
    await reader.aclose()
    return {
        "grown": grown / 2**20,
        "counted": counted / 2**20,
        "spent": built,
        "disk": 1e3 * disk / QUESTIONS,
        "memory": 1e3 * memory / QUESTIONS,
    }


if __name__ == "__main__":
    print(json.dumps(anyio.run(measure, Path(sys.argv[1]))))

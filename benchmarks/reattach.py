"""A folder of 2,000 notes attached once more though nothing has changed."""

import hashlib
import os
import shutil
from pathlib import Path

import anyio

from benchmarks.budgets import Result
from benchmarks.metrics import median
from benchmarks.mirror import bare_walk, computed, seed, serving, spent_by, write, write_many
from benchmarks.options import Options

FILES, TIMES = 2_000, 5


async def run(options: Options) -> list[Result]:
    """Measure the CPU of a call that finds nothing new."""
    folder, data = options.work / "again", options.work / "reattach"
    for place in (folder, data):
        shutil.rmtree(place, ignore_errors=True)
    first = write(folder / "first.txt", "The first of all.")
    bare: list[float] = []
    read: list[float] = []
    ours: list[float] = []
    async with serving(data, "off") as server:
        store = (await server.call("create_store", name="again"))["id"]
        await server.call("batch_attach", vector_store_id=store, paths=[str(folder)], wait_seconds=50)
    write_many(folder, FILES - 1)
    seed(data, folder, first)
    async with serving(data, "off") as server:
        await server.call("search", query="first", vector_store_id=store)
        await anyio.sleep(10)  # the work that a first call begins in the background
        for _ in range(TIMES):
            bare.append(spent_by(lambda: bare_walk(folder)))
            read.append(spent_by(lambda: read_all(folder)))
            before = computed(server.process)
            answer = await server.call("batch_attach", vector_store_id=store, paths=[str(folder)], wait_seconds=0)
            ours.append(computed(server.process) - before)
            if answer["unchanged"] != FILES:
                raise RuntimeError(f"not all is unchanged: {answer}")
    return [
        Result(
            "reattach",
            f"os.walk and stat {1e3 * median(bare):.0f} ms of CPU; reading and sha256 {1e3 * median(read):.0f} ms",
            f"{1e3 * median(ours):.0f} ms of CPU",
            f"{median(ours) / median(bare):.1f} x; {median(ours) / median(read):.2f} x",
            median(ours) <= 3 * median(bare),
        )
    ]


def read_all(folder: Path) -> int:
    """Read and hash every file of a folder."""
    paths = [f"{top}/{name}" for top, _, names in os.walk(folder) for name in names]
    return len({hashlib.sha256(Path(path).read_bytes()).digest() for path in paths})

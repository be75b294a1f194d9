"""A large file uploaded through a process that forwards: the memory of that process stays flat."""

import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import anyio
import psutil

from benchmarks.budgets import Result
from benchmarks.options import Options
from benchmarks.processes import OURS, serve

MB = 1_000_000
MEBIBYTE = 1024 * 1024
UPLOAD_BYTES = 512 * MEBIBYTE
FLAT_MB = 32
"""The memory that may come on top of that of a process which has just sent a small file."""


class Memory:
    """Watches how much memory a process holds while something is done."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self.before = self.most = self._resident()

    async def beside(self, work: Awaitable[dict[str, Any]]) -> dict[str, Any]:
        """Return what `work` returns."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch)
            done = await work
            tasks.cancel_scope.cancel()
            return done
        raise AssertionError  # nothing swallows an error above

    async def _watch(self) -> None:
        while True:
            self.most = max(self.most, self._resident())
            await anyio.sleep(0.02)

    def _resident(self) -> int:
        return int(self._process.memory_info().rss)


async def large_upload(options: Options, base_url: str) -> Result:
    """Upload a large file through a process that forwards, and watch the memory of that process."""
    path = options.work / "large.txt"
    write_large(path)
    settings = {"BACKEND": "remote", "REMOTE_BASE_URL": base_url, "FILE_ROOTS": str(options.work)}
    async with serve(OURS, options.work / "here", **settings) as server:
        await server.call("upload_file", text="A first file.")
        memory = Memory(server.process)
        began = time.perf_counter()
        file = await memory.beside(server.call("upload_file", path=str(path)))
        seconds = time.perf_counter() - began
        await server.call("delete", what="file", file_id=file["id"], confirm=True)
    path.unlink()
    grown = (memory.most - memory.before) / MB
    return Result(
        "remote_upload",
        f"{memory.before / MB:.0f} MB before",
        f"+{grown:.0f} MB at most",
        "",
        file["bytes"] == UPLOAD_BYTES and grown <= FLAT_MB,
        f"{UPLOAD_BYTES / MB / seconds:.0f} MB/s, hashed first, sent in parts",
    )


def write_large(path: Path) -> None:
    line = b"All work and no play makes a dull file of many lines. " * 16
    block = (line[:63] + b"\n") * (MEBIBYTE // 64)
    with path.open("wb") as file:
        for _ in range(UPLOAD_BYTES // MEBIBYTE):
            file.write(block)

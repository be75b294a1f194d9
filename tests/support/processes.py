"""The parser's child process, seen from outside."""

from contextlib import suppress

import anyio
import psutil


async def child_of(parent: int, busy_for: float = 0.5) -> psutil.Process:
    """Wait for the child that works: that has used `busy_for` seconds since it was first seen."""
    first: dict[int, float] = {}
    with anyio.fail_after(30):
        while True:
            for process in psutil.Process(parent).children():
                with suppress(psutil.NoSuchProcess):
                    used = process.cpu_times().user
                    if (
                        "anyio.to_process" in process.cmdline()
                        and used > first.setdefault(process.pid, used) + busy_for
                    ):
                        return process
            await anyio.sleep(0.02)


async def gone(process: psutil.Process) -> None:
    """Wait until a process has ended; no event tells of the end of one that is not ours."""
    with suppress(psutil.NoSuchProcess):
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:  # noqa: ASYNC110
            await anyio.sleep(0.01)

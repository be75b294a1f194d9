"""Servers over HTTP: a spawned process on a free port of this machine."""

import os
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import psutil

from benchmarks.processes import OURS
from benchmarks.wire import Connection

SECONDS_TO_START = 60
SECONDS_TO_END = 20


@dataclass(frozen=True, slots=True)
class Web:
    """A server that listens."""

    port: int
    process: psutil.Process

    def resident(self) -> float:
        """Return the memory that it holds, in MB."""
        return self.process.memory_info().rss / 1e6

    def processor(self) -> float:
        """Return the seconds that it has computed so far, on all processors."""
        times = self.process.cpu_times()
        return times.user + times.system


@asynccontextmanager
async def bare() -> AsyncGenerator[Web]:
    """Serve one tool, `echo`, with nothing but the SDK."""
    port = free_port()
    async with _spawned([sys.executable, "-m", "benchmarks.bare_http", str(port)], port, {}) as web:
        yield web


@asynccontextmanager
async def ours(data: Path, **settings: str) -> AsyncGenerator[Web]:
    """Run `vector-stores-mcp serve --http` on a data directory."""
    port = free_port()
    environment = {f"VECTOR_STORES_{name}": value for name, value in settings.items()}
    command = [*OURS, "serve", "--http", f"127.0.0.1:{port}"]
    async with _spawned(command, port, {"VECTOR_STORES_DATA": str(data), **environment}) as web:
        yield web


def free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@asynccontextmanager
async def _spawned(command: Sequence[str], port: int, environment: dict[str, str]) -> AsyncGenerator[Web]:
    async with await anyio.open_process(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
    ) as process:  # fmt: skip
        try:
            await _until_listening(port)
            yield Web(port, psutil.Process(process.pid))
        finally:
            process.terminate()
            with anyio.move_on_after(SECONDS_TO_END, shield=True):
                await process.wait()
            if process.returncode is None:
                process.kill()


async def _until_listening(port: int) -> None:
    with anyio.fail_after(SECONDS_TO_START):
        while True:
            try:
                await (await Connection.open(port)).close()
            except OSError:
                await anyio.sleep(0.05)
            else:
                return

"""`serve --http` as a process on a free port."""

import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from support.served import environment
from support.serving import address

COMMAND = (sys.executable, "-m", "vectorstores_server", "serve", "--embedder", "none")


@asynccontextmanager
async def web(folder: Path, *arguments: str, **settings: str) -> AsyncGenerator[tuple[str, int]]:
    """Start a server on a free port; yield its address and process id; whatever happens it has ended afterwards."""
    log = folder / "stderr"
    with log.open("wb") as stderr:
        command = [*COMMAND, "--http", "127.0.0.1:0", *arguments]
        async with await anyio.open_process(
            command, stdin=subprocess.DEVNULL, stderr=stderr, env=environment(folder, **settings)
        ) as process:
            try:
                yield await address(log), process.pid
                process.send_signal(signal.SIGTERM)
                with anyio.fail_after(10):
                    assert await process.wait() == 0
                assert process.stdout is not None
                assert [chunk async for chunk in process.stdout] == []
                assert "Traceback" not in log.read_text()
            finally:
                if process.returncode is None:
                    process.kill()

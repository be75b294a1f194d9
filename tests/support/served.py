"""A real server process, spoken to in raw JSON-RPC."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

MODULE = (sys.executable, "-m", "vectorstores_server")
MAX_LINE = 10_000_000


class Served:
    """The client's end of one server. `stdout` is every line that came, `stderr` a file."""

    def __init__(self, process: Process, stderr: Path) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self.stderr = stderr
        self.stdout: list[str] = []
        self._stdin = process.stdin
        self._lines = BufferedByteReceiveStream(process.stdout)
        self._sent = 0

    async def notify(self, method: str, **params: Any) -> None:
        await self._send({"jsonrpc": "2.0", "method": method, "params": params})

    async def post(self, method: str, **params: Any) -> int:
        """Send a request without waiting; return its id."""
        self._sent += 1
        await self._send({"jsonrpc": "2.0", "id": self._sent, "method": method, "params": params})
        return self._sent

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        return await self.answer(await self.post(method, **params))

    async def answer(self, request: int) -> dict[str, Any]:
        while True:
            line = await self.line()
            self.stdout.append(line)
            message = json.loads(line)
            if message.get("id") == request and "method" not in message:
                assert "error" not in message, message
                return message["result"]

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        result = await self.ask("tools/call", name=tool, arguments=arguments)
        assert not result.get("isError"), result
        return result["structuredContent"]

    async def handshake(self) -> dict[str, Any]:
        client = {"name": "test", "version": "0"}
        reply = await self.ask("initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo=client)
        await self.notify("notifications/initialized")
        return reply

    async def hang_up(self) -> None:
        await self._stdin.aclose()

    async def line(self) -> str:
        """Return the next line of stdout."""
        return (await self._lines.receive_until(b"\n", MAX_LINE)).decode()

    async def rest(self) -> list[str]:
        """Return what stdout still holds, to its end."""
        left = b""
        try:
            while True:
                left += await self._lines.receive()
        except anyio.EndOfStream:
            return left.decode().splitlines()

    async def send_line(self, line: bytes) -> None:
        """Send whatever is given, and a line's end."""
        await self._stdin.send(line + b"\n")

    async def _send(self, message: dict[str, Any]) -> None:
        await self.send_line(json.dumps(message).encode())


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Return the variables of a server whose home and data are below `folder`."""
    base = {"PATH": os.environ["PATH"], "HOME": str(folder), "VECTOR_STORES_DATA": str(folder / "data")}
    base["VECTOR_STORES_OCR_PAGES"] = "0"  # else what is taken depends on the machine
    return base | {f"VECTOR_STORES_{name.upper()}": value for name, value in settings.items()}


@asynccontextmanager
async def served(
    folder: Path, *, command: Sequence[str] = MODULE, arguments: Sequence[str] = (), **settings: str
) -> AsyncGenerator[Served]:
    """Start a server whose home and data are below `folder`; whatever happens it has ended afterwards."""
    log = _fresh_log(folder)
    with log.open("wb") as stderr:
        async with await anyio.open_process(
            [*command, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment(folder, **settings),
        ) as process:
            try:
                yield Served(process, log)
            finally:
                if process.returncode is None:
                    process.kill()


def _fresh_log(folder: Path) -> Path:
    return folder / f"stderr-{len(list(folder.glob('stderr-*')))}"

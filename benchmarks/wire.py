"""A client of HTTP/1.1 that costs the machine little, so that the server alone is measured."""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NEWEST = "2026-07-28"
HANDSHAKE = "2025-11-25"
META: dict[str, Any] = {
    "io.modelcontextprotocol/protocolVersion": NEWEST,
    "io.modelcontextprotocol/clientCapabilities": {},
}
HELLO = {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": {"name": "load", "version": "0"}}


class FailedError(RuntimeError):
    """A reply that is not an answer."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """One connection that is kept alive; one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        self._reader, self._writer = reader, writer
        self._common = f"Host: 127.0.0.1:{port}\r\nAccept: application/json, text/event-stream\r\n"

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """Connect to a server on this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port), port)

    async def post(self, path: str, message: Mapping[str, Any], headers: Mapping[str, str]) -> Reply:
        """Send JSON and return the whole reply. Raises FailedError for a status of 400 or more."""
        body = json.dumps(message).encode()
        sent = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
        self._send("POST", path, sent, body)
        reply = await self._reply()
        if reply.status >= 400:
            raise FailedError(f"{reply.status} {reply.body[:200]!r}")
        return reply

    async def listen(self, path: str) -> str:
        """Open a stream of events, and return the data of its first event."""
        self._send("GET", path, {}, b"")
        await self._head()
        first = await self._reader.readuntil(b"\r\n\r\n")
        return first.partition(b"data: ")[2].split()[0].decode()

    async def drain(self, seconds: float) -> None:
        """Read what a stream sends for so long. Raises FailedError where it ends before."""
        try:
            async with asyncio.timeout(seconds):
                while await self._reader.read(65_536):
                    pass
        except TimeoutError:
            return
        raise FailedError("The stream has ended")

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        with contextlib.suppress(OSError):  # the server has closed it first
            await self._writer.wait_closed()

    def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._writer.write(f"{method} {path} HTTP/1.1\r\n{self._common}{lines}\r\n".encode() + body)

    async def _head(self) -> tuple[int, dict[str, str]]:
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        pairs = (line.partition(":") for line in lines[1:] if line)
        return int(lines[0].split()[1]), {name.lower(): value.strip() for name, _, value in pairs}

    async def _reply(self) -> Reply:
        status, headers = await self._head()
        if "content-length" in headers:
            return Reply(status, headers, await self._reader.readexactly(int(headers["content-length"])))
        return Reply(status, headers, b"" if status in (202, 204) else await self._chunks())

    async def _chunks(self) -> bytes:
        pieces: list[bytes] = []
        while size := int(await self._reader.readline(), 16):
            pieces.append((await self._reader.readexactly(size + 2))[:-2])
        await self._reader.readline()
        return b"".join(pieces)

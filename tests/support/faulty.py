"""A service that misbehaves: a real server on the loopback, which answers each request as a test says."""

import asyncio
import json
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from socket import SO_LINGER, SOL_SOCKET
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request, its body unread."""

    connection: int
    line: str
    headers: dict[str, str]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def body(self) -> bytes:
        return await self.reader.readexactly(int(self.headers.get("content-length", 0)))


Answer = Callable[[Asked], Awaitable[None]]


@dataclass
class Faulty:
    """Gives its answers in turn, the last one again and again; keeps what it was asked."""

    answers: list[Answer]
    port: int = 0
    scheme: str = "http"
    asked: list[Asked] = field(default_factory=list[Asked])
    writers: list[asyncio.StreamWriter] = field(default_factory=list[asyncio.StreamWriter])

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/v1"

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        number = len(self.writers)
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode("latin-1"):
                line, *rest = head.strip().split("\r\n")
                headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in rest)}
                asked = Asked(number, line, headers, reader, writer)
                self.asked.append(asked)
                await (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(asked)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def faulty(*answers: Answer, tls: ssl.SSLContext | None = None) -> AsyncGenerator[Faulty]:
    """Serve on a free port of the loopback until the test is over."""
    service = Faulty(list(answers), scheme="https" if tls else "http")
    server = await asyncio.start_server(service.connected, "127.0.0.1", 0, ssl=tls)
    service.port = server.sockets[0].getsockname()[1]
    try:
        yield service
    finally:
        server.close()
        for writer in service.writers:
            writer.transport.abort()
        await server.wait_closed()


def says(status: int, body: Any, **headers: str) -> Answer:
    """A well-formed answer; text is sent as it is, all else as JSON."""

    async def answer(asked: Asked) -> None:
        await asked.body()
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        asked.writer.write(_head(status, len(content), headers) + content)
        await asked.writer.drain()

    return answer


def fails(status: int, message: str = "", **headers: str) -> Answer:
    """OpenAI's envelope of an error; who asks again is to do so at once."""
    return says(status, {"error": {"message": message}}, **{"retry-after-ms": "1", **headers})


async def resets(asked: Asked) -> None:
    """Read the request and break the connection."""
    await asked.body()
    _reset(asked)


async def resets_while_it_reads(asked: Asked) -> None:
    """Break the connection in the middle of the request."""
    await asked.reader.readexactly(10_000)
    _reset(asked)


async def sends_half(asked: Asked) -> None:
    """Promise more than is sent."""
    await asked.body()
    asked.writer.write(_head(200, 1000, {}) + b'{"id": "vs_1", "na')
    await asked.writer.drain()
    _reset(asked)


async def stays_silent(asked: Asked) -> None:
    """Take the request, and never answer."""
    await asked.body()
    await asked.reader.read()


async def stops_in_the_middle(asked: Asked) -> None:
    """Begin an answer, and never end it."""
    await asked.body()
    asked.writer.write(_head(200, 1000, {}) + b'{"id": "vs_1", "na')
    await asked.reader.read()


async def refuses_early(asked: Asked) -> None:
    """Answer 413 before the body was read, and leave the rest of it unused, as servers do that close with care."""
    asked.writer.write(_head(413, 2, {"connection": "close"}) + b"{}")
    asked.writer.write_eof()
    while await asked.reader.read(65536):
        pass


def _head(status: int, length: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Word", f"content-length: {length}", *(f"{k}: {v}" for k, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _reset(asked: Asked) -> None:
    """Close so that the other side is told of a reset, not of an end."""
    asked.writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    asked.writer.transport.abort()

"""Many clients at once: each asks as soon as it was answered (closed), or questions come at a rate (open)."""

import itertools
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio

from benchmarks.asking import Way
from benchmarks.metrics import percentile
from benchmarks.wire import Connection, FailedError

CLIENTS = 32


@dataclass(slots=True)
class Load:
    """Seconds of each answer, and the errors by their messages; an open loop counts from the due time."""

    times: list[float] = field(default_factory=list[float])
    errors: Counter[str] = field(default_factory=Counter[str])
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.times) / self.seconds

    def at(self, share: float) -> float:
        """Return a percentile in milliseconds."""
        return 1e3 * percentile(self.times, share)

    def __str__(self) -> str:
        shown = " / ".join(f"{self.at(share):.0f}" for share in (0.5, 0.95, 0.99))
        return f"{shown} ms at {self.rate:.0f}/s"


@dataclass(frozen=True, slots=True)
class Client:
    """A connection, and how it asks."""

    connection: Connection
    way: Way

    async def ask(self, text: str, since: float, load: Load) -> None:
        """Ask, and note the seconds since then, or the error."""
        try:
            await self.way.ask(self.connection, text)
        except (FailedError, OSError, EOFError) as error:
            load.errors[f"{type(error).__name__} {error}"[:120]] += 1
        else:
            load.times.append(time.perf_counter() - since)


@asynccontextmanager
async def joined(port: int, way: Callable[[], Way], number: int = CLIENTS) -> AsyncGenerator[list[Client]]:
    """Connect so many clients, and prepare each for its first question."""
    clients: list[Client] = []
    try:
        for _ in range(number):
            clients.append(Client(await Connection.open(port), way()))
            await clients[-1].way.join(clients[-1].connection)
        yield clients
    finally:
        for client in clients:
            await client.connection.close()


async def closed(clients: Sequence[Client], texts: Sequence[str], seconds: float) -> Load:
    """Let every client ask again as soon as it was answered, for so long."""
    load = Load()
    following = itertools.cycle(texts)
    began = time.perf_counter()

    async def go_on(client: Client) -> None:
        while (now := time.perf_counter()) < began + seconds:
            await client.ask(next(following), now, load)

    await _all(go_on, clients)
    load.seconds = time.perf_counter() - began
    return load


async def opened(clients: Sequence[Client], texts: Sequence[str], rate: float, seconds: float) -> Load:
    """Ask at a rate, whether or not earlier questions were answered; one that finds every client busy waits."""
    load = Load()
    began = time.perf_counter()
    due: Iterator[tuple[float, str]] = (
        (began + number / rate, text)
        for number, text in zip(range(int(rate * seconds)), itertools.cycle(texts), strict=False)
    )

    async def go_on(client: Client) -> None:
        for since, text in due:
            await anyio.sleep(max(0.0, since - time.perf_counter()))
            await client.ask(text, since, load)

    await _all(go_on, clients)
    load.seconds = time.perf_counter() - began
    return load


async def _all(work: Callable[[Client], Coroutine[Any, Any, None]], clients: Sequence[Client]) -> None:
    async with anyio.create_task_group() as tasks:
        for client in clients:
            tasks.start_soon(work, client)

"""Limits on what runs at once, in all and for each caller: requests that work, and separately streams that listen."""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

import anyio

from vectorstores_server.http.auth import ANYBODY, Caller

STREAMS = 1_024
STREAMS_PER_CALLER = 512


class ConcurrencyLimit:
    """Counts what runs against two limits; without tokens there are no callers to tell apart, so only one counts."""

    def __init__(self, in_all: int, per_caller: int) -> None:
        self._in_all = in_all
        self._per_caller = per_caller
        self._running: Counter[str] = Counter()
        self._ended = anyio.Event()

    @property
    def running(self) -> int:
        """The number that run now."""
        return self._running.total()

    @contextmanager
    def enter(self, caller: Caller) -> Generator[bool]:
        """Yield whether there is room; the place is given back at the end."""
        if not self._has_room(caller):
            yield False
            return
        self._running[caller.name] += 1
        try:
            yield True
        finally:
            self._running[caller.name] -= 1
            if not self._running[caller.name]:
                del self._running[caller.name]
            self._ended.set()

    async def finished(self, seconds: float) -> bool:
        """Wait until nothing runs; False when the time was up before that."""
        with anyio.move_on_after(seconds):
            while self.running:
                self._ended = anyio.Event()
                await self._ended.wait()
        return not self.running

    def _has_room(self, caller: Caller) -> bool:
        if self.running >= self._in_all:
            return False
        return caller == ANYBODY or self._running[caller.name] < self._per_caller


class Admission:
    """The caps of one server, and whether it is `closing`: then nothing is let in.

    A stream costs a connection and some kilobytes, a request a processor.
    """

    def __init__(
        self,
        in_all: int,
        per_caller: int,
        *,
        streams: int = STREAMS,
        streams_per_caller: int = STREAMS_PER_CALLER,
    ) -> None:
        self.requests = ConcurrencyLimit(in_all, per_caller)
        self.streams = ConcurrencyLimit(streams, streams_per_caller)
        self.closing = False

"""Leadership: of several processes one at a time does a kind of work, and each file is built by one."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from vectorstores_server.engines.local.catalog.work_queue import QueuedRevision

WORK = "worker.lock"
"""The name of the right to keep the index up."""


class WorkLock(Protocol):
    """The right to do one kind of work: one process has it, and loses it when it ends, however it ends."""

    @property
    def held(self) -> bool:
        """True while this process has it."""
        ...

    async def take(self) -> bool:
        """Try to get it, without waiting for anybody; False when another process has it."""
        ...

    async def close(self) -> None:
        """Let others have it."""
        ...


class Claims(Protocol):
    """The files that wait, as one worker may take them."""

    async def next(
        self, identities: Collection[str], besides: Collection[int], sizes: range
    ) -> "Sequence[QueuedRevision]":
        """Return the next files of stores with these embedders; those in `besides` are in hand here already."""
        ...

    async def waits(self, identities: Collection[str]) -> bool:
        """Tell whether a file waits that may be built by a worker which does not lead."""
        ...

    async def release(self) -> None:
        """Let others have what was not ended."""
        ...

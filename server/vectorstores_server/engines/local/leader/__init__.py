"""Leadership: of several processes one at a time does a kind of work."""

from typing import Protocol

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

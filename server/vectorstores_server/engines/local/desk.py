"""The files in hand, and which of their passages come next: many small files together, a huge one bit by bit."""

from collections.abc import Sequence
from dataclasses import dataclass

import anyio

from vectorstores_server.engines.local.catalog.queue import Work
from vectorstores_server.engines.local.preparing import Prepared

GROUP = 128
"""Passages embedded together: one to two seconds of work, which is how long a small file waits behind a huge one."""
HUGE_AT_ONCE = 2
"""Files of more than a group that are open at once. Another is put back as parsed text, so that small ones get by."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Passages [first, last) of a file."""

    file: Prepared
    first: int
    last: int


def take(files: Sequence[Prepared], room: int) -> list[Piece]:
    """Take up to `room` passages, of the most pressing kind of files first, and there from the oldest on.

    No file gets more than half while others of its kind wait, so that a small one is through with the next group
    however long the one before it is.
    """
    pieces: list[Piece] = []
    for priority in sorted({file.priority for file in files}):
        of_kind = [file for file in files if file.priority == priority and file.left]
        for file, count in zip(of_kind, _shares([file.left for file in of_kind], room), strict=True):
            if count:
                pieces.append(Piece(file, file.taken, file.taken + count))
                file.taken += count
                room -= count
    return pieces


def _shares(left: Sequence[int], room: int) -> list[int]:
    """Divide `room`: at most half to each as long as anything is left for others, then the rest in order."""
    most = room if len(left) == 1 else room // 2
    shares: list[int] = []
    for count in left:
        shares.append(min(count, most, room))
        room -= shares[-1]
    for i, count in enumerate(left):
        more = min(count - shares[i], room)
        shares[i] += more
        room -= more
    return shares


class Desk:
    """What is being worked on. Tasks wait on it for one another."""

    def __init__(self) -> None:
        self._work: dict[int, Work] = {}
        self._waiting: list[Prepared] = []
        self._put_back: set[int] = set()
        self._moved = anyio.Event()
        self.closed = False

    @property
    def empty(self) -> bool:
        """Whether nothing is in hand."""
        return not self._work

    @property
    def revs(self) -> set[int]:
        """The revisions not to fetch now: those in hand, and the huge ones that were put back."""
        return self._work.keys() | self._put_back

    @property
    def crowded(self) -> bool:
        """Whether enough small files wait to keep the embedder busy."""
        return sum(f.left for f in self._waiting if f.left <= GROUP) >= 2 * GROUP

    def claim(self, work: Work) -> None:
        """Begin with a file."""
        self._work[work.rev] = work

    def put(self, file: Prepared) -> None:
        """Let a file wait for the embedder, or put it back where too many huge ones are open."""
        if file.left > GROUP and sum(f.left > GROUP for f in self._waiting) >= HUGE_AT_ONCE:
            self._put_back.add(file.work.rev)
            del self._work[file.work.rev]
        else:
            self._waiting.append(file)
        self.moved()

    def next_group(self) -> list[Piece]:
        """Take the passages to embed next; empty when none waits."""
        pieces = take(self._waiting, GROUP)
        self._waiting = [f for f in self._waiting if f.left]
        return pieces

    def let_go(self, rev: int) -> None:
        """Be done with a file, one way or another."""
        self._work.pop(rev, None)
        self._waiting = [f for f in self._waiting if f.work.rev != rev]
        self._put_back.clear()
        self.moved()

    def close(self) -> None:
        """Say that no more files come."""
        self.closed = True
        self.moved()

    def moved(self) -> None:
        """Wake the tasks that wait for a change."""
        before, self._moved = self._moved, anyio.Event()
        before.set()

    async def wait(self) -> None:
        """Wait until something has moved."""
        await self._moved.wait()

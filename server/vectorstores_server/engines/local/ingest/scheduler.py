"""The files in hand, and which of their passages come next: many small files together, a huge one bit by bit."""

from collections.abc import Sequence
from dataclasses import dataclass

import anyio

from vectorstores_server.engines.local.catalog.work_queue import QueuedRevision
from vectorstores_server.engines.local.ingest.preparation import PreparedFile

GROUP = 128
"""Passages embedded together: one to two seconds of work, which is how long a small file waits behind a huge one."""
HUGE = 2_000
"""Passages; about a megabyte of text."""
AT_ONCE = 2
"""Files of more than a group, and of more than HUGE, that are open at once: each holds its text.

A further one is put back as parsed text, so that shorter ones can pass it.
"""


@dataclass(frozen=True, slots=True, eq=False)
class PassageRun:
    """Passages [first, last) of a file."""

    file: PreparedFile
    first: int
    last: int


def take(files: Sequence[PreparedFile], room: int) -> list[PassageRun]:
    """Take up to `room` passages, first of the most urgent kind of files, and within a kind of the oldest file.

    Files of more than a group share half of it while others of their kind wait, so that a small one is through with
    the next group however many long ones are before it.
    """
    pieces: list[PassageRun] = []
    for priority in sorted({file.priority for file in files}):
        of_kind = [file for file in files if file.priority == priority and file.left]
        for file, count in zip(of_kind, _shares([file.left for file in of_kind], room), strict=True):
            if count:
                pieces.append(PassageRun(file, file.taken, file.taken + count))
                file.taken += count
                room -= count
    return pieces


def _shares(left: Sequence[int], room: int) -> list[int]:
    """Divide `room`: to the short ones in order, at most half while long ones wait, and the rest to those evenly."""
    long = [i for i, count in enumerate(left) if count > GROUP]
    half = room // 2 if long else room
    shares = [0] * len(left)
    for i, count in enumerate(left):
        if count <= GROUP:
            shares[i] = min(count, half)
            half -= shares[i]
    rest = room - sum(shares)
    for number, i in enumerate(long):
        shares[i] = min(left[i], -(-rest // (len(long) - number)))
        rest -= shares[i]
    return shares


def _kind(passages: int) -> int:
    """0 = fits in a group, 1 = longer, 2 = huge."""
    return (passages > GROUP) + (passages > HUGE)


class PassageScheduler:
    """The files that are being worked on. Tasks wait on it for one another."""

    def __init__(self) -> None:
        self._work: dict[int, QueuedRevision] = {}
        self._waiting: list[PreparedFile] = []
        self._put_back: set[int] = set()
        self._long: dict[int, int] = {}
        self._moved = anyio.Event()
        self.closed = False

    @property
    def empty(self) -> bool:
        """Tell whether nothing is in hand."""
        return not self._work

    @property
    def revs(self) -> set[int]:
        """The revisions not to fetch now: those in hand, and the huge ones that were put back."""
        return self._work.keys() | self._put_back

    @property
    def crowded(self) -> bool:
        """Tell whether enough small files wait to keep the embedder busy."""
        return sum(f.left for f in self._waiting if f.left <= GROUP) >= 2 * GROUP

    @property
    def sparse(self) -> bool:
        """Tell whether something waits for the embedder, but less than it takes at a time."""
        return 0 < sum(f.left for f in self._waiting) < GROUP

    def claim(self, work: QueuedRevision) -> None:
        """Begin with a file."""
        self._work[work.rev] = work

    def put(self, file: PreparedFile) -> None:
        """Let a file wait for the embedder, or put it back where too many long ones are open."""
        if kind := _kind(file.left):
            self._long[file.work.rev] = kind
        if self.put_back(file.work):
            del self._work[file.work.rev]
        else:
            self._waiting.append(file)
        self.moved()

    def put_back(self, work: QueuedRevision) -> bool:
        """Leave a file for later that is known to be long, where too many of those are open; tell whether it is."""
        kind = self._long.get(work.rev)
        if not kind or sum(_kind(len(f.passages)) == kind for f in self._waiting) < AT_ONCE:
            return False
        self._put_back.add(work.rev)
        return True

    def next_group(self) -> list[PassageRun]:
        """Take the passages to embed next; empty when none waits."""
        pieces = take(self._waiting, GROUP)
        self._waiting = [f for f in self._waiting if f.left]
        return pieces

    def let_go(self, rev: int) -> None:
        """Be done with a file, one way or another."""
        self._work.pop(rev, None)
        self._waiting = [f for f in self._waiting if f.work.rev != rev]
        if self._long.pop(rev, None):
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

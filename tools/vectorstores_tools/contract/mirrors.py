"""Folders that stores follow: what an engine keeps of them, and what whoever walks them asks of it.

A mirror is a folder whose store is to be what the folder is. The engine knows no disk: it keeps the rows, and does what
a walk found out. Engines of other services have no mirrors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from vectorstores_tools.contract.engine import AttachOptions
from vectorstores_tools.contract.intake import FileStat, Source

KnownStat = tuple[int | None, int | None, int | None]
"""What the disk said of a file's newest version, as `FileStat`; a size of None where that cannot be relied on."""
State = Literal["mirrored", "paused", "not allowed", "unreadable"]


@dataclass(frozen=True, slots=True)
class Mirror:
    """A folder that a store follows, as of the last walk that somebody finished, or is at.

    `asked` counts the walks that were asked for, `walked` is the count that the last finished one began with: as long
    as it is less there is something to do. `confirmed`: what is gone may go, however much it is. `counts` say what the
    walk does: found, added, changed, renamed, removed, failed, gone (and not removed), and before (the files that the
    store had when the first of those was missed).
    """

    id: int
    store_id: str
    folder: str
    state: State = "mirrored"
    note: str | None = None
    watched: str | None = None
    looked_at: int | None = None
    asked: int = 1
    walked: int = 0
    confirmed: bool = False
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    batch_id: str | None = None
    options: AttachOptions = field(default_factory=AttachOptions)

    @property
    def due(self) -> bool:
        """Whether a walk was asked for that nobody has finished."""
        return self.walked < self.asked


@dataclass(frozen=True, slots=True)
class MirroredFile:
    """A file of a store whose source lies below a folder. `stat` is None where the disk's word cannot be relied on.

    `alone`: it was named by itself, never with a folder.
    """

    file_id: str
    source: str
    path: str
    sha256: str
    stat: FileStat | None
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Rename:
    """A source that has another place now; nothing else of it has changed."""

    file_id: str
    source: str
    to: str
    stat: FileStat | None


@dataclass(frozen=True, slots=True)
class WalkReport:
    """What is noted of a walk. A `walked` of 0: it goes on, and what was asked for stays so."""

    state: State
    note: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    walked: int = 0
    watched: str | None = None
    batch_id: str | None = None


class Lock(Protocol):
    """The right to walk one mirror: one process has it, and loses it when it ends, however it ends."""

    def take(self) -> bool:
        """Try to get it; False while another process has it."""
        ...

    def close(self) -> None:
        """Let others have it."""
        ...


class MirrorRecords(Protocol):
    """What an engine keeps of its mirrors."""

    async def all(self, store_id: str | None = None) -> Sequence[Mirror]:
        """Return the mirrors of a store, or of all that have not expired; none where there are no data yet."""
        ...

    async def begin(self, store_id: str, folder: str, options: AttachOptions, *, confirmed: bool) -> Mirror:
        """Have the store follow the folder, and ask for a walk. What the options do not give stays."""
        ...

    async def end(self, store_id: str, folder: str) -> bool:
        """Have the store follow the folder no longer; what it has of it stays. False where it did not."""
        ...

    async def find(self, mirror_id: int) -> Mirror | None:
        """Return the mirror as it is now; None when it has ended."""
        ...

    async def note(self, mirror_id: int, report: WalkReport) -> None:
        """Note what a walk has come to."""
        ...

    async def stats(self, store_id: str, folder: str) -> Mapping[str, KnownStat]:
        """Return each source below the folder: what a walk of 100,000 unchanged files asks for, and no more."""
        ...

    async def files(self, store_id: str, folder: str) -> Sequence[MirroredFile]:
        """Return the newest version of each source below the folder."""
        ...

    async def rename(self, store_id: str, renames: Sequence[Rename]) -> None:
        """Give files their new places; ids, attributes and vectors stay."""
        ...

    async def remove(self, store_id: str, sources: Sequence[str]) -> int:
        """Take sources out of the store; each uploaded File stays for seven days, for nothing else uses it."""
        ...

    async def take_back(self, store_id: str, source: Source) -> str | None:
        """Attach a File of these bytes that `remove` has kept, as it was attached; None where there is none."""
        ...

    def lock(self, mirror_id: int) -> Lock:
        """Return the lock of a mirror, not taken."""
        ...


class Mirroring(Protocol):
    """Whoever walks the mirrors of this process, as far as its own settings allow."""

    async def begin(
        self, store_id: str, named: Sequence[str], roots: Sequence[Path] | None, options: AttachOptions, confirmed: bool
    ) -> Sequence[Mirror]:
        """Have the store follow the folders, and begin to walk them. `roots` are the client's: they only narrow.

        Raises NotAllowed for a folder that this process may not follow, InvalidRequest for what is none, NotSupported.
        """
        ...

    async def end(self, store_id: str, named: Sequence[str], roots: Sequence[Path] | None) -> int:
        """Have the store follow these folders no longer; return how many it did."""
        ...

    async def gone(self, store_id: str, folders: Sequence[str], found: Sequence[str]) -> Sequence[MirroredFile]:
        """Return what the store has of the folders and is not on the disk any more; of mirrors, nothing."""
        ...

    async def state(self, mirror: Mirror) -> Mirror:
        """Return the mirror as it is now."""
        ...

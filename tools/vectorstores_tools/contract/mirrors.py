"""Mirrors, folders that stores follow: the records that an engine keeps of them, and the interface to their walker.

A mirror is a folder whose store is to be what the folder is. The engine knows no disk: it keeps the rows, and applies
the changes that a walk found. Engines of other services have no mirrors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from vectorstores_tools.contract.engine import AttachOptions
from vectorstores_tools.contract.intake import FileStat, KnownStat, Source

State = Literal["mirrored", "paused", "not allowed", "unreadable"]


@dataclass(frozen=True, slots=True)
class Mirror:
    """A folder that a store follows, as of its last walk, finished or under way.

    `asked` counts the walks that were asked for, `walked` is the count that the last finished one began with: as long
    as it is less there is something to do. `confirmed`: missing files may be removed, however many. `counts` of the
    walk: found, added, changed, renamed, removed, failed, gone (and not removed), and before (the files that the
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
        """True while a walk was asked for that nobody has finished."""
        return self.walked < self.asked


@dataclass(frozen=True, slots=True)
class MirroredFile:
    """A file of a store whose source lies below a folder. `stat` is None where it cannot be relied on.

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
    """The record of a walk. A `walked` of 0: the walk is still under way, and the requests for it stay open."""

    state: State
    note: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    walked: int = 0
    watched: str | None = None
    batch_id: str | None = None


class Lock(Protocol):
    """The right to walk one mirror: one process has it, and loses it when it ends, however it ends."""

    async def take(self) -> bool:
        """Try to get it; False while another process has it."""
        ...

    async def close(self) -> None:
        """Let others have it."""
        ...


class MirrorRecords(Protocol):
    """The records that an engine keeps of its mirrors."""

    async def all(self, store_id: str | None = None) -> Sequence[Mirror]:
        """Return the mirrors of a store, or of all that have not expired; none where there are no data yet."""
        ...

    def stamp(self) -> object | None:
        """Return a state that differs once any record may have changed, cheaply told; None where it is unknown."""
        ...

    async def begin(self, store_id: str, folder: str, options: AttachOptions, *, confirmed: bool) -> Mirror:
        """Have the store follow the folder, and ask for a walk. Options that are not given stay as they are."""
        ...

    async def end(self, store_id: str, folder: str) -> bool:
        """Have the store follow the folder no longer; its files stay. False where the store did not follow it."""
        ...

    async def find(self, mirror_id: int) -> Mirror | None:
        """Return the mirror as it is now; None when it has ended."""
        ...

    async def note(self, mirror_id: int, report: WalkReport) -> None:
        """Record the state of a walk."""
        ...

    async def stats(self, store_id: str, folder: str) -> Mapping[str, KnownStat]:
        """Return the status of each source below the folder: all that a walk of 100,000 unchanged files needs."""
        ...

    async def untouched(
        self, store_id: str, folder: str, options: AttachOptions
    ) -> Mapping[str, tuple[str, KnownStat]]:
        """Return the File and the known status of each source below the folder that needs no work.

        Such a source has not failed, and these options change neither its attributes nor its sizes.
        """
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
    """The walker of the mirrors of this process, as far as its own settings allow."""

    async def begin(
        self, store_id: str, named: Sequence[str], roots: Sequence[Path] | None, options: AttachOptions, confirmed: bool
    ) -> Sequence[Mirror]:
        """Have the store follow the folders, and begin to walk them. `roots` are the client's, and narrow the settings.

        Raises NotAllowed for a folder that this process may not follow, InvalidRequest for what is none, NotSupported.
        """
        ...

    async def end(self, store_id: str, named: Sequence[str], roots: Sequence[Path] | None) -> int:
        """Have the store follow these folders no longer; return how many it did."""
        ...

    async def gone(self, store_id: str, folders: Sequence[str], found: Sequence[str]) -> Sequence[MirroredFile]:
        """Return the store's files that are gone from these folders; none of a folder that is a mirror."""
        ...

    async def state(self, mirror: Mirror) -> Mirror:
        """Return the mirror as it is now."""
        ...

"""The promises of an intake, which opens paths, folders and URLs that a caller names."""

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import NamedTuple, Protocol

SETTLED_NS = 2_000_000_000
"""A file that changed less than so long before it was read can change again with the same size and time."""


KnownStat = tuple[int | None, int | None, int | None]
"""The `FileStat` of a file when it was taken; a size of None where that cannot be relied on."""


class FileStat(NamedTuple):
    """The status of a file on disk, known without reading it: as long as it is equal the file has not changed.

    A tuple, because a walk makes one for each of 100,000 files.
    """

    size: int
    modified_ns: int
    inode: int

    def same_as(self, known: KnownStat) -> bool:
        """Tell whether the file's status is the one that was known."""
        # Windows tells no inode with a folder's entries.
        return self == known or (not self.inode and self[:2] == known[:2])

    def settled(self, now_ns: int) -> bool:
        """Tell whether an equal status means equal bytes, if these were read at `now_ns` (since 1970)."""
        return self.modified_ns < now_ns - SETTLED_NS


@dataclass(frozen=True, slots=True)
class Source:
    """Something that an intake found and opened. `origin` (an absolute path or URL) is its identity in a store.

    `folder` is the one that was named and holds it, None where it was named by itself; `stat` is as it was before the
    bytes were hashed, None for a URL.
    """

    filename: str
    origin: str
    sha256: str
    size: int
    stream: AsyncIterator[bytes]
    sent: Callable[[int], None] | None = None
    """The same as in NewFile."""
    folder: str | None = None
    stat: FileStat | None = None
    at_hand: bool = False
    """True where the bytes are in memory: the stream may also be read after the next source has been asked for."""


def storable(name: str) -> str:
    """Return a name or path in which bytes that are no character are written as escapes: Linux allows any in a path."""
    return name if name.isascii() else name.encode("utf-8", "backslashreplace").decode()


@dataclass(frozen=True, slots=True)
class Survey:
    """The result of a look by an intake: origins in a stable order, and how many entries it passed over, by reason.

    `folders` has for each origin the folder that was named and holds it; none for what was named by itself.
    """

    origins: Sequence[str]
    skipped: Mapping[str, int] = field(default_factory=dict[str, int])
    examples: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """The first five passed over for each reason, as paths below the named folder; none for hidden or ignored files."""
    folders: Mapping[str, str] = field(default_factory=dict[str, str])
    stats: Mapping[str, FileStat] = field(default_factory=dict[str, FileStat])
    """The status on disk of the origins that a folder gave."""

    def without(self, left: Collection[str]) -> "Survey":
        """Return the same without some of its origins."""
        gone = frozenset(left)
        return replace(self, origins=[origin for origin in self.origins if origin not in gone])

    def named(self, origins: Iterable[str]) -> list[str]:
        """Return origins as paths below the folders that hold them."""
        return [
            PurePath(origin).relative_to(self.folders[origin]).as_posix() if origin in self.folders else origin
            for origin in origins
        ]


@dataclass(frozen=True, slots=True)
class FolderListing:
    """The files of a folder that can be taken, by whole path, each with its status on disk.

    `unreadable` are folders and files of which nothing can be told; `full`: it holds more than is looked at.
    """

    files: Mapping[str, FileStat]
    unreadable: Sequence[Path] = ()
    skipped: Mapping[str, int] = field(default_factory=dict[str, int])
    full: bool = False


class FolderIntake(Protocol):
    """Folders as the operator's settings allow them, whatever a client declares."""

    async def mirror_root(self, named: str, client: Sequence[Path] | None) -> str:
        """Return the real path of a folder that a store may follow. A client's roots never widen the operator's.

        Raises NotAllowed outside the roots, InvalidRequest for what is no folder.
        """
        ...

    def may_follow(self, folder: str) -> bool:
        """Tell whether this process may walk the folder."""
        ...

    async def walk(self, folder: str, within: Sequence[Path] = ()) -> FolderListing:
        """Return the folder's files; with `within` only those below these folders in it."""
        ...

    def open(self, origin: str, roots: Sequence[Path] | None) -> AbstractAsyncContextManager[Source]:
        """Open one origin, as `Intake.open`."""
        ...


class Intake(Protocol):
    """The way from the names that a caller gives (paths, folders, globs, URLs) to open streams."""

    async def survey(self, named: Sequence[str], roots: Sequence[Path] | None) -> Survey:
        """Find the named files, opening only small ones whose names do not tell whether they are text.

        `roots` are the client's, None where it declared none.
        Raises NotAllowed outside the roots, InvalidRequest for what is relative, missing or not a file, TooLarge for
        more than 2,000 files (naming the sub-folders).
        """
        ...

    def open(self, origin: str, roots: Sequence[Path] | None) -> AbstractAsyncContextManager[Source]:
        """Open one origin; the file that was checked is the one that is read. Raises as `survey`, and TooLarge."""
        ...

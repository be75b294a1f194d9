"""Comparison of a store's files from a folder with the folder itself (pure)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from vectorstores_tools.contract.intake import FileStat, FolderListing, KnownStat, storable
from vectorstores_tools.contract.mirrors import MirroredFile, Rename

FEW = 20
"""Files that may be gone at once without a question, whatever their share."""


@dataclass(frozen=True, slots=True)
class FolderChanges:
    """The changes of a folder: paths to take that are new or look changed, and known files that are gone."""

    new: Sequence[str] = ()
    changed: Sequence[str] = ()
    same: int = 0
    gone: Sequence[MirroredFile] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """The differences by the disk's word alone: as `FolderChanges`, with the sources of missing files."""

    new: Sequence[str]
    changed: Sequence[str]
    same: int
    gone: frozenset[str]


def compare(known: Mapping[str, KnownStat], listing: FolderListing, within: Sequence[PurePath] = ()) -> Difference:
    """Compare by size, time and inode alone. A file that cannot be read is not gone; `within` as of the walk."""
    new: list[str] = []
    changed: list[str] = []
    files = listing.files
    sources = files if all(map(str.isascii, files)) else list(map(storable, files))
    for source, (path, stat) in zip(sources, files.items(), strict=True):
        then = known.get(source)
        if then is None:
            new.append(path)
        elif stat != then and not stat.same_as(then):
            changed.append(path)
    found = frozenset(sources)
    dark = [storable(str(path)) for path in listing.unreadable]
    places = [PurePath(storable(str(place))) for place in within]
    gone = (source for source in known.keys() - found if _looked_at(source, places) and not _in_the_dark(source, dark))
    return Difference(new, changed, len(found) - len(new) - len(changed), frozenset(gone))


@dataclass(slots=True)
class GoneFiles:
    """Files that are not where they were, until a new place of theirs is found by their hash."""

    by_hash: dict[str, list[MirroredFile]] = field(default_factory=lambda: defaultdict[str, list[MirroredFile]](list))

    @classmethod
    def of(cls, files: Iterable[MirroredFile]) -> "GoneFiles":
        """Return these files, the oldest first."""
        gone = cls()
        for file in files:
            gone.by_hash[file.sha256].append(file)
        return gone

    def renamed(self, path: str, sha256: str, stat: FileStat | None) -> Rename | None:
        """Return which of them stands at a path now, None if none has these bytes: same folder first, then oldest."""
        candidates = self.by_hash.get(sha256)
        if not candidates:
            return None
        to = storable(path)
        folder = PurePath(to).parent
        best = next((file for file in candidates if PurePath(file.source).parent == folder), candidates[0])
        candidates.remove(best)
        return Rename(best.file_id, best.source, to, stat)

    @property
    def left(self) -> list[MirroredFile]:
        """Those without a new place."""
        return [file for files in self.by_hash.values() for file in files]


def too_many(gone: int, known: int) -> bool:
    """Tell whether so many of the known files are gone that somebody has to agree first."""
    return gone > FEW and 2 * gone > known


def counts_of(**counts: int) -> Mapping[str, int]:
    """Return those counts that are not nought."""
    return {name: count for name, count in counts.items() if count}


def _looked_at(source: str, places: Sequence[PurePath]) -> bool:
    path = PurePath(source)
    return not places or any(place in path.parents for place in places)


def _in_the_dark(source: str, dark: Sequence[str]) -> bool:
    path = PurePath(source)
    return any(PurePath(place) == path or PurePath(place) in path.parents for place in dark)

"""The place of an attached file: its path below the folder that was named, and its size and times on disk then."""

import time
import unicodedata
from dataclasses import dataclass
from pathlib import PurePath

from vectorstores_server.engines.local.catalog.dialect import DB, Row
from vectorstores_tools.contract.intake import FileStat


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of an ingested file, and the hash of its bytes: its identity in a store, which no update touches.

    `folder` is the one that was named and holds it; `stat` is that of the file before it was read, which was at
    `read_ns` (since 1970); None: just now.
    """

    source: str
    sha256: str
    folder: str | None = None
    stat: FileStat | None = None
    read_ns: int | None = None


@dataclass(frozen=True, slots=True)
class SourcePlace:
    """A source's place as the catalog keeps it. `folder` None: the file was named by itself."""

    path: str | None
    folder: str | None
    disk_bytes: int | None
    modified_ns: int | None
    inode: int | None


def place_of(origin: Origin, last: Row | None, mirror: str | None = None) -> SourcePlace:
    """Return the place of a source whose last version is `last`: below the outermost mirror that holds it.

    Without one, the folder that was named first stays.
    """
    folder = (last["folder"] if last is not None else None) or origin.folder
    path = path_below(mirror or folder, origin.source)
    stat = origin.stat
    if stat is None:
        return SourcePlace(path, folder, None, None, None)
    size = stat.size if stat.settled(time.time_ns() if origin.read_ns is None else origin.read_ns) else None
    return SourcePlace(path, folder, size, stat.modified_ns, stat.inode)


def path_below(folder: str | None, source: str, kind: type[PurePath] = PurePath) -> str | None:
    """Return the path below the folder, the bare name without one; None for a URL. `kind` is this system's paths."""
    if "://" in source:
        return None
    path = kind(source)
    below = path.relative_to(folder).as_posix() if folder and path.is_relative_to(folder) else path.name
    return unicodedata.normalize("NFC", below)  # a disk may hand out names in decomposed form


def is_placed(row: Row, place: SourcePlace) -> bool:
    """Tell whether an attachment has this place already."""
    return SourcePlace(row["path"], row["folder"], row["disk_bytes"], row["modified_ns"], row["inode"]) == place


def put(db: DB, attachment_id: int, place: SourcePlace) -> None:
    """Record an attachment's place."""
    db.execute(
        "UPDATE attachment SET path = ?, folder = ?, disk_bytes = ?, modified_ns = ?, inode = ? WHERE id = ?",
        (place.path, place.folder, place.disk_bytes, place.modified_ns, place.inode, attachment_id),
    )

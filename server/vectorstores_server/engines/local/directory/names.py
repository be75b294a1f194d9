"""Names in a data directory that the server gives itself. A name of any other form is somebody else's, and stays.

All are paths below the data directory with `/` between their parts.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from vectorstores_server.system.aside import is_aside

CATALOG = "catalog.db"
MARKER = "vector-stores.json"
RESERVE = "reserve.bin"
TRASH = "trash"
DATA_FOLDERS = ("blobs", "text", "uploads", "index")
"""The folders that hold people's data, or what was made of it."""

_ID = "[0-9a-z]{24}"
_SHA = "[0-9a-f]{64}"
_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_TEMPORARY = r"[0-9a-f]{32}\.tmp"
_TABLE = rf"vs_{_ID}_[0-9]+"
_INDEX_FILE = (
    r"(?:index|auxiliary)\.idx|(?:metadata|page_lookup|page_data|(?:part_[0-9]+_)?(?:tokens|invert|docs))\.lance"
)
_LANCE = (
    r"_versions/[0-9]+\.manifest(?:[-#][0-9a-f-]+)?",
    r"_versions/latest_version_hint\.json",
    rf"_transactions/[0-9]+-{_UUID}\.txn",
    r"_deletions/[0-9]+-[0-9]+-[0-9]+\.(?:arrow|bin)",
    r"data/[0-9a-f-]{32,64}\.lance",
    rf"_indices/{_UUID}/(?:{_INDEX_FILE})",
)
_DELETED = (
    rf"blobs/{_SHA}",
    rf"text/{_SHA}\.[a-z]+-[0-9]+",
    rf"uploads/upload_{_ID}/part_{_ID}",
    rf"index/{_TABLE}\.(?:deleted|sums(?:\.tmp)?)",
    *(rf"index/{_TABLE}\.lance/{form}" for form in _LANCE),
)
"""Names of content: it can be erased, and goes to the trash where nobody asked for its deletion."""
_KEPT = (
    rf"{re.escape(MARKER)}(?:\.[0-9a-f]{{16}}\.tmp)?",
    re.escape(RESERVE),
    r"catalog\.db(?:-wal|-shm|-journal)?",
    r"catalog\.db\.v[0-9]+(?:\.[0-9]+\.tmp)?",
    r"(?:worker|mirror-[0-9]+)\.lock(?:-journal|-wal|-shm)?",
    r"calls\.db(?:-journal)?",
    r"page\.json(?:\.[0-9a-f]{16}\.tmp)?",
    rf"(?:blobs|text)/{_TEMPORARY}",
)
_OURS = re.compile("|".join([*_KEPT, *_DELETED, *(rf"{TRASH}/[0-9]+/{form}" for form in _DELETED)]))
_EARLY = re.compile(
    rf"{re.escape(MARKER)}\.[0-9a-f]{{16}}\.tmp|worker\.lock(?:-journal|-wal|-shm)?|(?:blobs|text)/{_TEMPORARY}"
)
_OF_A_SYSTEM = re.compile(r"(?:lost\+found|\.DS_Store|Thumbs\.db|desktop\.ini|\.nfs[^/]*)", re.IGNORECASE)


def is_ours(name: str) -> bool:
    """Tell whether a file of that name below the data directory is one that the server writes."""
    return _OURS.fullmatch(name) is not None


def is_early(name: str) -> bool:
    """Tell whether a file of that name may be there before the catalog is: a lock, the first upload on its way."""
    return _EARLY.fullmatch(name) is not None


def is_of_a_system(name: str) -> bool:
    """Tell whether an entry of a folder is there because of the file system or the desktop."""
    return _OF_A_SYSTEM.fullmatch(name) is not None


def is_table(name: str) -> bool:
    """Tell whether an index table may have that name."""
    return re.fullmatch(_TABLE, name) is not None


def is_upload(name: str) -> bool:
    """Tell whether a folder of parts may have that name."""
    return re.fullmatch(rf"upload_{_ID}", name) is not None


def holds_data(directory: Path) -> bool:
    """Tell whether a file of people's data, or of what was made of it, lies below the directory."""
    found = re.compile("|".join(_DELETED))
    return any(found.fullmatch(name) for name in files_below(directory, DATA_FOLDERS))


def foreign(directory: Path, limit: int) -> list[str]:
    """Return up to `limit` files below a data directory that are not ours, in no particular order."""
    found: list[str] = []
    for name in files_below(directory):
        if not is_ours(name) and not any(is_of_a_system(part) for part in name.split("/")):
            found.append(name)
            if len(found) == limit:
                break
    return found


def files_below(directory: Path, folders: tuple[str, ...] | None = None) -> Iterator[str]:
    """Yield the paths of files below the directory, or below some of its folders; links are not followed.

    Data that was set aside is passed over. Raises OSError where a folder cannot be read.
    """
    for top in folders if folders is not None else (".",):
        for place, inner, names in os.walk(directory / top, onerror=_raise):
            below = Path(place).relative_to(directory)
            if below == Path():
                inner[:] = [name for name in inner if not is_aside(name)]
            yield from ((below / name).as_posix() for name in names)


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):  # a folder that went while it was walked
        raise error

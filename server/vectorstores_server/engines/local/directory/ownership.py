"""The ownership of a directory: a data directory of ours bears a marker, and nothing is done to one that is not ours.

A directory becomes ours while it is empty. One of the version before, which wrote no marker, is recognised by its
catalog. Everything else is refused before anything in it is changed, its mode included.
"""

import json
import os
import secrets
import sqlite3
import tempfile
from collections.abc import Collection, Generator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import cast

from vectorstores_server.engines.local.directory.names import (
    CATALOG,
    DATA_FOLDERS,
    MARKER,
    TRASH,
    files_below,
    holds_data,
    is_early,
    is_of_a_system,
    is_ours,
)
from vectorstores_server.system.aside import aside_folder
from vectorstores_server.system.posix import private_directory, sync_directory
from vectorstores_tools.contract.errors import Unavailable

APPLICATION_ID = 0x76734D43
"""The `application_id` of our catalogs, "vsMC"; 0 before the third migration."""
PRODUCT = "vector-stores-mcp"
_TABLES = {"meta", "counter", "worker", "store", "attachment", "file"}
_SQLITE = b"SQLite format 3\0"
_NAMED = 3
"""The number of foreign entries that a refusal names."""


def claim(directory: Path, *, new_catalog: bool = False, own_log: Path | None = None) -> None:
    """Make sure that the directory is ours; make and mark a new one. Raises Unavailable and changes nothing otherwise.

    With `new_catalog` the data of a directory whose catalog is missing is set aside first; without data there is
    nothing to set aside. Raises OSError where the directory cannot be read.
    """
    if not directory.exists():
        private_directory(directory)
    marked = _is_marked(directory)
    if not marked:
        try:
            _recognise(directory, {own_log.name} if own_log and own_log.parent == directory else set())
        except Unavailable:
            if not _is_marked(directory):  # another process has just made it
                raise
    if _lacks_catalog(directory) and holds_data(directory):
        if not new_catalog:
            raise _catalog_missing(directory)
        _set_aside(directory)
    private_directory(directory)
    if not marked:
        write_marker(directory, {})


def refuse_empty_catalog(db: sqlite3.Connection, directory: Path) -> None:
    """Raise Unavailable where a catalog without tables stands beside data of ours: it is not the one they belong to."""
    if db.execute("PRAGMA user_version").fetchone()[0] == 0 and holds_data(directory):
        raise _catalog_missing(directory)


def _is_marked(directory: Path) -> bool:
    marker = read_marker(directory)
    if marker is not None and marker.get("shared"):
        raise Unavailable(
            f"The directory {directory} is one that several servers share.",
            "Set VECTOR_STORES_DATA (--data) to another directory.",
        )
    return marker is not None


def read_marker(directory: Path) -> dict[str, object] | None:
    """Return the marker, None where there is none. Raises Unavailable for one that is not ours."""
    try:
        found = json.loads((directory / MARKER).read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        found = None
    if not isinstance(found, dict) or found.get("product") != PRODUCT:  # pyright: ignore[reportUnknownMemberType]
        raise Unavailable(
            f"The file {MARKER} in {directory} is not the marker of a data directory.",
            "Set VECTOR_STORES_DATA (--data) to another directory, or restore this one from a backup.",
        )
    return cast("dict[str, object]", found)


def _recognise(directory: Path, ignored: Collection[str]) -> None:
    """Raise Unavailable unless the unmarked directory is empty, of the version before, or ours without its catalog."""
    names = sorted(path.name for path in directory.iterdir())
    entries = [name for name in names if name not in ignored and not is_of_a_system(name)]
    if not entries or _has_our_catalog(directory) or _is_beginning(directory, entries):
        return
    if set(entries) <= {*DATA_FOLDERS, TRASH, CATALOG, "worker.lock"} and not _foreign_catalog(directory):
        names = list(files_below(directory, DATA_FOLDERS))
        if names and all(is_ours(name) for name in names):
            return  # the catalog is missing, and everything that is there is ours: `claim` says so
    shown = ", ".join(entries[:_NAMED]) + (f" and {len(entries) - _NAMED} more" if len(entries) > _NAMED else "")
    raise Unavailable(
        f"The directory {directory} is not empty and not a data directory of {PRODUCT}: it holds {shown}. Nothing in"
        " it was changed.",
        "Set VECTOR_STORES_DATA (--data) to a new or an empty directory.",
    )


def _is_beginning(directory: Path, entries: Collection[str]) -> bool:
    """Tell whether only such files are there as come before the catalog in a new directory."""
    if CATALOG in entries and (directory / CATALOG).stat().st_size:
        return False
    return all(is_early(name) or name == CATALOG for name in files_below(directory))


def _lacks_catalog(directory: Path) -> bool:
    """Tell whether the catalog is missing or empty, and not just written to its log only."""
    sizes = [_size(directory / name) for name in (CATALOG, f"{CATALOG}-wal")]
    return not any(sizes)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _foreign_catalog(directory: Path) -> bool:
    return _size(directory / CATALOG) > 0 and not _has_our_catalog(directory)


def _has_our_catalog(directory: Path) -> bool:
    """Tell whether catalog.db is ours, without a lock, a journal, or anything else written beside it."""
    path = directory / CATALOG
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except FileNotFoundError:
        return False
    if not header.startswith(_SQLITE):
        return False
    application, written_in = (int.from_bytes(header[at : at + 4], "big") for at in (68, 60))
    if application not in (0, APPLICATION_ID):
        return False
    if application == APPLICATION_ID and written_in:
        return True
    with _undisturbed(path) as db:
        return _tables(db) >= _TABLES


@contextmanager
def _undisturbed(path: Path) -> Generator[sqlite3.Connection]:
    """Give a connection for reading; to a copy where the newest pages are still in the log beside it."""
    wal = path.with_name(f"{path.name}-wal")
    if not _size(wal):
        with closing(_open(path, "mode=ro&immutable=1")) as db:
            yield db
        return
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / path.name
        for source, target in ((path, copy), (wal, copy.with_name(wal.name))):
            target.write_bytes(source.read_bytes())
        with closing(_open(copy, "mode=rw")) as db:
            yield db


def _open(path: Path, query: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?{query}", uri=True)


def _tables(db: sqlite3.Connection) -> set[str]:
    try:
        return {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.DatabaseError:
        return set()


def write_marker(directory: Path, more: Mapping[str, object]) -> None:
    """Write the marker, whole or not at all. Several processes may do so at once: one of them wins."""
    content = json.dumps({"product": PRODUCT, "format": 1, "id": secrets.token_hex(16), **more}) + "\n"
    path = directory / MARKER
    unfinished = path.with_name(f"{MARKER}.{secrets.token_hex(8)}.tmp")
    try:
        with os.fdopen(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    sync_directory(directory)


def _set_aside(directory: Path) -> None:
    """Move data whose catalog is missing into a folder of its own, which nothing ever sweeps."""
    target = aside_folder(directory)
    for name in (*DATA_FOLDERS, TRASH, CATALOG, f"{CATALOG}-wal", f"{CATALOG}-shm"):
        source = directory / name
        if source.exists():
            source.rename(target / name)
    sync_directory(directory)


def _catalog_missing(directory: Path) -> Unavailable:
    return Unavailable(
        f"The catalog ({CATALOG}) of the data directory {directory} is missing or empty, but its files are there.",
        "Restore it from a backup, or start once with --new-catalog, which keeps the old data aside.",
    )

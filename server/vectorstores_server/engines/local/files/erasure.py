"""Erasure from the disk: of content whose last File was deleted, and of files that nothing in the catalog names.

`ContentSweep` is the port, `FolderSweep` the form for a data directory.

Only the worker calls this. Content that the catalog recorded as deleted is erased; an orphan, which nobody is known to
have deleted, goes to the trash.
"""

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import anyio.to_thread

from vectorstores_server.engines.local.catalog import Catalog
from vectorstores_server.engines.local.catalog.connection import FILE_NAME
from vectorstores_server.engines.local.catalog.dialect import DB
from vectorstores_server.engines.local.catalog.expiry import (
    GRACE,
    deleted_content,
    forget_deleted_content,
    unreferenced,
    upload_states,
)
from vectorstores_server.engines.local.directory.names import TRASH, is_upload
from vectorstores_server.engines.local.directory.removal import Removal, Removed
from vectorstores_server.engines.local.files.blobs import TEMPORARY

HOUR = 3600
COPY_SECONDS = 7 * 24 * HOUR
"""The time for which the copy stays that a migration makes of the catalog."""
REMEMBERED = 24 * HOUR
"""The seconds for which deletions are remembered: a worker that parsed the file may have written its text since."""
FOLDERS = ("blobs", "text")
AT_ONCE = 200


class ContentSweep(Protocol):
    """The erasure of what was deleted and of what nothing names. All raise OSError, or Unavailable."""

    async def erase_deleted(self, now: float, *, grace: int = GRACE) -> Removed:
        """Erase bytes and texts whose last File was deleted `grace` seconds ago."""
        ...

    async def remove_orphans(self, now: float) -> Removed:
        """Take away what nothing names and has been there for a while."""
        ...

    async def empty_trash(self) -> Removed:
        """Erase what was taken away before, without waiting."""
        ...


class FolderSweep:
    """The sweep of one data directory."""

    def __init__(self, catalog: Catalog, directory: Path) -> None:
        self._catalog = catalog
        self._directory = directory

    async def erase_deleted(self, now: float, *, grace: int = GRACE) -> Removed:
        """Erase deleted content; a file that somebody reads now waits."""
        return await erase_deleted(self._catalog, self._directory, now, grace=grace)

    async def remove_orphans(self, now: float) -> Removed:
        """Move orphans to the trash after an hour; copies of the catalog go after seven days."""
        return await remove_orphans(self._catalog, self._directory, now)

    async def empty_trash(self) -> Removed:
        """Erase the trash."""
        return Removed(await anyio.to_thread.run_sync(Removal(self._directory).erase_folder, TRASH))


async def erase_deleted(catalog: Catalog, directory: Path, now: float, *, grace: int = GRACE) -> Removed:
    """Erase bytes and texts whose last File was deleted `grace` seconds ago; a file that somebody reads now waits."""
    removal, removed = Removal(directory), Removed()
    deleted = sorted(await catalog.read(deleted_content, int(now - grace)))
    if not deleted:
        return removed
    ages = await anyio.to_thread.run_sync(_ages, directory)
    names = _by_hash(ages)
    for first in range(0, len(deleted), AT_ONCE):
        hashes = [h for h in deleted[first : first + AT_ONCE] if h in names]
        if hashes:
            # Inside a writing transaction: an upload of the same bytes gives them their name in one of its own.
            removed.erased += await catalog.write_freeing(_erase, removal, {h: names[h] for h in hashes})
    left = {h: names[h] for h in deleted if h in names}
    wanted = await catalog.read(unreferenced, left)
    removed.in_use = [name for sha256 in wanted for name in left[sha256] if (directory / name).exists()]
    await catalog.write_freeing(forget_deleted_content, int(now - REMEMBERED))
    return removed


async def remove_orphans(catalog: Catalog, directory: Path, now: float) -> Removed:
    """Take away what nothing names and has not changed for an hour; copies of the catalog after seven days."""
    removal, removed = Removal(directory), Removed()
    ages = await anyio.to_thread.run_sync(_ages, directory)
    old = [name for name, changed in ages.items() if changed <= now - HOUR]
    stale = [name for name in old if name.endswith(TEMPORARY)]
    copies = await anyio.to_thread.run_sync(_old_copies, directory, now)
    removed.erased += await anyio.to_thread.run_sync(removal.erase, [*stale, *copies])
    named = [name for name in old if not name.endswith(TEMPORARY)]
    for first in range(0, len(named), AT_ONCE):
        names = named[first : first + AT_ONCE]
        # Read first: most often all of them are in use, and nobody has to wait for the writer.
        if await catalog.read(unreferenced, {_hash(name) for name in names}):
            erased, trashed = await catalog.write(_remove_unreferenced, directory, removal, names, now)
            removed.erased += erased
            removed.trashed += trashed
    await _remove_parts(catalog, directory, removal, removed, now)
    removed.erased += await anyio.to_thread.run_sync(removal.empty_trash, now)
    return removed


def _erase(db: DB, removal: Removal, names: Mapping[str, Sequence[str]]) -> list[str]:
    lost = unreferenced(db, names)
    return removal.erase(name for sha256 in lost for name in names[sha256])


def _remove_unreferenced(
    db: DB, directory: Path, removal: Removal, names: Sequence[str], now: float
) -> tuple[list[str], list[str]]:
    """Erase deleted content and move orphans to the trash; files that somebody has just written again stay."""
    lost = unreferenced(db, {_hash(name) for name in names})
    deleted = deleted_content(db, int(now))
    gone = [name for name in names if _hash(name) in lost and _changed(directory / name) <= now - HOUR]
    erased = removal.erase(name for name in gone if _hash(name) in deleted)
    return erased, removal.discard((name for name in gone if _hash(name) not in deleted), now)


async def _remove_parts(catalog: Catalog, directory: Path, removal: Removal, removed: Removed, now: float) -> None:
    uploads = await anyio.to_thread.run_sync(_old_uploads, directory, now)
    states = await catalog.read(upload_states, uploads) if uploads else {}
    for upload_id in uploads:
        folder = f"uploads/{upload_id}"
        if upload_id not in states:
            removed.trashed += await anyio.to_thread.run_sync(removal.discard_folder, folder, now)
        elif states[upload_id] != "pending":
            removed.erased += await anyio.to_thread.run_sync(removal.erase_folder, folder)


def _hash(name: str) -> str:
    return name.rpartition("/")[2].partition(".")[0]


def _by_hash(names: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(_hash(name), []).append(name)
    return found


def _ages(directory: Path) -> dict[str, float]:
    """Return when each file of FOLDERS was changed, by its name below the directory."""
    found: dict[str, float] = {}
    for folder in FOLDERS:
        if (directory / folder).is_dir():
            with os.scandir(directory / folder) as entries:
                found.update({f"{folder}/{entry.name}": _changed(Path(entry)) for entry in entries if entry.is_file()})
    return found


def _changed(path: Path) -> float:
    """Return when the file was changed; the end of time for one that is gone."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _old_copies(directory: Path, now: float) -> Collection[str]:
    copies = directory.glob(f"{FILE_NAME}.v*")
    kept = {True: HOUR, False: COPY_SECONDS}  # one that was never finished is worth nothing
    return [path.name for path in copies if _changed(path) <= now - kept[path.suffix == TEMPORARY]]


def _old_uploads(directory: Path, now: float) -> list[str]:
    """Return the uploads that have parts here and have got none for an hour."""
    folder = directory / "uploads"
    if not folder.is_dir():
        return []
    return [path.name for path in folder.iterdir() if is_upload(path.name) and _changed(path) <= now - HOUR]

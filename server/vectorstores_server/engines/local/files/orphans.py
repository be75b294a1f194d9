"""What lies on disk without anything in the catalog that names it. Only the worker removes it."""

import os
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import anyio.to_thread

from vectorstores_server.engines.local.catalog import Catalog
from vectorstores_server.engines.local.catalog.connection import FILE_NAME
from vectorstores_server.engines.local.catalog.expiry import ended_uploads, unreferenced
from vectorstores_server.engines.local.files.blobs import TEMPORARY, Blobs
from vectorstores_server.engines.local.files.upload_parts import UploadParts

HOUR = 3600
AT_ONCE = 200


async def remove_leftovers(catalog: Catalog, blobs: Blobs, parts: UploadParts, now: float, *, older: int = HOUR) -> int:
    """Unlink blobs and texts without a File, parts of ended uploads, temporary files and the catalog's old copies.

    Only what has not changed for `older` seconds. Returns how many files went.
    """
    before = now - older
    found = await anyio.to_thread.run_sync(_old_files, (blobs.blobs, blobs.texts), before)
    stale = [path for path in found if path.suffix == TEMPORARY]
    named = [path for path in found if path.suffix != TEMPORARY]
    stale += await anyio.to_thread.run_sync(_old_copies, blobs.directory, before)
    await anyio.to_thread.run_sync(_unlink, stale)
    gone = len(stale)
    for first in range(0, len(named), AT_ONCE):
        paths = named[first : first + AT_ONCE]
        # Read first: most often all of them are in use, and nobody has to wait for the writer.
        if await catalog.read(unreferenced, {_hash(p) for p in paths}):
            gone += await catalog.write(_unlink_unreferenced, paths, before)
    return gone + await _remove_parts(catalog, parts, before)


async def _remove_parts(catalog: Catalog, parts: UploadParts, before: float) -> int:
    uploads = await anyio.to_thread.run_sync(parts.uploads, before)
    for upload_id in await catalog.read(ended_uploads, uploads) if uploads else ():
        await parts.remove(upload_id)
    return 0


def _unlink_unreferenced(db: sqlite3.Connection, paths: Sequence[Path], before: float) -> int:
    lost = unreferenced(db, {_hash(p) for p in paths})
    return _unlink(path for path in paths if _hash(path) in lost and _is_old(path, before))


def _hash(path: Path) -> str:
    return path.name.partition(".")[0]


def _is_old(path: Path, before: float) -> bool:
    """Tell whether the file has not changed since; one that another process has just renamed is not."""
    try:
        return path.stat().st_mtime <= before
    except FileNotFoundError:
        return False


def _unlink(paths: Iterable[Path]) -> int:
    count = 0
    for path in paths:
        path.unlink(missing_ok=True)
        count += 1
    return count


def _old_files(directories: Sequence[Path], before: float) -> list[Path]:
    found: list[Path] = []
    for directory in directories:
        if directory.is_dir():
            with os.scandir(directory) as entries:
                found += [path for path in map(Path, entries) if _is_old(path, before)]
    return found


def _old_copies(directory: Path, before: float) -> list[Path]:
    return [path for path in directory.glob(f"{FILE_NAME}.v*") if _is_old(path, before)]

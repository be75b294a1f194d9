"""Opening catalog.db: pragmas, migrations, and what SQLite's errors mean to a caller."""

import errno
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

import anyio.to_thread

from vectorstores_server.engines.local.catalog.filesystem import refuse_network
from vectorstores_server.engines.local.catalog.migrations import MIGRATIONS, statements
from vectorstores_server.engines.local.directory.names import CATALOG
from vectorstores_server.engines.local.directory.ownership import claim, refuse_empty_catalog
from vectorstores_tools.contract.errors import DirectoryUpgraded, DiskFull, Unavailable, VectorStoreError

P = ParamSpec("P")
T = TypeVar("T")

FILE_NAME = CATALOG
BUSY_SECONDS = 30


def prepare(
    directory: Path,
    version: str,
    migrations: Sequence[str] = MIGRATIONS,
    *,
    new_catalog: bool = False,
    own_log: Path | None = None,
) -> None:
    """Bring the directory and the catalog to this version; see `claim` for the directories that are refused.

    Raises DirectoryUpgraded, Unavailable, DiskFull.
    """
    refuse_network(directory)
    claim(directory, new_catalog=new_catalog, own_log=own_log)
    path = directory / FILE_NAME
    _create_private(path)
    db = connect(path)
    try:
        _use_wal(db)
        check_version(db, len(migrations))
        refuse_empty_catalog(db, directory)
        _migrate(db, path, version, migrations)
    finally:
        db.close()


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection to an existing catalog; transactions are the caller's, in whatever thread."""
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    db.row_factory = sqlite3.Row
    # FULL: an acknowledged File survives a power loss. secure_delete: deleted rows are off the disk.
    for pragma in ("synchronous = FULL", "foreign_keys = ON", "secure_delete = ON", "temp_store = MEMORY"):
        db.execute(f"PRAGMA {pragma}")
    return db


def check_version(db: sqlite3.Connection, known: int = len(MIGRATIONS)) -> int:
    """Return user_version. Raises DirectoryUpgraded when it is newer than `known`."""
    found: int = db.execute("PRAGMA user_version").fetchone()[0]
    if found > known:
        row = db.execute("SELECT version FROM meta").fetchone()
        raise DirectoryUpgraded(row["version"] if row else "of a later version")
    return found


async def on_disk(directory: Path, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that reads or writes below a directory, in a thread. Raises DiskFull and Unavailable."""
    try:
        return await anyio.to_thread.run_sync(partial(fn, *args, **kwargs))
    except OSError as error:
        raise translated(error, directory) from error


def translated(error: sqlite3.Error | OSError, directory: Path) -> VectorStoreError:
    """Return the error of the contract that SQLite's `error` means to the caller: the one place that translates it."""
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return DiskFull(str(directory))
        return Unavailable(
            f"The data directory {directory} cannot be used: {error.strerror}.", "Check its permissions."
        )
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    if primary == sqlite3.SQLITE_FULL:
        return DiskFull(str(directory))
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Unavailable(f"The catalog in {directory} is busy with another process.", "Try again.")
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return Unavailable(f"The catalog in {directory} is damaged ({error}).", "Restore the directory from a backup.")
    return Unavailable(
        f"The catalog in {directory} cannot be used: {error}.",
        "Check that the disk is not full or read-only, then try again.",
    )


def _create_private(path: Path) -> None:
    try:
        # O_EXCL: closing a descriptor of a file that is open elsewhere in this process would free SQLite's locks.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return


def _use_wal(db: sqlite3.Connection) -> None:
    """Switch to WAL. SQLite does not wait for its busy timeout here when several processes make the file at once."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
            continue
        if mode != "wal":
            raise Unavailable("This file system cannot hold the catalog (no shared memory).", "Use a local disk.")
        return


def _migrate(db: sqlite3.Connection, path: Path, version: str, migrations: Sequence[str]) -> None:
    found = check_version(db, len(migrations))
    if found == len(migrations):
        return
    if found:
        _keep_copy(db, path, found)
    db.execute("BEGIN EXCLUSIVE")
    try:
        for number in range(check_version(db, len(migrations)), len(migrations)):
            for statement in statements(migrations[number]):
                db.execute(statement)
        db.execute("DELETE FROM meta")
        db.execute("INSERT INTO meta VALUES (?)", (version,))
        db.execute(f"PRAGMA user_version = {len(migrations)}")
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _keep_copy(db: sqlite3.Connection, path: Path, found: int) -> None:
    """Copy the catalog as it was; the sweep removes the copy after seven days."""
    copy = path.with_name(f"{path.name}.v{found}")
    unfinished = path.with_name(f"{copy.name}.{os.getpid()}.tmp")
    _create_private(unfinished)
    db.execute("VACUUM INTO ?", (str(unfinished),))
    unfinished.replace(copy)

"""The catalog as the engine uses it: short functions over a connection, run in threads, each in one transaction."""

import os
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeAlias, TypeVar

import anyio
import anyio.to_thread
from anyio import CapacityLimiter

from vectorstores_server.engines.local.catalog.connection import FILE_NAME, check_version, connect, prepare, translated
from vectorstores_server.engines.local.catalog.statistics import CatalogStatistics, count_all
from vectorstores_server.engines.local.directory import reserve
from vectorstores_tools.contract.errors import DiskFull, InvalidRequest, NotAllowed

P = ParamSpec("P")
T = TypeVar("T")
DB: TypeAlias = sqlite3.Connection

POLL_SECONDS = 0.25
THREADS = 8
LOOK_SECONDS = 1.0
"""The time for which a count waits to write: a writing transaction takes milliseconds, one that long is stuck."""
WAL_BYTES = 64 * 1024 * 1024
MOST_IDLE = 4
"""Connections that are kept for the next snapshots: making one takes half a millisecond."""


CatalogStamp: TypeAlias = tuple[int, int, int]
"""Inode, size and time of SQLite's log."""
UNSETTLED_NS = 20_000_000
"""Nanoseconds in which a file may change twice without another time: the system's clock for files is coarse."""


class SqliteSnapshot:
    """One reading transaction, as of its first SELECT, on a connection that nobody else has meanwhile."""

    def __init__(self, db: DB | None, directory: Path, threads: CapacityLimiter) -> None:
        self.db = db
        self._directory = directory
        self._threads = threads

    async def read(self, fn: Callable[Concatenate[DB, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn(connection, ...)` in this transaction."""

        def in_transaction() -> T:
            if self.db is None:
                self.db = connect(self._directory / FILE_NAME)
            if not self.db.in_transaction:
                self.db.execute("BEGIN")
                check_version(self.db)
            return fn(self.db, *args, **kwargs)

        def work() -> T:
            return _guarded(self._directory, in_transaction)

        return await anyio.to_thread.run_sync(work, limiter=self._threads)


class SqliteCatalog:
    """One process's way to catalog.db: one writer, one reader, and a connection for each snapshot that is open.

    Nothing is opened before the first call. Raises DiskFull, DirectoryUpgraded and Unavailable.
    """

    def __init__(
        self,
        directory: Path,
        *,
        read_only: bool = False,
        version: str = "0",
        new_catalog: bool = False,
        own_log: Path | None = None,
    ) -> None:
        self._directory = directory
        self.read_only = read_only
        self._version = version
        self._new_catalog = new_catalog
        self._own_log = own_log
        self._threads = CapacityLimiter(THREADS)
        self._opening = anyio.Lock()
        self._writing = anyio.Lock()
        self._reading = anyio.Lock()
        self._writer: DB | None = None
        self._reader: DB | None = None
        self._looking = CapacityLimiter(1)
        self._idle: list[DB] = []
        self._closed = False
        self._mark = 1
        self._moved = anyio.Event()
        self._seen = 0
        self._polled_at = 0.0

    @property
    def path(self) -> Path:
        """catalog.db, which nothing but SQLite may open, copy or unlink."""
        return self._directory / FILE_NAME

    async def read(self, fn: Callable[Concatenate[DB, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn(connection, ...)` in one reading transaction."""
        async with self._reading:
            db = await self._open_reader()
            return await self._run(_transact, db, "BEGIN", lambda: fn(db, *args, **kwargs))

    async def write(self, fn: Callable[Concatenate[DB, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn(connection, ...)` in one writing transaction. Raises NotAllowed where nothing may be written."""
        if self.read_only:
            raise NotAllowed("This server is read-only, nothing was changed.", "Start it without --read-only to write.")
        async with self._writing:
            db = await self._open_writer()
            result = await self._run(_transact, db, "BEGIN IMMEDIATE", lambda: fn(db, *args, **kwargs))
        self.wake()
        return result

    async def write_freeing(self, fn: Callable[Concatenate[DB, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a writing transaction that frees space. On a full disk the reserve is given up for it."""
        try:
            return await self.write(fn, *args, **kwargs)
        except DiskFull:
            if not await anyio.to_thread.run_sync(reserve.give_up, self._directory):
                raise
            return await self.write(fn, *args, **kwargs)

    @asynccontextmanager
    async def snapshot(self) -> AsyncGenerator[SqliteSnapshot]:
        """Give a reading transaction that stays the same until it is left."""
        await self.prepared()
        snapshot = SqliteSnapshot(self._idle.pop() if self._idle else None, self._directory, self._threads)
        try:
            yield snapshot
        finally:
            # No await: a cancelled search must not leave its snapshot open. This takes some microseconds.
            if snapshot.db is not None:
                self._put_back(snapshot.db)

    def _put_back(self, db: DB) -> None:
        """End a snapshot's transaction, and keep its connection for the next."""
        try:
            if db.in_transaction:
                db.execute("ROLLBACK")
        except sqlite3.Error:
            db.close()
            return
        if self._closed or len(self._idle) >= MOST_IDLE:
            db.close()
        else:
            self._idle.append(db)

    async def changed(self, since: int) -> int:
        """Wait for a change after the mark `since`; 0 returns the mark of now. See `Engine.changed`."""
        await self._look()
        while since >= self._mark:
            with anyio.move_on_after(POLL_SECONDS):
                await self._moved.wait()
            await self._look()
        return self._mark

    def stamp(self) -> "CatalogStamp | None":
        """Return a state that differs once anybody has committed; None where it is unknown at this moment.

        It is read off SQLite's log without a thread or a transaction: a task that waits for others can look often.
        """
        return log_stamp(self.path.with_name(f"{FILE_NAME}-wal"))

    def wake(self) -> None:
        """Wake the tasks of this process that wait for a change."""
        self._mark += 1
        moved, self._moved = self._moved, anyio.Event()
        moved.set()

    async def checkpoint(self, *, at_least: int = WAL_BYTES) -> None:
        """Move the WAL's pages into the catalog and empty it, where it has `at_least` bytes and no one reads it."""
        if self.read_only:
            return
        async with self._writing:
            await self._run(_checkpoint, await self._open_writer(), self.path, at_least)

    async def is_there(self) -> bool:
        """Tell whether there is a catalog already, without making one."""
        return self.path.exists()

    async def inventory(self, *, prove: bool) -> CatalogStatistics:
        """Count everything, on a connection of its own; a thread that a dead disk holds is left behind, one at most."""
        if not self.path.exists():
            await self.read(lambda _db: None)
        work = partial(_guarded, self._directory, partial(_count, self.path, writing=not self.read_only, prove=prove))
        return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._looking)

    async def damages(self) -> list[str]:
        """Return the damages that SQLite finds in the file, and rows that name others which are not there."""
        return await self.read(_damages)

    async def vacuum(self) -> None:
        """Rewrite the catalog, without a trace of deleted rows."""
        async with self._writing:
            db = await self._open_writer()
            await self._run(db.execute, "VACUUM")
            await self._run(_checkpoint, db, self.path, 0)

    async def aclose(self) -> None:
        """Close the connections, once the transactions under way have ended."""
        with anyio.CancelScope(shield=True):
            async with self._writing, self._reading:
                self._closed = True
                for db in (self._writer, self._reader, *self._idle):
                    if db is not None:
                        await self._run(db.close)
                self._idle.clear()
                self._writer = self._reader = None

    async def _look(self) -> None:
        """Ask SQLite, at most every POLL_SECONDS, whether another connection has committed."""
        now = time.monotonic()
        if self._seen and now - self._polled_at < POLL_SECONDS:
            return
        self._polled_at = now
        async with self._reading:
            seen = await self._run(_data_version, await self._open_reader())
        if self._seen and seen != self._seen:
            self.wake()
        self._seen = seen

    async def prepared(self) -> None:
        """Make sure that the data directory is ours and its catalog of this version; only the first time."""
        async with self._opening:
            if self._reader is None and self._writer is None:
                await self._run(
                    prepare, self._directory, self._version, new_catalog=self._new_catalog, own_log=self._own_log
                )

    async def _open_reader(self) -> DB:
        await self.prepared()
        self._reader = self._reader or await self._run(connect, self.path)
        return self._reader

    async def _open_writer(self) -> DB:
        await self.prepared()
        self._writer = self._writer or await self._run(connect, self.path)
        return self._writer

    async def _run(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        work = partial(_guarded, self._directory, partial(fn, *args, **kwargs))
        return await anyio.to_thread.run_sync(work, limiter=self._threads)


def _guarded(directory: Path, fn: Callable[[], T]) -> T:
    try:
        return fn()
    except UnicodeEncodeError as error:
        raise InvalidRequest(
            f"{error.object!a} holds half of a character (a lone surrogate).", "Send it as valid Unicode."
        ) from error
    except (OSError, sqlite3.OperationalError) as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
            raise  # wrong SQL is a fault of ours, not the machine's
        raise translated(error, directory) from error
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise translated(error, directory) from error
        raise


def _transact(db: DB, begin: str, fn: Callable[[], T]) -> T:
    try:
        db.execute(begin)
        check_version(db)
        result = fn()
        db.execute("COMMIT")
        return result
    finally:
        # After some errors (a full disk) SQLite has rolled back by itself.
        if db.in_transaction:
            db.execute("ROLLBACK")


def log_stamp(log: Path) -> CatalogStamp | None:
    """Return the stamp of a log; None of one that has changed just now, that is not there, or where times come late."""
    if os.name == "nt":  # the time of a file that is open may be that of before
        return None
    try:
        status = log.stat()
    except OSError:
        return None
    settled = time.time_ns() - status.st_mtime_ns > UNSETTLED_NS
    return (status.st_ino, status.st_size, status.st_mtime_ns) if settled else None


def _data_version(db: DB) -> int:
    return db.execute("PRAGMA data_version").fetchone()[0]


def _count(path: Path, *, writing: bool, prove: bool) -> CatalogStatistics:
    db = connect(path)
    try:
        db.execute(f"PRAGMA busy_timeout = {round(LOOK_SECONDS * 1000)}")
        prove = prove and writing
        return _transact(db, "BEGIN IMMEDIATE" if writing else "BEGIN", lambda: count_all(db, prove=prove))
    finally:
        db.close()


def _damages(db: DB) -> list[str]:
    found = [row[0] for row in db.execute("PRAGMA integrity_check(5)") if row[0] != "ok"]
    broken = db.execute("PRAGMA foreign_key_check").fetchmany(5)
    return [*found, *(f"a row of {row[0]} names one of {row[2]} that is not there" for row in broken)]


def _checkpoint(db: DB, path: Path, at_least: int) -> None:
    wal = path.with_name(f"{path.name}-wal")
    if not wal.exists() or wal.stat().st_size < max(at_least, 1):
        return
    db.execute("PRAGMA busy_timeout = 200")
    try:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        db.execute("PRAGMA busy_timeout = 30000")

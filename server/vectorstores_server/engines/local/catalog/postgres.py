"""The catalog in PostgreSQL: the same functions in the same transactions, for several servers on several machines.

Writers wait for each other (an advisory lock), as the functions expect; a snapshot is REPEATABLE READ; a change is
heard by NOTIFY, which comes with the commit.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import anyio
import anyio.to_thread
from anyio import CapacityLimiter

from vectorstores_server.engines.local.catalog.dialect import DB
from vectorstores_server.engines.local.catalog.postgres_schema import migrations
from vectorstores_server.engines.local.catalog.statistics import CatalogStatistics, count_all
from vectorstores_tools.contract.errors import DirectoryUpgraded, NotAllowed, Unavailable

if TYPE_CHECKING:
    from vectorstores_server.engines.local.catalog.postgres_connection import PostgresDB

P = ParamSpec("P")
T = TypeVar("T")

CONNECTIONS = 8
"""The most connections of one process, besides the one that hears of changes. Two are never taken by snapshots."""
LISTEN_SECONDS = 0.25
LOOK_SECONDS = 1.0
"""The time for which a count waits for another server's transaction."""
READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
WRITING = "BEGIN ISOLATION LEVEL READ COMMITTED"
"""The lock is waited for by the first statement, and each later one sees what was committed before it."""


class PostgresSnapshot:
    """One reading transaction, as of its first SELECT, on a connection that nobody else has meanwhile."""

    def __init__(self, catalog: "PostgresCatalog", db: "PostgresDB") -> None:
        self._catalog = catalog
        self._db = db

    async def read(self, fn: Callable[Concatenate[DB, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn(connection, ...)` in this transaction."""

        def work() -> T:
            if not self._db.in_transaction:
                self._db.execute(READING)
                self._catalog.check_version(self._db)
            return fn(self._db, *args, **kwargs)

        return await self._catalog.run(work)


class PostgresCatalog:
    """One process's way to the catalog in a schema of a database. `address` is a libpq URL or connection string.

    Nothing is opened before the first call. Raises DiskFull, DirectoryUpgraded and Unavailable.
    """

    def __init__(
        self,
        address: str,
        schema: str = "vector_stores",
        *,
        password: str | None = None,
        read_only: bool = False,
        version: str = "0",
    ) -> None:
        self._address = address
        self._password = password
        self._schema = schema
        self.read_only = read_only
        self._version = version
        self._lock = int.from_bytes(blake2b(schema.encode(), digest_size=8).digest(), signed=True)
        self._channel = f"catalog_{abs(self._lock):x}"
        self._threads = CapacityLimiter(CONNECTIONS + 1)
        self._looking = CapacityLimiter(1)
        self._connections = anyio.Semaphore(CONNECTIONS)
        self._snapshots = anyio.Semaphore(CONNECTIONS - 2)
        self._opening = anyio.Lock()
        self._listening = anyio.Lock()
        self._listener: PostgresDB | None = None
        self._idle: list[PostgresDB] = []
        self._prepared = False
        self._closed = False
        self._mark = 1
        self._moved = anyio.Event()

    async def read(self, fn: Callable[Concatenate[DB, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn(connection, ...)` in one reading transaction, which sees one state of the catalog."""
        async with self._connection() as db:
            return await self.run(partial(self._transact, db, READING, lambda: fn(db, *args, **kwargs)))

    async def write(self, fn: Callable[Concatenate[DB, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn(connection, ...)` in one writing transaction. Raises NotAllowed where nothing may be written."""
        if self.read_only:
            raise NotAllowed("This server is read-only, nothing was changed.", "Start it without --read-only to write.")

        def work(db: "PostgresDB") -> T:
            result = fn(db, *args, **kwargs)
            db.execute(f"NOTIFY {self._channel}")
            return result

        async with self._connection() as db:
            result = await self.run(partial(self._transact, db, WRITING, lambda: work(db)))
        self.wake()
        return result

    async def write_freeing(self, fn: Callable[Concatenate[DB, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a writing transaction that frees space; the database has its own reserve."""
        return await self.write(fn, *args, **kwargs)

    async def apart(self, fn: Callable[Concatenate[DB, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one statement of `fn` beside all writers: nobody waits for it, and nobody is told."""
        async with self._connection() as db:
            return await self.run(lambda: fn(db, *args, **kwargs))

    @asynccontextmanager
    async def snapshot(self) -> AsyncGenerator[PostgresSnapshot]:
        """Give a reading transaction that stays the same until it is left."""
        async with self._snapshots, self._connection() as db:
            yield PostgresSnapshot(self, db)

    async def changed(self, since: int) -> int:
        """Wait for a change after the mark `since`; 0 returns the mark of now. See `Engine.changed`."""
        await self.prepared()
        await self._listen(0)
        while since >= self._mark:
            if self._listening.statistics().locked:
                with anyio.move_on_after(LISTEN_SECONDS):
                    await self._moved.wait()
            else:
                await self._listen(LISTEN_SECONDS)
        return self._mark

    async def is_there(self) -> bool:
        """Return True: the schema is made by the first look at it."""
        return True

    async def inventory(self, *, prove: bool) -> CatalogStatistics:
        """Count everything, on a connection of its own, in a thread that is left behind where nobody answers."""
        await self.prepared()
        work = partial(_guarded, partial(self._count, prove=prove))
        return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._looking)

    async def damages(self) -> list[str]:
        """Return the tables whose rows the server cannot read; it keeps the rules between them by itself."""
        async with self._connection() as db:
            return await self.run(db.damages)

    async def checkpoint(self, *, at_least: int = 0) -> None:
        """Do nothing: the server moves its log by itself."""

    async def vacuum(self) -> None:
        """Have the server free what deleted rows took."""
        async with self._connection() as db:
            await self.run(db.vacuum)

    def stamp(self) -> None:
        """Return None: that nobody has committed cannot be read without asking the database. See `changed`."""

    def wake(self) -> None:
        """Wake the tasks of this process that wait for a change."""
        self._mark += 1
        moved, self._moved = self._moved, anyio.Event()
        moved.set()

    async def aclose(self) -> None:
        """Close the connections; one that is in use is closed by its user."""
        with anyio.CancelScope(shield=True):
            self._closed = True
            async with self._listening:
                idle, self._idle = self._idle, []
                for db in (*idle, self._listener):
                    if db is not None:
                        await self.run(db.close)
                self._listener = None

    async def prepared(self) -> None:
        """Make sure that the database is one that can be used and its schema of this version; only the first time."""
        async with self._opening:
            if not self._prepared:
                await self.run(self._prepare)
                self._prepared = True

    async def run(self, work: Callable[[], T]) -> T:
        """Do blocking work in a thread, with the errors of the contract."""
        return await anyio.to_thread.run_sync(partial(_guarded, work), limiter=self._threads)

    def check_version(self, db: DB) -> int:
        """Return the version of the schema. Raises DirectoryUpgraded when it is newer than this program's."""
        found: int = db.execute("SELECT version FROM catalog_version").fetchone()[0]
        if found > len(migrations()):
            row = db.execute("SELECT version FROM meta").fetchone()
            raise DirectoryUpgraded(row["version"] if row else "of a later version")
        return found

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator["PostgresDB"]:
        """Lend a connection that nobody else uses; it comes back without a transaction, or is closed."""
        await self.prepared()
        async with self._connections:
            db = await self.run(self._usable)
            try:
                yield db
            finally:
                with anyio.CancelScope(shield=True):
                    await self.run(partial(self._put_back, db))

    def _put_back(self, db: "PostgresDB") -> None:
        if db.in_transaction and not db.is_lost:
            db.execute("ROLLBACK")
        if self._closed or db.is_lost:
            db.close()
        else:
            self._idle.append(db)

    def _usable(self) -> "PostgresDB":
        """Return the connection that was used last and that the server has not ended since, or a new one."""
        while self._idle:
            db = self._idle.pop()
            if not db.has_hung_up:
                return db
            db.close()
        return self._connect()

    def _connect(self) -> "PostgresDB":
        from vectorstores_server.engines.local.catalog.postgres_connection import connect

        return connect(self._address, self._schema, self._password)

    def _transact(self, db: "PostgresDB", begin: str, fn: Callable[[], T]) -> T:
        try:
            db.execute(begin)
            if begin == WRITING:
                db.execute("SELECT pg_advisory_xact_lock(?)", (self._lock,))
            self.check_version(db)
            result = fn()
            db.execute("COMMIT")
            return result
        finally:
            if db.in_transaction and not db.is_lost:
                db.execute("ROLLBACK")

    def _count(self, *, prove: bool) -> CatalogStatistics:
        db = self._connect()
        try:
            db.execute(f"SET lock_timeout = {round(LOOK_SECONDS * 1000)}")
            begin = READING if self.read_only else WRITING
            return self._transact(db, begin, lambda: count_all(db, prove=prove and not self.read_only))
        finally:
            db.close()

    async def _listen(self, seconds: float) -> None:
        """Wait so long for a change, and wake those who wait for one."""
        async with self._listening:
            if await self.run(partial(self._heard, seconds)):
                self.wake()

    def _heard(self, seconds: float) -> bool:
        if self._listener is not None and not self._listener.is_lost:
            return self._listener.notified(seconds)
        self._listener = self._connect()
        self._listener.execute(f"LISTEN {self._channel}")
        return True  # what happened before is not known

    def _prepare(self) -> None:
        db = self._connect()
        try:
            encoding: str = db.execute("SELECT current_setting('server_encoding')").fetchone()[0]
            if encoding != "UTF8":
                raise Unavailable(
                    f"The catalog's database is encoded as {encoding}.",
                    "Make one with ENCODING 'UTF8' TEMPLATE template0.",
                )
            db.execute("BEGIN")
            db.execute("SELECT pg_advisory_xact_lock(?)", (self._lock,))
            self._migrate(db)
            db.execute("COMMIT")
        finally:
            db.close()

    def _migrate(self, db: "PostgresDB") -> None:
        known = migrations()
        db.execute(f"CREATE SCHEMA IF NOT EXISTS {self._schema}")
        tables = db.execute("SELECT tablename FROM pg_tables WHERE schemaname = ?", (self._schema,)).fetchall()
        if not tables:
            db.execute("CREATE TABLE catalog_version (version BIGINT NOT NULL)")
            db.execute("INSERT INTO catalog_version VALUES (0)")
        elif not any(row["tablename"] == "catalog_version" for row in tables):
            raise Unavailable(
                f"The schema {self._schema} holds tables that are not of vector-stores-mcp.", "Name another schema."
            )
        found: int = db.execute("SELECT version FROM catalog_version").fetchone()[0]
        if found >= len(known):
            self.check_version(db)
            return
        for script in known[found:]:
            for statement in script:
                db.execute(statement)
        db.execute("DELETE FROM meta")
        db.execute("INSERT INTO meta VALUES (?)", (self._version,))
        db.execute("UPDATE catalog_version SET version = ?", (len(known),))


def _guarded(work: Callable[[], T]) -> T:
    try:
        from vectorstores_server.engines.local.catalog.postgres_connection import translated
    except ModuleNotFoundError as error:
        raise Unavailable(
            f"Stores in a database need {error.name}, which is not installed.",
            'Run: pip install "vector-stores-mcp[shared]"',
        ) from error
    with translated():
        return work()

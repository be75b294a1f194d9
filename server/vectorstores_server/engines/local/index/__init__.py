"""The index over the catalog and the blobs: tables of passages that can always be rebuilt.

Importing this imports neither LanceDB nor Arrow nor numpy; the first row that is read or written does, in a thread.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from anyio import to_thread

from vectorstores_server.engines.local.index import lancedb_import
from vectorstores_server.engines.local.index import maintenance as upkeep
from vectorstores_server.engines.local.index.errors import (
    IndexBusy,
    IndexUnavailable,
    IndexUnreachable,
    OutOfSpace,
    TableMissing,
    WrongDimensions,
    translated,
)
from vectorstores_server.engines.local.index.folder_tables import FolderTables
from vectorstores_server.engines.local.index.memory import IndexMemory
from vectorstores_server.engines.local.index.records import (
    Candidate,
    CandidateQuery,
    Candidates,
    CosineScale,
    RevFilter,
    Rows,
    StoredPlace,
    StoredRows,
    Weights,
)
from vectorstores_server.system.logs import event
from vectorstores_server.system.posix import share_heaps

if TYPE_CHECKING:  # takes a second to import
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import timedelta

    from vectorstores_server.engines.local.index.lance import Database, Table
    from vectorstores_server.engines.local.index.places import TablePlace
    from vectorstores_server.engines.local.index.resident import ResidentTables

__all__ = [
    "NO_RESIDENTS",
    "Candidate",
    "CandidateQuery",
    "Candidates",
    "CosineScale",
    "Index",
    "IndexBusy",
    "IndexUnavailable",
    "IndexUnreachable",
    "OutOfSpace",
    "RevFilter",
    "Rows",
    "StoredPlace",
    "StoredRows",
    "TableMissing",
    "Weights",
    "WrongDimensions",
]

log = logging.getLogger(__name__)

NO_RESIDENTS = IndexMemory(resident=0)
REVS_AT_ONCE = 5_000

T = TypeVar("T")


class Index:
    """Tables in one place. Anyone may read; only the holder of the worker lock may call what writes.

    Each call sees one version, the newest, whichever process wrote it: a table is opened again for each call that
    writes, and for a search unless one look at its folder shows that nothing has changed. Small tables are searched in
    memory, in `memory.resident` bytes at most. Methods raise `IndexUnavailable`.
    """

    def __init__(
        self,
        place: TablePlace | Path,
        *,
        window: timedelta = upkeep.WINDOW,
        rest: float = upkeep.REST,
        memory: IndexMemory = NO_RESIDENTS,
    ) -> None:
        self.place: TablePlace = FolderTables(place) if isinstance(place, Path) else place
        self._window = window
        self._rest = rest
        self._rests_until: dict[str, float] = {}
        self._database: Database | None = None
        self._copies: Database | None = None
        self._memory = memory
        self._residents: ResidentTables | None = None
        self.answered = 0
        """Searches that were answered from memory."""

    async def create(self, table: str, dimensions: int | None, *, analysed: bool = True) -> None:
        """Make a table with its indexes; complete one whose making was interrupted, leave a complete one alone.

        `analysed`: its words come as the terms of `words`, and not as the text itself.
        """
        database = await self._open()
        with translated(table):
            opened = await database.create(table, dimensions, analysed=analysed)
            indexed = await opened.indexed()
            if opened.words not in indexed:
                await opened.index_text()
            if "rev" not in indexed:
                await opened.index_revs()

    async def add(self, table: str, rows: Sequence[Rows]) -> int | None:
        """Append rows in one commit. WrongDimensions when their vectors are not the table's.

        Return the version that holds them, None where there are none: one that searches shall see, or a later one.
        """
        if not any(len(part.ordinals) for part in rows):
            return None
        return await self._on(table, lambda opened: opened.add(rows))

    async def delete(self, table: str, revs: Sequence[int]) -> None:
        """Delete the rows of revisions, those that are there. They leave the disk by `optimize`, or by `purge`."""
        for start in range(0, len(revs), REVS_AT_ONCE):
            where = RevFilter("in", revs[start : start + REVS_AT_ONCE]).sql() or "false"
            await self.place.mark(table)
            await self._on(table, lambda opened, where=where: opened.delete(where))

    async def drop(self, table: str) -> bool:
        """Delete a table's files, readable or not, if there are any. What is not ours stays.

        False where the system keeps files because somebody reads them: then it is to be called again.
        """
        return await self.place.erase(table)

    async def discard(self, table: str) -> None:
        """Move a table's files to the trash."""
        await self.place.discard(table)

    async def tables(self) -> list[str]:
        """Name the tables, unreadable ones too; opens nothing."""
        return await self.place.tables()

    async def revs(self, table: str) -> dict[int, int]:
        """Count the rows of each revision."""
        return await self._on(table, lambda opened: opened.revs())

    async def stored(self, table: str, rev: int) -> StoredRows:
        """Read the rows of a revision back, in their order, without their words."""
        found = await self._on(table, lambda opened: opened.stored(rev))
        order = sorted(range(len(found.places)), key=lambda at: found.places[at][1])
        places = [StoredPlace(*found.places[at][2:]) for at in order]
        return StoredRows(places, None if found.vectors is None else found.vectors[order])

    async def keep_sums(self, table: str) -> None:
        """Take the hashes of files that are new, when there is nothing else to do."""
        await self.place.keep_sums(table)

    async def damaged(self, table: str) -> Mapping[str, str]:
        """Return the damage of a table's files by their names, as far as their hashes are known."""
        return await self.place.damaged(table)

    async def has_room(self, table: str) -> bool:
        """Tell whether a table can be built beside this one, and be optimized, with something left."""
        return await self.place.has_room(table)

    async def rows(self, table: str, revs: Sequence[int]) -> int:
        """Count the rows of these revisions."""
        return await self._on(table, lambda opened: opened.count(RevFilter("in", revs).sql()))

    async def candidates(self, table: str, query: CandidateQuery, version: int | None = None) -> Candidates:
        """Find the passages that may answer. WrongDimensions for a vector that is not the table's.

        In the newest version, or in one that is no older than `version`, where the caller knows one.
        """
        await self._open()
        readable = await self.place.readable(table, version)
        if self._residents is not None and readable:
            with translated(table):
                found = await self._residents.candidates(table, query)
            if found is not None:
                self.answered += 1
                return found
        found = await self._found(table, query, readable=readable)
        if self._residents is not None and readable:
            self._residents.searched(table)
        return found

    async def hold(self, table: str) -> bool:
        """Read a small table into memory now instead of after its second search; tell whether it is there."""
        await self._open()
        readable = self._residents is not None and await self.place.readable(table)
        return readable and self._residents is not None and await self._residents.updated(table)

    @property
    def resident(self) -> tuple[int, int]:
        """The number of tables in memory, and the bytes that they take."""
        return (self._residents.number, self._residents.nbytes) if self._residents is not None else (0, 0)

    async def _found(self, table: str, query: CandidateQuery, *, readable: bool) -> Candidates:
        """Ask LanceDB."""
        from vectorstores_server.engines.local.index.retrieval import find

        if not readable:
            return replace(await self._on(table, lambda opened: find(opened, query)), distant=True)
        try:
            with translated(table):
                return await find(await (await self._open_copies()).reading(table), query)
        except WrongDimensions:
            raise
        except IndexUnavailable:  # a purge took the files of this version away: once more with the newest
            return await self._on(table, lambda opened: find(opened, query))

    async def optimize(self, table: str, *, force: bool = False) -> bool:
        """Do the upkeep that is due while more rows come, or with `force` all that can be; False when there was none.

        Due are: more than 200 rows without index, more than 30 fragments, a vector index from 5,000 rows on or one in
        more than 16 segments, rows that were deleted ten minutes ago, versions older than the window. A table then
        rests for several times as long as that took, however fast rows come. A conflict with another writer is no
        error here.
        """
        if not force and self._resting(table) > 0:
            return False
        try:
            return await self._optimize(table, wholly=force, force=force)
        except IndexBusy:
            return False

    async def settle(self, table: str) -> float | None:
        """Leave no row without index and none that is deleted; return in how many seconds there is more to do.

        None: nothing is left, or there is no such table. A table that rests is left alone until it has rested: the cost
        of this grows with the table, and shall be a tenth of the time however often a few rows come.
        """
        if (rest := self._resting(table)) > 0:
            return rest
        try:
            await self._optimize(table, wholly=True)
        except TableMissing:
            return None
        except IndexBusy:
            return self._window.total_seconds()
        return (await self.place.traces(table)).next_look(self._window)

    def _resting(self, table: str) -> float:
        return self._rests_until.get(table, 0.0) - time.monotonic()

    async def _optimize(self, table: str, *, wholly: bool, force: bool = False) -> bool:
        """Do the upkeep that is due; False when there was none. Raises IndexBusy."""
        began = time.monotonic()
        if await self.place.holds_others(table):
            extra = event("upkeep_left", table=table)
            log.warning(
                "No upkeep of %s: a file that is not ours lies in it, which LanceDB may remove", table, extra=extra
            )
            return False
        left = await self.place.traces(table)
        state = await self._on(table, lambda opened: opened.state())
        # BM25 counts deleted rows until they are erased, so that a word of theirs seems less rare than it is.
        erase = left.deleted_since is not None if wholly else left.erasable(self._window)
        if not (force or erase or upkeep.due(state, wholly=wholly) or left.prunable(self._window)):
            return False
        if erase:
            await self._on(table, upkeep.erase)
            await self.place.unmark(table)
            self._let_go()
        await self._on(table, lambda opened: upkeep.optimize(opened, self._window, wholly=wholly))
        await self.place.forget_sums(table)
        ended = time.monotonic()
        self._rests_until[table] = ended + self._rest * (ended - began)
        return True

    async def unsettled(self) -> list[str]:
        """Name the tables with deleted rows or old versions, for which `settle` has something to do; opens nothing."""
        return [table for table, traces in (await self.place.all_traces()).items() if traces.any]

    async def purge(self, table: str) -> None:
        """Take deleted rows off the disk now; a search on an older version starts again with the newest."""
        await self._on(table, lambda opened: upkeep.purge(opened, alone=self.place.alone))
        await self.place.unmark(table)
        self._let_go()
        await self.keep_sums(table)

    async def aclose(self) -> None:
        """Drop what is cached; the next call opens it again."""
        if self._residents is not None:
            await self._residents.aclose()
            self._residents = None
        for database in (self._database, self._copies):
            if database is not None:
                database.close()
        self._database = self._copies = None

    def _let_go(self) -> None:
        """Forget the connection, and with it the open files of versions that are gone: deleted text is in them.

        It is not closed: other calls may be reading through it, and the last one lets go.
        """
        self._database = self._copies = None

    async def _open(self) -> Database:
        if any(database is not None and database.is_stale for database in (self._database, self._copies)):
            self._let_go()
        if self._database is None:
            await to_thread.run_sync(_load)
            from vectorstores_server.engines.local.index.lance import Database

            place = self.place
            with translated("all"):
                uri, folder = place.uri, place.folder
                here = folder if folder is not None and uri == str(folder) else None
                self._database = await Database.connect(uri, self._memory.cache, folder=here, options=place.options)
        if self._residents is None and self._memory.resident and self.place.folder is not None:
            from vectorstores_server.engines.local.index.resident import ResidentTables

            self._residents = ResidentTables(self.place.folder, self.opened, self._memory.resident)
        return self._database

    async def _open_copies(self) -> Database:
        """Open the folder in which tables are read: often the place itself."""
        database, folder = await self._open(), self.place.folder
        if folder is None or self.place.uri == str(folder):
            return database
        if self._copies is None:
            with translated("all"):
                self._copies = await type(database).connect(str(folder), self._memory.cache, folder=folder)
        return self._copies

    async def opened(self, table: str) -> Table:
        """Return the newest version of a table to read it."""
        if not await self.place.readable(table):
            return await self._on(table, _as_it_is)
        database = await self._open_copies()
        with translated(table):
            return await database.reading(table)

    async def _on(self, table: str, call: Callable[[Table], Awaitable[T]]) -> T:
        """Call with the newest version of a table, opened again."""
        database = await self._open()
        try:
            with translated(table):
                return await call(await database.open(table))
        except IndexUnreachable:
            raise
        except IndexUnavailable:
            # LanceDB's errors follow from the files that it could open: a lack of descriptors reads as "not found".
            await self.place.reach(table)
            raise


async def _as_it_is(opened: Table) -> Table:
    return opened


def _load() -> None:
    """Import the libraries; in a thread, so that the loop goes on."""
    share_heaps()  # 16 MB a thread are left with LanceDB's otherwise
    lancedb_import.load()
    from vectorstores_server.engines.local.index import lance
    from vectorstores_server.engines.local.index import retrieval as candidates

    del candidates, lance

"""A new table beside the live one, filled from the parsed texts and put in its place in one transaction.

The same operation makes vectors with another embedder, fills them in when the model arrives, and repairs.
"""

import logging
from collections.abc import Collection, Sequence

from vectorstores_server.engines.local.catalog import Catalog, index_tables, reconciliation
from vectorstores_server.engines.local.catalog.ids import clock
from vectorstores_server.engines.local.catalog.index_tables import BuildingTable, LiveFile
from vectorstores_server.engines.local.catalog.revisions import BuiltRevision
from vectorstores_server.engines.local.catalog.work_queue import FormerRows, QueuedRevision
from vectorstores_server.engines.local.index import Index
from vectorstores_server.engines.local.parsing import ParseFailure
from vectorstores_server.system.logs import event

AT_ONCE = 64

log = logging.getLogger(__name__)


class TableRebuild:
    """One table on its way: a `Source` of every live file of its store that the table does not hold yet."""

    def __init__(self, catalog: Catalog, table: BuildingTable, built: dict[int, BuiltRevision]) -> None:
        self._catalog = catalog
        self._table = table
        self._built = built
        self.stopped = False

    @classmethod
    async def resume(cls, catalog: Catalog, index: Index, table: BuildingTable) -> "TableRebuild":
        """Go on with what the table holds already; a file that it holds in part is begun again."""
        if table.name not in await index.tables():
            return cls(catalog, table, {})
        rows = await index.revs(table.name)
        noted = await catalog.read(index_tables.rebuilt, table.name)
        built = {rev: noted[rev] for rev, count in rows.items() if rev in noted and noted[rev].rows == count}
        await index.delete(table.name, [rev for rev in rows if rev not in built])
        return cls(catalog, table, built)

    async def next(self, besides: Collection[int], sizes: range) -> Sequence[QueuedRevision]:
        """Return the next live files."""
        if self.stopped:
            return []
        known = self._built.keys() | set(besides)
        files = await self._catalog.read(index_tables.live_files, self._table.store_id, known, AT_ONCE, sizes)
        return [self._work(file) for file in files]

    async def wanted(self, revs: Collection[int]) -> set[int]:
        """Return all: revisions that die meanwhile are swept from the new table as from any other."""
        return set() if self.stopped else set(revs)

    async def finish(self, built: Sequence[BuiltRevision]) -> None:
        """Note the revisions that the table holds."""
        await self._catalog.write(index_tables.note_rebuilt, self._table.name, built)
        if unread := [revision.rev for revision in built if revision.unread]:
            await self._catalog.write(reconciliation.requeue_unread, unread, clock())
        self._built.update({revision.rev: revision for revision in built})

    async def progress(self, rev: int, built: int, of: int) -> None:
        """Do nothing: nobody waits for one file of a table."""

    async def drop(self, table: str, rev: int) -> None:
        """Do nothing: the table is given up as a whole, or goes on from what it holds."""

    async def refuse(self, work: QueuedRevision, failure: ParseFailure) -> None:
        """Let a file that cannot be read any more go in without rows, and fail by the queue.

        Not where the queue would have a remote embedder called: there the former table stays.
        """
        if self._table.kept:
            await self.without_vectors([work], failure.message)
            return
        self._built[work.rev] = BuiltRevision(work.rev, self._table.name, 0, 0)
        await self._catalog.write(reconciliation.requeue, [work.rev], clock())

    async def without_vectors(self, works: Sequence[QueuedRevision], reason: str) -> None:
        """Stop: finished rows stay for the next attempt."""
        del works
        log.warning(
            "Rebuilding the index of %s has stopped for now: %s",
            self._table.store_id,
            reason,
            extra=event("rebuild_stopped", store=self._table.store_id),
        )
        self.stopped = True

    async def switch(self) -> bool:
        """Put the table in place if it holds every live file."""
        if self.stopped:
            return False
        store_id, name = self._table.store_id, self._table.name
        return not await self._catalog.write(index_tables.switch_table, store_id, name, self._built, clock())

    def _work(self, file: LiveFile) -> QueuedRevision:
        table = self._table
        return QueuedRevision(
            rev=file.rev,
            attachment_id=0,
            store_id=table.store_id,
            file_id=file.file_id,
            filename=file.filename,
            sha256=file.sha256,
            bytes=file.bytes,
            table=table.name,
            embedder=table.embedder,
            dimensions=table.dimensions,
            chunk_size=file.chunk_size,
            chunk_overlap=file.chunk_overlap,
            format=table.format,
            former=FormerRows(table.former, file.text_version, table.kept) if table.former else None,
            text_version=file.text_version,
        )

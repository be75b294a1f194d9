"""Removing what is dead: rows, tables, expired stores and Files, and in the end their traces on the disk."""

import time
from collections.abc import Sequence
from contextlib import suppress

from vectorstores_server.engines.local.catalog import Catalog, expiry
from vectorstores_server.engines.local.catalog.ids import clock
from vectorstores_server.engines.local.files.blobs import Blobs
from vectorstores_server.engines.local.files.orphans import remove_leftovers
from vectorstores_server.engines.local.files.upload_parts import UploadParts
from vectorstores_server.engines.local.index import Index, TableMissing

AT_ONCE = 1_000
LOOK_EVERY = 600.0
"""Seconds between two looks at the disk. Rows, text and bytes of what was deleted are gone from it after at most an
hour and two looks; two hours are promised."""


class GarbageCollector:
    """Keeps the data directory free of what nothing in the catalog names. Only the worker's process calls it."""

    def __init__(self, catalog: Catalog, blobs: Blobs, parts: UploadParts, index: Index) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._parts = parts
        self._index = index
        self._look_at = time.monotonic() + LOOK_EVERY

    def due(self) -> bool:
        """Tell whether it is time to look at the disk; what else is due stands in the catalog."""
        return time.monotonic() >= self._look_at

    async def run(self) -> bool:
        """Do what is due; False when nothing was."""
        now = clock()
        worked = self.due()
        if await self._catalog.read(expiry.due, now):
            await self._catalog.write(expiry.expire, now)
            await self._delete_rows(now, expiry.GRACE)
            await self._drop_tables(now)
            worked = True
        if self.due():
            self._look_at = time.monotonic() + LOOK_EVERY
            for table in await self._index.unsettled():
                await self._index.optimize(table)
            await remove_leftovers(self._catalog, self._blobs, self._parts, time.time())
            await self._catalog.checkpoint(at_least=0)
        return worked

    async def purge(self) -> None:
        """Take off the disk now whatever was deleted. A search that is under way elsewhere may have to start anew."""
        now = clock()
        await self._catalog.write(expiry.expire, now)
        await self._delete_rows(now, 0)
        await self._drop_tables(now + expiry.GRACE)
        for table in await self._index.tables():
            await self._index.purge(table)
        await remove_leftovers(self._catalog, self._blobs, self._parts, time.time(), older=0)
        await self._catalog.vacuum()

    async def _delete_rows(self, now: int, grace: int) -> None:
        dead = await self._catalog.read(expiry.dead_revs, now, grace=grace)
        for table, revs in dead.items():
            for first in range(0, len(revs), AT_ONCE):
                await self._delete(table, revs[first : first + AT_ONCE])

    async def _delete(self, table: str, revs: Sequence[int]) -> None:
        with suppress(TableMissing):  # then nothing of them was ever written
            await self._index.delete(table, revs)
        await self._catalog.write(expiry.forget_revs, revs)

    async def _drop_tables(self, now: int) -> None:
        for table in await self._catalog.read(expiry.tables_to_drop, now):
            await self._index.drop(table)
            await self._catalog.write(expiry.forget_table, table)

"""Garbage collection: of dead rows and tables, expired stores and Files, and in the end their traces on the disk.

Steps that free space without writing come first, so that a full disk can be emptied; each step is by itself, so that
one that fails keeps none of the others from being done.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import anyio.to_thread

from vectorstores_server.engines.local import failpoints
from vectorstores_server.engines.local.catalog import expiry
from vectorstores_server.engines.local.catalog.ids import clock
from vectorstores_server.engines.local.directory import reserve
from vectorstores_server.engines.local.directory.removal import Removed
from vectorstores_server.engines.local.index import Index, IndexUnavailable, TableMissing
from vectorstores_server.engines.local.storage import EngineStorage
from vectorstores_server.system.logs import event
from vectorstores_tools.contract.errors import DirectoryUpgraded, Unavailable, VectorStoreError

AT_ONCE = 1_000
IN_USE_SECONDS = 5.0
"""The time until files that somebody was reading are tried again, on systems that keep them."""
NAMED = 10
"""The number of names that one event of the log shows."""

log = logging.getLogger(__name__)


class GarbageCollector:
    """Keeps the data directory free of what nothing in the catalog names. Only the worker's process calls it.

    It looks at the disk every `look_every` seconds.
    """

    def __init__(self, storage: EngineStorage, index: Index, *, look_every: float) -> None:
        self._catalog = storage.catalog
        self._directory = storage.directory
        self._content = storage.sweep(storage.catalog)
        self._index = index
        self._look_every = look_every
        self._not_before = 0.0
        self._look_at = time.monotonic() + self._look_every

    def due(self) -> bool:
        """Tell whether it is time to look at the disk; other due work is noted in the catalog."""
        return time.monotonic() >= max(self._look_at, self._not_before)

    def postpone(self, seconds: float) -> None:
        """Do nothing for a while: the last attempt met an error that nobody had foreseen."""
        self._not_before = time.monotonic() + seconds

    async def run(self) -> bool:
        """Do the sweep that is due; False when there was none."""
        if time.monotonic() < self._not_before:
            return False
        now = clock()
        worked = self.due()
        if await self._catalog.read(expiry.due, now):
            await self._catalog.write_freeing(expiry.expire, now)
            if await self._drop_tables(now):
                self.postpone(IN_USE_SECONDS)
            await self._delete_rows(now, expiry.GRACE)
            failpoints.reached("swept")
            worked = True
        if self.due():
            self._look_at = time.monotonic() + self._look_every
            await self._look_at_disk(now)
        return worked

    async def purge(self, *, trash: bool = False) -> None:
        """Take deleted data off the disk now; with `trash` orphans too, which nobody deleted but nothing names.

        A search that is under way elsewhere may have to start again. Raises Unavailable when every step was tried and
        some could not be done.
        """
        now = clock()
        steps: list[tuple[str, Callable[[], Awaitable[object]]]] = [
            ("files", lambda: self._erase_files(now, trash=trash)),
            ("dropped tables", lambda: self._drop_every_table(now + expiry.GRACE)),
            ("deleted rows", lambda: self._delete_rows(now, 0)),
        ]
        failed = await self._try_each([("the catalog's list", lambda: self._expire(now)), *steps])
        tables = await self._index.tables()
        failed += await self._try_each([(f"table {table}", lambda t=table: self._index.purge(t)) for table in tables])
        failed += await self._try_each([("the catalog", self._catalog.vacuum)])
        await anyio.to_thread.run_sync(reserve.keep, self._directory)
        if failed:
            raise Unavailable(
                f"Not everything that was deleted is off the disk: {'; '.join(failed)}.",
                "The rest is done. Mend that, then purge again.",
            )

    async def _try_each(self, steps: Sequence[tuple[str, Callable[[], Awaitable[object]]]]) -> list[str]:
        failed: list[str] = []
        for name, step in steps:
            try:
                await step()
            except DirectoryUpgraded:
                raise
            except (VectorStoreError, IndexUnavailable, OSError) as error:
                failed.append(f"{name} ({error})")
        return failed

    async def _expire(self, now: int) -> None:
        await self._catalog.write_freeing(expiry.expire, now)

    async def _erase_files(self, now: int, *, trash: bool) -> None:
        removed = await self._content.erase_deleted(now, grace=0)
        if trash:
            removed.erased += (await self._content.empty_trash()).erased
        _tell(removed)
        if removed.in_use:
            raise Unavailable(f"somebody reads {len(removed.in_use)} of them now", "Try again.")

    async def _look_at_disk(self, now: int) -> None:
        erased = await self._content.erase_deleted(now)
        removed = await self._content.remove_orphans(time.time())
        removed.erased += erased.erased
        failpoints.reached("orphans_removed")
        _tell(removed)
        for table in await self._index.unsettled():
            await self._index.optimize(table)
        await anyio.to_thread.run_sync(reserve.keep, self._directory)
        await self._catalog.checkpoint(at_least=0)

    async def _delete_rows(self, now: int, grace: int) -> None:
        dead = await self._catalog.read(expiry.dead_revs, now, grace=grace)
        for table, revs in dead.items():
            for first in range(0, len(revs), AT_ONCE):
                await self._delete(table, revs[first : first + AT_ONCE])

    async def _delete(self, table: str, revs: Sequence[int]) -> None:
        with suppress(TableMissing):  # then no row of them was ever written
            await self._index.delete(table, revs)
        await self._catalog.write_freeing(expiry.forget_revs, revs)

    async def _drop_tables(self, now: int) -> list[str]:
        """Drop the tables that are due; return those of which the system keeps files that somebody reads."""
        in_use: list[str] = []
        for table in await self._catalog.read(expiry.tables_to_drop, now):
            if await self._index.drop(table):
                await self._catalog.write_freeing(expiry.forget_table, table)
            else:
                in_use.append(table)
        return in_use

    async def _drop_every_table(self, now: int) -> None:
        if in_use := await self._drop_tables(now):
            raise Unavailable(f"somebody reads {', '.join(in_use)} now", "Try again.")


def _tell(removed: Removed) -> None:
    """Log one event for a sweep, if it took anything away."""
    if removed.erased or removed.trashed:
        names = [*removed.trashed, *removed.erased]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        log.info(
            "Sweep: erased %d deleted or unfinished files, moved %d that nothing names to the trash: %s%s",
            len(removed.erased), len(removed.trashed), ", ".join(names[:NAMED]), more,
            extra=event("swept", erased=len(removed.erased), trashed=len(removed.trashed)),
        )  # fmt: skip

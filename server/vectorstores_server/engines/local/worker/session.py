"""One holding of the worker's lock: build what is queued, fill new tables, sweep, until it has been quiet."""

import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import anyio

from vectorstores_server.engines.local.catalog import Catalog, work_queue
from vectorstores_server.engines.local.catalog import index_tables as building
from vectorstores_server.engines.local.catalog import reconciliation as reconciling
from vectorstores_server.engines.local.catalog.ids import clock
from vectorstores_server.engines.local.catalog.index_tables import BuildingTable
from vectorstores_server.engines.local.embedding import Embedder, EmbeddingFailure
from vectorstores_server.engines.local.index import Index
from vectorstores_server.engines.local.ingest.pipeline import IngestPipeline
from vectorstores_server.engines.local.ingest.preparation import FilePreparer
from vectorstores_server.engines.local.ingest.work_sources import CatalogQueue, IngestCounts, WorkSource
from vectorstores_server.engines.local.worker.garbage_collection import GarbageCollector
from vectorstores_server.engines.local.worker.rebuild import TableRebuild
from vectorstores_server.engines.local.worker.reconciliation import boot_id, needed, reconcile

LOOK_SECONDS = 0.25
QUIET_SECONDS = 2.0
SWEEP_SECONDS = 5.0
"""Between two looks for something to sweep while a long batch goes in."""
PAUSE = 60.0
"""Before an embedder that has failed is asked again for what is not a user's file."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class WorkerParts:
    """What a worker works with. `rebuild_after` is a monotonic time.

    `identity` is the embedder's; None without one, and until there is work for which a service has to be asked.
    """

    catalog: Catalog
    index: Index
    embedder: Embedder | None
    preparer: FilePreparer
    sweep: GarbageCollector
    checkpoint: Callable[[str], None]
    tally: IngestCounts = field(default_factory=IngestCounts)
    identity: str | None = None
    identify_after: float = 0.0
    rebuild_after: float = 0.0

    @property
    def identities(self) -> list[str]:
        """The embedders whose vectors this process can make."""
        return [self.identity] if self.identity else []

    async def identify(self) -> None:
        """Learn the embedder's identity when there is something to embed; go on without where it cannot be had."""
        if self.embedder is None or self.identity or time.monotonic() < self.identify_after:
            return
        if not await self.catalog.read(work_queue.wants_vectors, clock()):
            return
        try:
            await self.embedder.prepare()
        except EmbeddingFailure as failure:
            self.identify_after = time.monotonic() + PAUSE
            log.warning("What needs vectors waits: %s", failure.message)
        else:
            self.identity = self.embedder.identity

    async def must_rebuild(self) -> bool:
        """Tell whether a table waits to be filled that this process can fill, or a store for its first vectors."""
        if time.monotonic() < self.rebuild_after:
            return False
        if await self.catalog.read(building.building_tables, self.identity):
            return True
        return self.identity is not None and await self.catalog.read(building.lacks_vectors)

    async def next_table(self) -> BuildingTable | None:
        """Return the table to fill next; a store without vectors gets one."""
        tables = await self.catalog.read(building.building_tables, self.identity)
        if not tables and self.embedder and self.identity:
            await self.catalog.write(building.begin_vectors, self.identity, self.embedder.dimensions)
            tables = await self.catalog.read(building.building_tables, self.identity)
        return tables[0] if tables else None


class WorkSession:
    """Works while the caller holds the lock. `wait` waits for so many seconds or until somebody made work."""

    def __init__(self, shop: WorkerParts, wait: Callable[[float], Awaitable[None]]) -> None:
        self._shop = shop
        self._wait = wait
        self._rebuild: TableRebuild | None = None
        self._half_built = False
        self._swept_at = 0.0
        self._touched: set[str] = set()

    async def run(self) -> None:
        """Repair what the last one left, work until nothing has come for a while, and note that all is in order."""
        boot = boot_id()
        catalog = self._shop.catalog
        if await needed(catalog, boot):
            await reconcile(catalog, self._shop.index)
            self._shop.checkpoint("reconciled")
        await catalog.write(reconciling.mark_worker, clean=False, boot_id=boot)
        self._shop.checkpoint("dirty")
        try:
            await self._work_until_quiet()
        except anyio.get_cancelled_exc_class():
            if not self._half_built:
                with anyio.CancelScope(shield=True):
                    await catalog.write(reconciling.mark_worker, clean=True, boot_id=boot)
            raise
        await catalog.write(reconciling.mark_worker, clean=True, boot_id=boot)
        self._shop.checkpoint("clean")

    async def _work_until_quiet(self) -> None:
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < QUIET_SECONDS:
            if await self._round():
                quiet_since = time.monotonic()
            else:
                await self._wait(LOOK_SECONDS)
        await self._shop.catalog.checkpoint()

    async def _round(self) -> bool:
        swept = await self._sweep()
        built = await self._build()
        for table in sorted(self._touched):
            await self._shop.index.optimize(table, idle=True)
        self._touched.clear()
        return swept or built

    async def _sweep(self) -> bool:
        self._swept_at = time.monotonic()
        return await self._shop.sweep.run()

    async def _build(self) -> bool:
        shop = self._shop
        queue = CatalogQueue(shop.catalog, shop.identities, shop.tally)
        rebuild = await self._find_rebuild()
        sources: list[WorkSource] = [queue] if rebuild is None else [queue, rebuild]
        ingest = IngestPipeline(
            sources, shop.preparer, shop.embedder, shop.index, checkpoint=shop.checkpoint, after_add=self._after_add
        )
        try:
            await ingest.run()
        finally:
            self._half_built |= ingest.half_built
        if rebuild is not None:
            await self._end(rebuild)
        return ingest.files > 0 or rebuild is not None

    async def _after_add(self, tables: Iterable[str]) -> None:
        self._touched.update(tables)
        for table in tables:
            await self._shop.index.optimize(table)
        if time.monotonic() - self._swept_at > SWEEP_SECONDS:
            await self._sweep()

    async def _find_rebuild(self) -> TableRebuild | None:
        shop = self._shop
        if self._rebuild is None and await shop.must_rebuild():
            table = await shop.next_table()
            if table is not None:
                self._rebuild = await TableRebuild.resume(shop.catalog, shop.index, table)
        return self._rebuild

    async def _end(self, rebuild: TableRebuild) -> None:
        """Put the table in place, or leave it for later; one that lacks files that came meanwhile goes on."""
        if rebuild.stopped:
            self._shop.rebuild_after = time.monotonic() + PAUSE
            self._rebuild = None
        elif await rebuild.switch():
            self._shop.checkpoint("switched")
            self._rebuild = None

"""A work session: with the worker's lock, build queued files, fill new tables and sweep, until none has come lately."""

import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import TypeVar

import anyio
import anyio.to_thread

from vectorstores_server.engines.local import failpoints
from vectorstores_server.engines.local.catalog import index_tables, reconciliation, work_queue
from vectorstores_server.engines.local.catalog.ids import clock
from vectorstores_server.engines.local.catalog.index_tables import BuildingTable
from vectorstores_server.engines.local.components import Components
from vectorstores_server.engines.local.directory import reserve
from vectorstores_server.engines.local.embedding import Embedder, EmbeddingFailure
from vectorstores_server.engines.local.index import IndexUnavailable
from vectorstores_server.engines.local.ingest.pipeline import IngestPipeline, is_of_one_file
from vectorstores_server.engines.local.ingest.work_sources import CatalogQueue, IngestCounts, WorkSource
from vectorstores_server.engines.local.leader import WorkLock
from vectorstores_server.engines.local.parsing import HOW_TO_READ_PICTURES, VERSION
from vectorstores_server.engines.local.worker.garbage_collection import GarbageCollector
from vectorstores_server.engines.local.worker.pace import Pace
from vectorstores_server.engines.local.worker.rebuild import TableRebuild
from vectorstores_server.engines.local.worker.recognition import recognition
from vectorstores_server.engines.local.worker.reconciliation import boot_id, needed, reconcile
from vectorstores_server.system.logs import event
from vectorstores_tools.contract.errors import Unavailable

log = logging.getLogger(__name__)

T = TypeVar("T")


class WorkerState:
    """The state of this process's worker over its sessions. `rebuild_after` is a monotonic time.

    `asked_again`: the catalog was asked for files that older parsers refused, to be tried once more;
    `asked_for_pictures`: it was asked for files that waited for tesseract to be installed.

    `identity` is the embedder's; None without one, and until there is work for which a service has to be asked.
    """

    def __init__(self, components: Components, pace: Pace) -> None:
        self.components = components
        self.pace = pace
        self.catalog = components.catalog
        self.embedder = components.embedder
        self.sweep = GarbageCollector(components.storage, components.index, look_every=pace.disk)
        self.counts = IngestCounts()
        self.former = components.former_embedder
        self.identity: str | None = None
        self.former_identity: str | None = None
        self.identify_after = 0.0
        self.rebuild_after = 0.0
        self.asked_again = False
        self.asked_for_pictures = False

    @property
    def identities(self) -> list[str]:
        """The embedders whose vectors this process can make."""
        return [identity for identity in (self.identity, self.former_identity) if identity]

    async def identify(self) -> None:
        """Learn the embedder's identity when there is something to embed; go on without where it cannot be had."""
        if self.embedder is None or time.monotonic() < self.identify_after:
            return
        if self.identity and (self.former is None or self.former_identity):
            return
        if not await self.catalog.read(work_queue.wants_vectors, clock()):
            return
        try:
            await self._prepare(self.embedder)
        except EmbeddingFailure as failure:
            self.identify_after = time.monotonic() + self.pace.retry
            extra = event("embedder_unavailable", seconds=self.pace.retry)
            log.warning("Files that need vectors wait: %s", failure.message, extra=extra)

    async def _prepare(self, embedder: Embedder) -> None:
        """Learn the identities; that of stores from before where files of such a store wait."""
        if self.identity is None:
            await embedder.prepare()
            self.identity = embedder.identity
        if self.former is not None and self.components.chooses:
            self.former_identity = self.former.identity
        elif self.former is not None and await self.catalog.read(work_queue.blocked, self.identities, clock()):
            await self.former.prepare()
            self.former_identity = self.former.identity

    async def must_rebuild(self) -> bool:
        """Tell whether a table waits to be filled that this process can fill, or a store for its first vectors."""
        if not self.asked_again:
            self.asked_again = True
            if await self.catalog.read(reconciliation.has_refused, VERSION) or await self.lacks_pictures():
                return True
        if time.monotonic() < self.rebuild_after:
            return False
        if await self.catalog.read(index_tables.building_tables, self.identity):
            return True
        if await self.catalog.read(index_tables.next_outdated, self.identity) is not None:
            return True
        return self.identity is not None and await self.catalog.read(index_tables.lacks_vectors)

    async def lacks_pictures(self) -> bool:
        """Tell whether pictures of files were left unread that can be read now."""
        tesseract = self.components.tesseract
        if tesseract is None or not await self.catalog.read(reconciliation.has_lacking, HOW_TO_READ_PICTURES):
            return False
        return await tesseract.command() is not None

    async def is_busy(self) -> bool:
        """Tell whether there is anything to do but the recognition of pictures."""
        waits = await self.catalog.read(work_queue.is_waiting, self.identities, clock())
        return waits or self.sweep.due() or await self.must_rebuild()

    async def next_table(self) -> BuildingTable | None:
        """Return the table to fill next; a store without vectors gets one."""
        tables = await self.catalog.read(index_tables.building_tables, self.identity)
        if not tables and self.embedder and self.identity:
            await self.catalog.write(index_tables.begin_vectors, self.identity, self.embedder.dimensions)
            tables = await self.catalog.read(index_tables.building_tables, self.identity)
        if not tables and (table := await self.catalog.read(index_tables.next_outdated, self.identity)) is not None:
            if not await self.components.index.has_room(table.name):
                extra = event("upgrade_waits", store=table.store_id)
                log.warning("The disk has no room for a second table of %s", table.store_id, extra=extra)
                self.rebuild_after = time.monotonic() + self.pace.retry
                return None
            await self.catalog.write(index_tables.begin_upgrade, table)
            tables = await self.catalog.read(index_tables.building_tables, self.identity)
        return tables[0] if tables else None


class WorkSession:
    """Works while the caller holds the lock, or beside the server that holds it: then it builds files and no more.

    `wait` waits for so many seconds or until somebody made work.
    """

    def __init__(self, state: WorkerState, lock: WorkLock, wait: Callable[[float], Awaitable[None]]) -> None:
        self._state = state
        self._lock = lock
        self._storage = state.components.storage
        self._led = False
        self._asked_at = 0.0
        self._wait = wait
        self._rebuild: TableRebuild | None = None
        self._half_built = False
        self._swept_at = 0.0
        self._owing: set[str] = set()

    async def run(self) -> None:
        """Repair what the last session left, work until nothing has come for a while, and note that all is in order."""
        clean = False
        try:
            await self._storage.claims.release()  # of a session that the database left alone at its end
            await self._lead()
            await self._work_until_quiet()
            clean = True
        except anyio.get_cancelled_exc_class():
            clean = self._storage.server is not None or not self._half_built
            raise
        finally:
            with anyio.CancelScope(shield=True):
                await self._end(clean=clean)
        failpoints.reached("clean")

    async def _lead(self) -> None:
        """Begin with the upkeep, once this process has the right to it."""
        if self._led or not self._lock.held:
            return
        self._led = True
        catalog, server = self._state.catalog, self._storage.server
        boot = server or boot_id()
        if await needed(catalog, None if server else boot):
            await reconcile(catalog, self._state.components.index, alone=server is None)
            failpoints.reached("reconciled")
        await catalog.write_freeing(reconciliation.mark_worker, clean=False, boot_id=boot)
        failpoints.reached("dirty")
        if await catalog.read(reconciliation.has_refused, VERSION):
            await catalog.write(reconciliation.requeue_refused, VERSION, clock())
        if not self._state.asked_for_pictures and await self._state.lacks_pictures():
            await catalog.write(reconciliation.requeue_lacking, HOW_TO_READ_PICTURES, clock())
        self._state.asked_for_pictures = True

    async def _lead_on(self) -> None:
        """Lead where the server that did so has ended."""
        if self._lock.held:
            return
        self._led = False
        if time.monotonic() - self._asked_at > self._state.pace.attempt:
            self._asked_at = time.monotonic()
            await self._lock.take()
        await self._lead()

    async def _end(self, *, clean: bool) -> None:
        """Give up what is unfinished, and note that all is in order where it is."""
        with suppress(Unavailable):  # the claims run out then
            await self._storage.claims.release()
        if self._led and clean:
            boot = self._storage.server or boot_id()
            await self._state.catalog.write_freeing(reconciliation.mark_worker, clean=True, boot_id=boot)

    async def _work_until_quiet(self) -> None:
        await self._sweep()  # what frees space comes first
        await self._settle()
        async with recognition(self._state.components) as pages:
            more = True
            while more:
                await self._work_on()
                await self._settle()
                more = self._lock.held and await pages.go_on(self._state.identities, self._state.is_busy, self._look)
        await self._state.catalog.checkpoint()
        await anyio.to_thread.run_sync(reserve.keep, self._state.components.storage.directory)

    async def _work_on(self) -> None:
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < self._state.pace.quiet:
            if await self._round():
                quiet_since = time.monotonic()
            else:
                await self._look()

    async def _look(self) -> None:
        await self._wait(self._state.pace.look)

    async def _round(self) -> bool:
        await self._lead_on()
        swept = await self._sweep()
        built = await self._build()
        return swept or built

    async def _settle(self) -> None:
        """Do the upkeep that tables need now, whichever process wrote to them; what fails is tried again later."""
        if not self._lock.held:
            return
        catalog, index = self._state.catalog, self._state.components.index
        known = await catalog.read(index_tables.wanted_upkeep)
        of_folders = dict.fromkeys(await index.unsettled(), 0)
        for table in sorted(name for name, at in (of_folders | known).items() if at <= clock()):
            try:
                seconds = await index.settle(table)
                failpoints.reached("optimized")
                await index.keep_sums(table)
            except IndexUnavailable as error:
                seconds = self._state.pace.retry
                log.warning("Upkeep waits %.0f s: %s", seconds, error, extra=event("upkeep_waits", seconds=seconds))
            again_at = None if seconds is None else clock() + math.ceil(seconds)
            await catalog.write_freeing(index_tables.note_upkeep, table, again_at)
        self._owing.clear()

    async def _before_add(self, tables: Iterable[str]) -> None:
        """Note that tables need upkeep: a process that ends before it has done it leaves it to the next."""
        if new := set(tables) - self._owing:
            await self._state.catalog.write(index_tables.owe_upkeep, new, clock())
            self._owing |= new

    async def _sweep(self) -> bool:
        if not self._lock.held:
            return False
        self._swept_at = time.monotonic()
        try:
            return await self._state.sweep.run()
        except Exception as error:
            if not is_of_one_file(error):
                raise
            seconds = self._state.pace.retry
            extra = event("unforeseen_sweep_error", seconds=seconds, kind=type(error).__name__)
            log.exception("The sweep is tried again in %.0f s", seconds, extra=extra)
            self._state.sweep.postpone(seconds)
            return False

    async def _build(self) -> bool:
        state = self._state
        queue = CatalogQueue(state.catalog, self._storage.claims, state.identities, state.counts)
        rebuild = await self._supervised(self._find_rebuild)
        sources: list[WorkSource] = [queue] if rebuild is None else [queue, rebuild]
        ingest = IngestPipeline(
            sources,
            state.components.preparer,
            state.embedder,
            state.components.index,
            before_add=self._before_add,
            after_add=self._after_add,
            former=state.former,
        )
        try:
            await ingest.run()
        finally:
            self._half_built |= ingest.half_built
        if rebuild is not None:
            await self._supervised(lambda: self._put_in_place(rebuild))
        return ingest.files > 0 or rebuild is not None

    async def _after_add(self, tables: Iterable[str]) -> None:
        if not self._lock.held:
            return
        for table in tables:
            await self._state.components.index.optimize(table)
        if time.monotonic() - self._swept_at > self._state.pace.sweep:
            await self._sweep()

    async def _supervised(self, step: Callable[[], Awaitable[T]]) -> T | None:
        """Do a step of a rebuild; one that meets an unforeseen error is left for later, and files go on."""
        try:
            return await step()
        except Exception as error:
            if not is_of_one_file(error):
                raise
            seconds = self._state.pace.retry
            extra = event("unforeseen_rebuild_error", seconds=seconds, kind=type(error).__name__)
            log.exception("Rebuilding is tried again in %.0f s", seconds, extra=extra)
            self._state.rebuild_after = time.monotonic() + seconds
            self._rebuild = None
            return None

    async def _find_rebuild(self) -> TableRebuild | None:
        state = self._state
        if not self._lock.held:
            self._rebuild = None
            return None
        if self._rebuild is None and await state.must_rebuild():
            table = await state.next_table()
            if table is not None:
                failpoints.reached("rebuild_begun")
                self._rebuild = await TableRebuild.resume(state.catalog, state.components.index, table)
        return self._rebuild

    async def _put_in_place(self, rebuild: TableRebuild) -> None:
        """Put the table in place, or leave it for later; one that lacks files that came meanwhile goes on."""
        if rebuild.stopped:
            self._state.rebuild_after = time.monotonic() + self._state.pace.retry
            self._rebuild = None
        elif await rebuild.switch():
            failpoints.reached("switched")
            self._rebuild = None

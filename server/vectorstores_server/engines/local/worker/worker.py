"""The one worker of a data directory: whichever process holds `worker.lock` builds, sweeps and repairs."""

import logging
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import cast

import anyio

from vectorstores_server.engines.local.catalog import index_tables, reconciliation, work_queue
from vectorstores_server.engines.local.catalog.ids import clock
from vectorstores_server.engines.local.checking.repair import Repairer
from vectorstores_server.engines.local.components import Components
from vectorstores_server.engines.local.index import IndexUnavailable
from vectorstores_server.engines.local.ingest.work_sources import IngestCounts
from vectorstores_server.engines.local.leader import WORK
from vectorstores_server.engines.local.worker.pace import Pace
from vectorstores_server.engines.local.worker.session import WorkerState, WorkSession
from vectorstores_server.system.logs import event
from vectorstores_tools.contract.errors import DirectoryUpgraded, Unavailable
from vectorstores_tools.contract.maintenance import Finding

log = logging.getLogger(__name__)


class Worker:
    """Takes the lock when the catalog holds work that this process can do, and lets go when there is none."""

    def __init__(self, components: Components, pace: Pace | None = None) -> None:
        self._pace = pace or Pace()
        self._catalog = components.catalog
        self._storage = components.storage
        self._lock = self._storage.lock(WORK)
        self._woken = anyio.Event()
        self._state = WorkerState(components, self._pace)
        self._idle: tuple[object, float] | None = None
        self.trouble: str | None = None
        """Why the last turn of this process did no work; None when it went well."""

    @property
    def counts(self) -> IngestCounts:
        """Counts of the files done here since the process began."""
        return self._state.counts

    def wake(self) -> None:
        """Say that there may be work: the lock is tried at once instead of within a second."""
        self._idle = None
        self._woken.set()

    async def run(self) -> None:
        """Work until cancelled; then the lock is free, and unfinished files are still queued."""
        try:
            while await self._turn():
                await self._wait(self._pace.attempt)
        finally:
            with anyio.CancelScope(shield=True):
                await self._lock.close()

    async def reindex(self, store_id: str | None, identity: str | None, dimensions: int | None) -> int:
        """Have the store, or every one, rebuilt with this embedder; return how many stores that are."""
        begun = await self._catalog.write(index_tables.begin_anew, store_id, identity, dimensions)
        self.wake()
        return begun

    async def rebuilding(self) -> int:
        """Return how many stores are still to be rebuilt."""
        return len(await self._catalog.read(index_tables.building_tables, self._state.identity))

    async def purge(self, *, trash: bool = False) -> None:
        """Take deleted data off the disk now, and with `trash` the trash. Raises Unavailable while others work."""
        async with self._alone():
            await self._state.sweep.purge(trash=trash)

    async def repair(self, findings: Sequence[Finding]) -> list[Finding]:
        """Mend findings; return those that are left. Raises Unavailable while others work."""
        parts = self._state.components
        async with self._alone():
            repairer = Repairer(
                parts.storage.directory, parts.catalog, parts.blobs, parts.index, parts.preparer.restore
            )
            left = await repairer.mend(findings)
        self.wake()
        return left

    @asynccontextmanager
    async def _alone(self) -> AsyncGenerator[None]:
        """Hold the worker's lock for a while. Raises Unavailable while another process goes on working."""
        await self._catalog.read(reconciliation.worker_row)  # makes a directory that is new
        lock = self._storage.lock(WORK)
        try:
            with anyio.move_on_after(self._pace.purge):
                while not await lock.take():  # noqa: ASYNC110 another process tells nobody
                    await anyio.sleep(self._pace.look)
            if not lock.held:
                raise Unavailable("Another process is working on this data directory;", "end it, or try again later.")
            yield
        finally:
            with anyio.CancelScope(shield=True):
                await lock.close()

    async def _turn(self) -> bool:
        """Take the lock if there is work and nobody has it. False when this process may never work again."""
        go_on, paused = True, False
        try:
            if not self._is_idle() and await self._has_work() and await self._may_work():
                try:
                    await WorkSession(self._state, self._lock, self._wait).run()
                finally:
                    with anyio.CancelScope(shield=True):
                        await self._lock.close()
                await self._state.components.preparer.rest()
            self.trouble = None
        except* DirectoryUpgraded as errors:
            self.trouble = f"no more work is done here: {_first(errors)}"
            log.warning("In this process %s", self.trouble, extra=event("worker_ended"))
            go_on = False
        except* (Unavailable, IndexUnavailable, OSError) as errors:
            self.trouble = f"work is paused: {_first(errors)}"
            extra = event("worker_paused", seconds=self._pace.pause, kind=type(_first(errors)).__name__)
            log.warning("Work is paused for %.0f s: %s", self._pace.pause, _first(errors), extra=extra)
            paused = True
        except* Exception as errors:
            error = _first(errors)
            self.trouble = (
                f"it met an unforeseen error ({type(error).__name__}), which is in the log; it is tried again"
            )
            extra = event("unforeseen_worker_error", seconds=self._pace.pause, kind=type(error).__name__)
            log.exception("Work is paused for %.0f s", self._pace.pause, exc_info=error, extra=extra)
            paused = True
        if paused:
            await anyio.sleep(self._pace.pause)
        return go_on

    async def _wait(self, seconds: float) -> None:
        with anyio.move_on_after(seconds):
            await self._woken.wait()
        self._woken = anyio.Event()

    def _is_idle(self) -> bool:
        """Tell whether there was nothing to do a short time ago, and nobody has committed anything since."""
        if self._idle is None or self._state.sweep.due():
            return False
        stamp, until = self._idle
        return time.monotonic() < until and stamp == self._catalog.stamp()

    async def _may_work(self) -> bool:
        """Take the lead; where another server has it, tell whether there are files to build beside it."""
        return await self._lock.take() or await self._storage.claims.waits(self._state.identities)

    async def _has_work(self) -> bool:
        state, stamp = self._state, self._catalog.stamp()
        self._idle = None
        await state.identify()
        if state.sweep.due() or await self._catalog.read(work_queue.doable, state.identities, clock()):
            return True
        if await state.must_rebuild():
            return True
        self._idle = (stamp, time.monotonic() + self._pace.idle) if stamp is not None else None
        return False


def _first(error: BaseException) -> BaseException:
    """Return the error that a group of groups is about."""
    while isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        error = group.exceptions[0]
    return error

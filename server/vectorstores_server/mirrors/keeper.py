"""The mirrors of one process: those that its settings allow are walked and watched, unless another process does."""

import logging
import os
import time
from collections.abc import Collection, Sequence
from pathlib import Path

import anyio
from anyio import to_thread

from vectorstores_server.engines.background import BackgroundTasks
from vectorstores_server.mirrors.kept import KeeperTimes, KeptMirror
from vectorstores_server.mirrors.listening import SystemEvents
from vectorstores_server.mirrors.walking import MirrorWalk
from vectorstores_server.settings import Settings
from vectorstores_server.system.logs import event
from vectorstores_tools.contract.engine import AttachOptions, Engine
from vectorstores_tools.contract.errors import InvalidRequest, NotSupported, VectorStoreError
from vectorstores_tools.contract.intake import FolderIntake, storable
from vectorstores_tools.contract.mirrors import Lock, Mirror, MirroredFile, MirrorRecords, WalkReport

log = logging.getLogger(__name__)

TROUBLE_SECONDS = 10.0
LONGEST_REST = 60.0
"""Seconds after which the records of mirrors are looked at though none has changed: stores expire by time alone."""
NOT_ALLOWED = "No process that runs may read this folder: add it to VECTOR_STORES_FILE_ROOTS."


def watches(settings: Settings) -> bool:
    """Tell whether a process of these settings watches mirrors."""
    return settings.intake.watch == "on" and not settings.agents.read_only and settings.storage.backend == "local"


class MirrorKeeper:
    """Implements `Mirroring`. `watch`: mirrors are watched after they were walked; else only walks are done."""

    def __init__(
        self, engine: Engine, intake: FolderIntake, *, watch: bool = False, times: KeeperTimes | None = None
    ) -> None:
        self._engine = engine
        self._intake = intake
        self._watch = watch
        self._times = times or KeeperTimes()
        self._background = BackgroundTasks()
        self._beginning = anyio.Lock()
        self._system = SystemEvents()
        self._kept: dict[int, KeptMirror] = {}

    async def begin(
        self, store_id: str, named: Sequence[str], roots: Sequence[Path] | None, options: AttachOptions, confirmed: bool
    ) -> Sequence[Mirror]:
        """Begin mirrors, as `Mirroring.begin` says."""
        records = self._records()
        await self._engine.retrieve_store(store_id)
        folders = [await self._intake.mirror_root(path, roots) for path in named]
        begun = [
            await records.begin(store_id, folder, options, confirmed=confirmed) for folder in dict.fromkeys(folders)
        ]
        await self._begin()
        for mirror in begun:
            self._wake(records, mirror)
        return begun

    async def end(self, store_id: str, named: Sequence[str], roots: Sequence[Path] | None) -> int:
        """End mirrors, as `Mirroring.end` says. A folder that does not exist any more can be named too."""
        records = self._records()
        await self._engine.retrieve_store(store_id)
        known = {mirror.folder for mirror in await records.all(store_id)}
        ended = 0
        for path in named:
            folder = path if path in known else await self._intake.mirror_root(path, roots)
            ended += await records.end(store_id, folder)
        return ended

    async def gone(self, store_id: str, folders: Sequence[str], found: Sequence[str]) -> Sequence[MirroredFile]:
        """Return missing files, as `Mirroring.gone` says."""
        records = self._engine.mirrors
        if records is None:
            return []
        there = {storable(origin) for origin in found}
        followed = [mirror.folder for mirror in await records.all(store_id)]
        missed: dict[str, MirroredFile] = {}
        for folder in folders:
            if any(Path(folder).is_relative_to(mirror) for mirror in followed):
                continue
            if (await records.stats(store_id, storable(folder))).keys() <= there:  # nothing, most often
                continue
            files = await records.files(store_id, storable(folder))
            missed |= {file.source: file for file in files if file.source not in there}
        return await to_thread.run_sync(lambda: [file for file in missed.values() if not os.path.lexists(file.source)])

    async def state(self, mirror: Mirror) -> Mirror:
        """Return a mirror, as `Mirroring.state` says. Raises InvalidRequest for one that has ended meanwhile."""
        now = await self._records().find(mirror.id)
        if now is None:
            raise InvalidRequest("The store does not follow this folder any more.", "Somebody has ended it.")
        return now

    async def run(self) -> None:
        """Keep all mirrors for as long as the process runs; does nothing where stores cannot follow folders."""
        records = self._engine.mirrors
        if records is None or not self._watch:
            return
        await anyio.sleep(self._times.first_look)
        await self._begin()
        look = LastLook()
        while True:
            try:
                if look.is_needed(records.stamp(), self._kept.keys()):
                    look.mirrors = await records.all()
                    await self._look_at(records, look.mirrors)
            except (VectorStoreError, OSError) as error:
                look.forget()
                log.warning("Followed folders wait: %s", error, extra=event("mirrors_wait", seconds=TROUBLE_SECONDS))
                await anyio.sleep(TROUBLE_SECONDS)
            await anyio.sleep(self._times.ask)

    async def aclose(self) -> None:
        """Let go of all mirrors."""
        await self._background.end()

    async def _begin(self) -> None:
        async with self._beginning:
            if self._background.begun:
                return
            await self._background.begin()
            if self._watch:
                self._background.spawn(self._system.run)

    async def _look_at(self, records: MirrorRecords, mirrors: Sequence[Mirror]) -> None:
        """Pass on the requests of other processes, a walk or an end, and keep the mirrors that nobody else keeps."""
        now = {mirror.id: mirror for mirror in mirrors}
        for mirror_id, kept in self._kept.items():
            kept.take(now.get(mirror_id))
        for mirror in mirrors:
            await self._look_after(records, mirror)

    def _records(self) -> MirrorRecords:
        records = self._engine.mirrors
        if records is None:
            raise NotSupported("The stores of this server cannot follow a folder;", "leave out mirror.", param="mirror")
        return records

    async def _look_after(self, records: MirrorRecords, mirror: Mirror) -> None:
        if self._intake.may_follow(mirror.folder):
            if mirror.id not in self._kept:
                self._wake(records, mirror)
        elif mirror.state != "not allowed" and await _is_free(records.lock(mirror.id)):
            await records.note(mirror.id, WalkReport("not allowed", NOT_ALLOWED, mirror.counts))

    def _wake(self, records: MirrorRecords, mirror: Mirror) -> None:
        """Have the mirror's task begin, or look again."""
        if mirror.id in self._kept:
            self._kept[mirror.id].wake()
            return
        walk = MirrorWalk(self._engine, records, self._intake, mirror, self._times.patience)
        self._kept[mirror.id] = KeptMirror(walk, self._times, self._system)
        self._background.spawn(self._keep, records, mirror)

    async def _keep(self, records: MirrorRecords, mirror: Mirror) -> None:
        """Hold the mirror's lock, once nobody else does, and walk it; with `watch` for as long as it lasts."""
        lock = records.lock(mirror.id)
        try:
            while not await lock.take():
                await anyio.sleep(self._times.takeover)
                now = await records.find(mirror.id)
                if now is None or not (now.due or self._watch):
                    return
            await self._engine.retrieve_store(mirror.store_id)  # the worker begins with the first call
            await self._kept[mirror.id].run(watch=self._watch)
        except (VectorStoreError, OSError) as error:
            extra = event("mirror_waits", store=mirror.store_id, seconds=TROUBLE_SECONDS)
            log.warning("A followed folder waits: %s", error, extra=extra)
            await anyio.sleep(TROUBLE_SECONDS)
        except Exception as error:
            extra = event("unforeseen_mirror_error", store=mirror.store_id, kind=type(error).__name__)
            log.exception("A followed folder is looked at again after an unforeseen error", extra=extra)
            await anyio.sleep(TROUBLE_SECONDS)
        finally:
            with anyio.CancelScope(shield=True):
                await lock.close()
            kept = self._kept.pop(mirror.id)
        if kept.woken:  # somebody asked at the very end
            self._wake(records, mirror)


class LastLook:
    """The last look at the records of mirrors: while none can have changed, another one finds nothing."""

    def __init__(self) -> None:
        self.mirrors: Sequence[Mirror] = ()
        self._stamp: object | None = None
        self._until = 0.0

    def is_needed(self, stamp: object | None, kept: Collection[int]) -> bool:
        """Tell whether to look now: where something may have changed, a mirror is not kept here, or time has passed."""
        settled = stamp is not None and stamp == self._stamp and all(mirror.id in kept for mirror in self.mirrors)
        if settled and time.monotonic() < self._until:
            return False
        self._stamp, self._until = stamp, time.monotonic() + LONGEST_REST
        return True

    def forget(self) -> None:
        """Look again the next time."""
        self._stamp = None


async def _is_free(lock: Lock) -> bool:
    try:
        return await lock.take()
    finally:
        with anyio.CancelScope(shield=True):
            await lock.close()

"""Mirrors as a bounded caller sees them: the records of its stores alone, and a walker that touches no other."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from vectorstores_server.bounds.view import BoundedView
from vectorstores_tools.contract.engine import AttachOptions
from vectorstores_tools.contract.errors import StoreNotFound
from vectorstores_tools.contract.intake import KnownStat, Source
from vectorstores_tools.contract.mirrors import (
    Lock,
    Mirror,
    MirroredFile,
    Mirroring,
    MirrorRecords,
    Rename,
    WalkReport,
)


class BoundedMirrorRecords(MirrorRecords):
    """Implements `MirrorRecords` over those of an engine."""

    def __init__(self, records: MirrorRecords, view: BoundedView) -> None:
        self._records = records
        self._view = view

    async def all(self, store_id: str | None = None) -> Sequence[Mirror]:
        """Return the mirrors of stores that are seen."""
        mirrors = await self._records.all(store_id)
        seen = {store for store in {mirror.store_id for mirror in mirrors} if await self._is_seen(store)}
        return [mirror for mirror in mirrors if mirror.store_id in seen]

    def stamp(self) -> object | None:
        """Return that of the engine's records."""
        return self._records.stamp()

    async def begin(self, store_id: str, folder: str, options: AttachOptions, *, confirmed: bool) -> Mirror:
        """Begin a mirror in a store that is seen."""
        async with self._view.inside(store_id):
            return await self._records.begin(store_id, folder, options, confirmed=confirmed)

    async def end(self, store_id: str, folder: str) -> bool:
        """End a mirror of a store that is seen."""
        async with self._view.inside(store_id):
            return await self._records.end(store_id, folder)

    async def find(self, mirror_id: int) -> Mirror | None:
        """Return the mirror, None where its store is not seen."""
        mirror = await self._records.find(mirror_id)
        return mirror if mirror is not None and await self._is_seen(mirror.store_id) else None

    async def note(self, mirror_id: int, report: WalkReport) -> None:
        """Record a walk of a mirror that is seen; of another nothing is recorded, as of one that has ended."""
        if await self.find(mirror_id) is not None:
            await self._records.note(mirror_id, report)

    async def stats(self, store_id: str, folder: str) -> Mapping[str, KnownStat]:
        """Return those of a store that is seen."""
        async with self._view.inside(store_id):
            return await self._records.stats(store_id, folder)

    async def untouched(
        self, store_id: str, folder: str, options: AttachOptions
    ) -> Mapping[str, tuple[str, KnownStat]]:
        """Return those of a store that is seen."""
        async with self._view.inside(store_id):
            return await self._records.untouched(store_id, folder, options)

    async def files(self, store_id: str, folder: str) -> Sequence[MirroredFile]:
        """Return those of a store that is seen."""
        async with self._view.inside(store_id):
            return await self._records.files(store_id, folder)

    async def rename(self, store_id: str, renames: Sequence[Rename]) -> None:
        """Give files of a store that is seen their new places."""
        async with self._view.inside(store_id):
            await self._records.rename(store_id, renames)

    async def remove(self, store_id: str, sources: Sequence[str]) -> int:
        """Take sources out of a store that is seen."""
        async with self._view.inside(store_id):
            return await self._records.remove(store_id, sources)

    async def take_back(self, store_id: str, source: Source) -> str | None:
        """Attach a File that was removed from a store that is seen."""
        async with self._view.inside(store_id):
            return await self._records.take_back(store_id, source)

    def lock(self, mirror_id: int) -> Lock:
        """Return the lock of a mirror: its number says nothing of a store."""
        return self._records.lock(mirror_id)

    async def _is_seen(self, store_id: str) -> bool:
        with suppress(StoreNotFound):
            async with self._view.inside(store_id):
                return True
        return False


class BoundedMirroring(Mirroring):
    """Implements `Mirroring` over the walker of a process."""

    def __init__(self, walker: Mirroring, view: BoundedView) -> None:
        self._walker = walker
        self._view = view

    async def begin(
        self, store_id: str, named: Sequence[str], roots: Sequence[Path] | None, options: AttachOptions, confirmed: bool
    ) -> Sequence[Mirror]:
        """Begin mirrors in a store that is seen."""
        async with self._view.inside(store_id):
            return await self._walker.begin(store_id, named, roots, options, confirmed)

    async def end(self, store_id: str, named: Sequence[str], roots: Sequence[Path] | None) -> int:
        """End mirrors of a store that is seen."""
        async with self._view.inside(store_id):
            return await self._walker.end(store_id, named, roots)

    async def gone(self, store_id: str, folders: Sequence[str], found: Sequence[str]) -> Sequence[MirroredFile]:
        """Return the missing files of a store that is seen."""
        async with self._view.inside(store_id):
            return await self._walker.gone(store_id, folders, found)

    async def state(self, mirror: Mirror) -> Mirror:
        """Return a mirror of a store that is seen."""
        async with self._view.inside(mirror.store_id):
            return await self._walker.state(mirror)

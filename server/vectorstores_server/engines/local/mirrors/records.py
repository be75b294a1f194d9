"""The records of this engine's mirrors, as those that walk the folders read and write them."""

from collections.abc import Callable, Mapping, Sequence

from vectorstores_server.engines.local.catalog import Catalog
from vectorstores_server.engines.local.catalog.ids import clock
from vectorstores_server.engines.local.catalog.mirrored_files import (
    apply_options,
    files_below,
    is_parted,
    rename,
    renew_paths,
    stats_below,
    take_back,
    take_out,
    untouched_below,
)
from vectorstores_server.engines.local.catalog.mirrors import (
    begin_mirror,
    end_mirror,
    find_mirror,
    list_mirrors,
    note_walk,
)
from vectorstores_server.engines.local.catalog.places import Origin
from vectorstores_server.engines.local.leader import WorkLock
from vectorstores_tools.contract.engine import AttachOptions
from vectorstores_tools.contract.intake import KnownStat, Source, storable
from vectorstores_tools.contract.mirrors import Mirror, MirroredFile, MirrorRecords, Rename, WalkReport

AT_ONCE = 500
"""Files in one transaction: searches and other processes wait for it."""


class LocalMirrors(MirrorRecords):
    """Implements `MirrorRecords`. `made_work` is called whenever there is something new for the worker."""

    def __init__(self, catalog: Catalog, lock: Callable[[str], WorkLock], made_work: Callable[[], None]) -> None:
        self._catalog = catalog
        self._lock = lock
        self._made_work = made_work

    async def all(self, store_id: str | None = None) -> Sequence[Mirror]:
        """Look without making a data directory where there is none."""
        if not await self._catalog.is_there():
            return []
        return await self._catalog.read(list_mirrors, store_id, clock())

    def stamp(self) -> object | None:
        """Return that of the catalog."""
        return self._catalog.stamp()

    async def begin(self, store_id: str, folder: str, options: AttachOptions, *, confirmed: bool) -> Mirror:
        """Enter the mirror; files that the store has of the folder get their path below it."""
        mirror = await self._catalog.write(begin_mirror, store_id, folder, options, confirmed, clock())
        await self._catalog.write(renew_paths, store_id, folder)
        await self._catalog.write(apply_options, store_id, folder, options, clock())
        return mirror

    async def end(self, store_id: str, folder: str) -> bool:
        """Forget the mirror."""
        return await self._catalog.write(end_mirror, store_id, folder)

    async def find(self, mirror_id: int) -> Mirror | None:
        """Return the mirror as it is now."""
        return await self._catalog.read(find_mirror, mirror_id, clock())

    async def note(self, mirror_id: int, report: WalkReport) -> None:
        """Record the result of a walk."""
        await self._catalog.write(note_walk, mirror_id, report, clock())

    async def stats(self, store_id: str, folder: str) -> Mapping[str, KnownStat]:
        """Return each source below the folder."""
        return await self._catalog.read(stats_below, store_id, folder)

    async def untouched(
        self, store_id: str, folder: str, options: AttachOptions
    ) -> Mapping[str, tuple[str, KnownStat]]:
        """Return the sources below the folder that ask for nothing."""
        return await self._catalog.read(untouched_below, store_id, folder, options)

    async def files(self, store_id: str, folder: str) -> Sequence[MirroredFile]:
        """Return the newest version of each source below the folder."""
        return await self._catalog.read(files_below, store_id, folder)

    async def rename(self, store_id: str, renames: Sequence[Rename]) -> None:
        """Give files their new places."""
        for first in range(0, len(renames), AT_ONCE):
            await self._catalog.write(rename, store_id, renames[first : first + AT_ONCE], clock())
            self._made_work()

    async def remove(self, store_id: str, sources: Sequence[str]) -> int:
        """Take sources out of the store."""
        removed = 0
        for first in range(0, len(sources), AT_ONCE):
            removed += await self._catalog.write_freeing(take_out, store_id, sources[first : first + AT_ONCE], clock())
            self._made_work()
        return removed

    async def take_back(self, store_id: str, source: Source) -> str | None:
        """Attach a File that was taken out of the store."""
        if not await self._catalog.read(is_parted, store_id, source.sha256):
            return None
        origin = Origin(storable(source.origin), source.sha256, None, source.stat)
        file_id = await self._catalog.write(take_back, store_id, origin, storable(source.filename), clock())
        self._made_work()
        return file_id

    def lock(self, mirror_id: int) -> WorkLock:
        """Return the lock of a mirror."""
        return self._lock(f"mirror-{mirror_id}.lock")

"""Erasure in object storage: of content whose last File was deleted, and of what nothing in the catalog names.

Who writes an object and names it afterwards must not lose it to a sweep that goes on meanwhile. So
- a key is never written twice: what a sweep deletes is what it has seen, and not what comes after;
- it deletes what is older than any transaction that may still name it (`settled_seconds`), by the storage's own clock,
- and asks the catalog after it has looked, in a transaction that waits for those that are under way.
Of several generations of the same bytes the newest stays. None of this needs a request inside a transaction.
"""

import time
from collections.abc import Iterable, Sequence
from functools import partial

from vectorstores_server.engines.local.catalog import Catalog
from vectorstores_server.engines.local.catalog.expiry import (
    GRACE,
    deleted_content,
    forget_deleted_content,
    unreferenced,
    upload_states,
)
from vectorstores_server.engines.local.directory.removal import TRASH_SECONDS, Removed
from vectorstores_server.engines.local.files.erasure import AT_ONCE, HOUR, REMEMBERED
from vectorstores_server.engines.local.objects.blob_objects import BLOBS, TEXT, order
from vectorstores_server.engines.local.objects.bucket import ObjectBucket, StoredObject
from vectorstores_server.engines.local.objects.local_files import LocalFiles
from vectorstores_server.engines.local.objects.parallel import side_by_side
from vectorstores_server.engines.local.objects.part_objects import UPLOADS
from vectorstores_server.engines.local.objects.probe import PREFIX as PROBES
from vectorstores_server.engines.local.objects.receiving import settled_seconds

TRASH = "trash"
CLOCK = "clock"


class ObjectSweep:
    """The sweep below one address, as `ContentSweep` promises. One server at a time does it, though two lose nothing.

    `now` is the time of this machine; how far the storage's is from it is asked first.
    """

    def __init__(self, catalog: Catalog, bucket: ObjectBucket, local: LocalFiles) -> None:
        self._catalog = catalog
        self._bucket = bucket
        self._local = local

    async def erase_deleted(self, now: float, *, grace: int = GRACE) -> Removed:
        """Erase content whose last File was deleted; what is too young to be safe waits, and is named as in use."""
        removed = Removed()
        deleted = sorted(await self._catalog.read(deleted_content, int(now - grace)))
        storage_now = now + await self._skew() if deleted else now
        for first in range(0, len(deleted), AT_ONCE):
            await self._erase(deleted[first : first + AT_ONCE], storage_now, removed)
        if deleted:
            await self._catalog.write_freeing(forget_deleted_content, int(now - REMEMBERED))
        return removed

    async def _erase(self, hashes: Sequence[str], now: float, removed: Removed) -> None:
        prefixes = [f"{kind}/{sha256}" for sha256 in hashes for kind in (BLOBS, TEXT)]
        listed = await side_by_side([partial(self._bucket.list, prefix) for prefix in prefixes])
        found = [stored for part in listed for stored in part]
        lost = await self._catalog.write_freeing(unreferenced, {_hash(stored) for stored in found})
        doomed = [stored for stored in found if _hash(stored) in lost]
        settled = [stored.name for stored in doomed if _is_settled(stored, now)]
        removed.in_use += [stored.name for stored in doomed if not _is_settled(stored, now)]
        await self._remove(settled)
        removed.erased += settled

    async def remove_orphans(self, now: float) -> Removed:
        """Move what nothing names and is an hour old to a trash, which is kept for seven days."""
        removed = Removed()
        storage_now = now + await self._skew()
        for kind in (BLOBS, TEXT):
            old = [stored for stored in await self._bucket.list(kind) if stored.changed <= storage_now - HOUR]
            hashes = sorted({_hash(stored) for stored in old})
            for first in range(0, len(hashes), AT_ONCE):
                piece = set(hashes[first : first + AT_ONCE])
                await self._take_unnamed([stored for stored in old if _hash(stored) in piece], now, removed)
        await self._remove_parts(storage_now, removed)
        removed.erased += await self._emptied(storage_now - TRASH_SECONDS)
        old = [stored.name for stored in await self._bucket.list(PROBES) if stored.changed <= storage_now - HOUR]
        await self._bucket.remove(old)
        await self._local.run(self._local.trim)
        return removed

    async def _take_unnamed(self, found: Sequence[StoredObject], now: float, removed: Removed) -> None:
        hashes = {_hash(stored) for stored in found}
        older = [name for name in _older_generations(found) if name.startswith(f"{BLOBS}/")]
        await self._remove(older)
        removed.erased += older
        # Read first: most often all of them are in use, and nobody has to wait for the writer.
        if not await self._catalog.read(unreferenced, hashes):
            return
        lost = await self._catalog.write(unreferenced, hashes)
        deleted = await self._catalog.read(deleted_content, int(now))
        gone = [stored for stored in found if _hash(stored) in lost and stored.name not in older]
        orphans = [stored.name for stored in gone if _hash(stored) not in deleted]
        await side_by_side([partial(self._bucket.copy, name, f"{TRASH}/{int(now)}/{name}") for name in orphans])
        await self._remove([stored.name for stored in gone])
        removed.trashed += orphans
        removed.erased += [stored.name for stored in gone if _hash(stored) in deleted]

    async def _remove_parts(self, now: float, removed: Removed) -> None:
        parts: dict[str, list[StoredObject]] = {}
        for stored in await self._bucket.list(UPLOADS):
            parts.setdefault(_hash(stored), []).append(stored)
        old = {id: of for id, of in parts.items() if max(part.changed for part in of) <= now - HOUR}
        states = await self._catalog.read(upload_states, list(old)) if old else {}
        ended = [part.name for id, of in old.items() if states.get(id) != "pending" for part in of]
        await self._bucket.remove(ended)
        removed.erased += ended

    async def empty_trash(self) -> Removed:
        """Erase the trash."""
        return Removed(await self._emptied(float("inf")))

    async def _emptied(self, before: float) -> list[str]:
        old = [stored.name for stored in await self._bucket.list(TRASH) if stored.changed <= before]
        await self._bucket.remove(old)
        return old

    async def _remove(self, names: Sequence[str]) -> None:
        await self._bucket.remove(names)
        for name in names:
            _, sha256, last = name.split("/", 2) if name.count("/") > 1 else ("", "", "")
            copy = sha256 if name.startswith(f"{BLOBS}/") else f"{sha256}.{last}"
            if sha256:
                await self._local.run(self._local.forget, copy)

    async def _skew(self) -> float:
        """Return how many seconds the storage's clock is before that of this machine."""
        await self._bucket.put(CLOCK, b"")
        return (await self._bucket.head(CLOCK)).changed - time.time()


def _older_generations(found: Iterable[StoredObject]) -> list[str]:
    """Return the generations of bytes that are there in a newer one, too."""
    newest: dict[str, StoredObject] = {}
    older: list[str] = []
    for stored in sorted(found, key=order):
        if (before := newest.get(_hash(stored))) is not None:
            older.append(before.name)
        newest[_hash(stored)] = stored
    return older


def _is_settled(stored: StoredObject, now: float) -> bool:
    """Tell whether no transaction under way can name it any more; a text is made again, so that it never waits."""
    return stored.name.startswith(f"{TEXT}/") or stored.changed <= now - settled_seconds(stored.size)


def _hash(stored: StoredObject) -> str:
    return stored.name.split("/")[1]

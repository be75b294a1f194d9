"""The tables of an index in object storage, below `index/`.

A commit of LanceDB is a PUT of a manifest that must not exist yet, so that several servers may write to one table. A
note of deleted rows is an object beside the table. A look at a table is a listing of its manifests.
"""

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from vectorstores_server.engines.local.directory.names import is_ours, is_table
from vectorstores_server.engines.local.index.errors import AWAY, IndexUnreachable
from vectorstores_server.engines.local.index.places import TableTraces
from vectorstores_server.engines.local.objects.bucket import ObjectBucket, StoredObject
from vectorstores_server.engines.local.objects.parallel import side_by_side
from vectorstores_server.engines.local.objects.sweep import TRASH
from vectorstores_server.engines.local.objects.table_copies import TableCopies
from vectorstores_tools.contract.errors import VectorStoreError

INDEX = "index"


class ObjectTables:
    """The tables below one address, as `TablePlace` promises; with `copies` they are read on this machine."""

    alone = False

    def __init__(self, bucket: ObjectBucket, copies: TableCopies | None = None) -> None:
        self._bucket = bucket
        self._copies = copies

    @property
    def uri(self) -> str:
        """The address as LanceDB is told it."""
        return self._bucket.place.below(INDEX)

    @property
    def options(self) -> Mapping[str, str] | None:
        """The options of the storage's client, secret ones too."""
        return self._bucket.place.lance_options

    @property
    def folder(self) -> Path | None:
        """The folder of the copies."""
        return None if self._copies is None else self._copies.folder

    async def readable(self, table: str, version: int | None = None) -> bool:
        """Bring the copy up to date; False for a table that has none, as it is larger than they may be."""
        if self._copies is None:
            return False
        with _reached(table):
            return await self._copies.bring_up_to_date(table, version)

    async def tables(self) -> list[str]:
        """Name the tables of which there is an object."""
        with _reached("all"):
            found = [name.rpartition("/")[2] for name in await self._bucket.top(INDEX)]
        named = {name.removesuffix(".lance") for name in found if name.endswith(".lance")}
        return sorted(table for table in named if is_table(table))

    async def traces(self, table: str) -> TableTraces:
        """Look at a table's manifests, and at the note beside it."""
        with _reached(table):
            return await self._traces(table)

    async def all_traces(self) -> Mapping[str, TableTraces]:
        """Look at several tables side by side."""
        tables = await self.tables()
        with _reached("all"):
            found = await side_by_side([partial(self._traces, table) for table in tables])
        return dict(zip(tables, found, strict=True))

    async def _traces(self, table: str) -> TableTraces:
        manifests = await self._bucket.list(f"{self._prefix(table)}/_versions")
        written = [stored.changed for stored in manifests if stored.name.endswith(".manifest")]
        deleted_since = None
        with suppress(FileNotFoundError):
            deleted_since = (await self._bucket.head(self._marker(table))).changed
        return TableTraces(len(written), min(written, default=0.0), deleted_since)

    async def mark(self, table: str) -> None:
        """Note a deletion; the first note stays."""
        with _reached(table):
            if await self._bucket.list(f"{self._prefix(table)}/_versions"):
                await self._bucket.put(self._marker(table), b"", create=True)

    async def unmark(self, table: str) -> None:
        """Remove the note."""
        with _reached(table):
            await self._bucket.remove([self._marker(table)])

    async def holds_others(self, table: str) -> bool:
        """Tell whether objects lie below a table that are not ours."""
        with _reached(table):
            found = await self._all(table)
        return is_table(table) and not all(is_ours(stored.name) for stored in found)

    async def erase(self, table: str) -> bool:
        """Delete a table's objects, the manifests first: what is left is no table."""
        with _reached(table):
            doomed = [stored.name for stored in await self._all(table) if is_ours(stored.name)]
            await self._bucket.remove(sorted(doomed, key=_manifests_first))
            await self._bucket.remove([self._marker(table)])
        await self._forget_copy(table)
        return True

    async def discard(self, table: str) -> None:
        """Move a table's objects to the trash."""
        target = f"{TRASH}/{int(time.time())}"
        with _reached(table):
            names = [stored.name for stored in await self._all(table) if is_ours(stored.name)]
            await side_by_side([partial(self._bucket.copy, name, f"{target}/{name}") for name in names])
            await self._bucket.remove(sorted(names, key=_manifests_first))
            await self._bucket.remove([self._marker(table)])
        await self._forget_copy(table)

    async def reach(self, table: str) -> None:
        """List the table and read of each object: IndexUnreachable unless the storage answers now.

        What was learned before that may have been learned while it did not answer; but LanceDB's errors say so.
        """
        with _reached(table):
            for stored in await self._all(table):
                with suppress(FileNotFoundError):
                    await self._bucket.head(stored.name)

    async def keep_sums(self, table: str) -> None:
        """Do nothing: an object storage keeps sums of its own."""

    async def forget_sums(self, table: str) -> None:
        """Do nothing."""

    async def damaged(self, table: str) -> Mapping[str, str]:
        """Return nothing: an object storage does not give out what is damaged."""
        del table
        return {}

    async def has_room(self, table: str) -> bool:
        """Tell that there is room."""
        del table
        return True

    async def _forget_copy(self, table: str) -> None:
        if self._copies is not None:
            await self._copies.forget(table)

    async def _all(self, table: str) -> list[StoredObject]:
        return await self._bucket.list(self._prefix(table))

    def _prefix(self, table: str) -> str:
        return f"{INDEX}/{table}.lance"

    def _marker(self, table: str) -> str:
        return f"{INDEX}/{table}.deleted"


def _manifests_first(name: str) -> tuple[bool, str]:
    return "/_versions/" not in name, name


@contextmanager
def _reached(table: str) -> Generator[None]:
    """Turn an outage into the index's error for one."""
    try:
        yield
    except VectorStoreError as error:
        raise IndexUnreachable(table, AWAY) from error

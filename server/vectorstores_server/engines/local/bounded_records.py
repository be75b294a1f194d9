"""The records of this engine's stores and Files as callers with bounds see them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Concatenate, ParamSpec, TypeVar

from vectorstores_server.engines.local.catalog import Catalog, bounded
from vectorstores_server.engines.local.catalog.dialect import DB
from vectorstores_server.engines.local.catalog.ids import clock
from vectorstores_tools.contract.bounds import BoundedRecords, StoreBounds
from vectorstores_tools.contract.models import Deleted, File, Page, VectorStore
from vectorstores_tools.contract.requests import FilesRequest, PageRequest

P = ParamSpec("P")
T = TypeVar("T")
NOT_NEW = "This name is not new: "


class LocalBoundedRecords(BoundedRecords):
    """Implements `BoundedRecords`. `start` is called first; `made_work` when there is something for the worker."""

    def __init__(self, catalog: Catalog, start: Callable[[], Awaitable[object]], made_work: Callable[[], None]) -> None:
        self._catalog = catalog
        self._start = start
        self._made_work = made_work

    async def admit_store(self, bounds: StoreBounds, store_id: str) -> None:
        """Ask the catalog."""
        await self._read(bounded.admit_store, bounds, store_id)

    async def admit_files(self, bounds: StoreBounds, file_ids: Sequence[str]) -> None:
        """Ask the catalog."""
        await self._read(bounded.admit_files, bounds, file_ids, clock())

    async def admit_upload(self, bounds: StoreBounds, upload_id: str) -> None:
        """Ask the catalog."""
        await self._read(bounded.admit_upload, bounds, upload_id)

    async def list_stores(self, bounds: StoreBounds, request: PageRequest) -> Page[VectorStore]:
        """Ask the catalog."""
        return await self._read(bounded.list_seen_stores, bounds, request, clock())

    async def list_files(self, bounds: StoreBounds, request: FilesRequest) -> Page[File]:
        """Ask the catalog."""
        return await self._read(bounded.list_seen_files, bounds, request, clock())

    async def with_seen_notes(self, bounds: StoreBounds, made: VectorStore) -> VectorStore:
        """Replace the note on stores of the same name."""
        notes = [note for note in made.notes or () if not note.startswith(NOT_NEW)]
        if made.name and (others := await self._read(bounded.seen_namesakes, bounds, made.name, made.id)):
            notes.append(namesakes(others))
        return made.model_copy(update={"notes": notes})

    async def note_upload(self, bounds: StoreBounds, upload_id: str) -> None:
        """Enter it in the catalog."""
        await self._catalog.write(bounded.note_upload, bounds, upload_id)

    async def note_file(self, bounds: StoreBounds, file_id: str) -> None:
        """Enter it in the catalog."""
        await self._catalog.write(bounded.note_file, bounds, file_id)

    async def note_sources(self, bounds: StoreBounds, store_id: str, file_ids: Sequence[str], since: int) -> None:
        """Enter them in the catalog."""
        await self._catalog.write(bounded.note_sources, bounds, store_id, file_ids, since)

    async def delete_file(self, bounds: StoreBounds, file_id: str) -> Deleted:
        """Delete it in one transaction with the look at who else has it."""
        await self._start()
        gone = await self._catalog.write_freeing(bounded.delete_seen_file, bounds, file_id, clock())
        self._made_work()
        return gone

    async def _read(self, fn: Callable[Concatenate[DB, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        await self._start()
        return await self._catalog.read(fn, *args, **kwargs)


def namesakes(store_ids: Sequence[str]) -> str:
    """Return a sentence that names other stores of the same name as a new one."""
    return f"{NOT_NEW}{', '.join(store_ids[:3])} {'has' if len(store_ids) == 1 else 'have'} it too."

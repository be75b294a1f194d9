"""The view of one bounded caller: what may be touched, whichever part of an engine is asked."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from vectorstores_tools.contract.bounds import BoundedRecords, StoreBounds
from vectorstores_tools.contract.errors import FileNotFound, StoreNotFound

MOST_REMEMBERED = 1_000


class BoundedView:
    """Holds a caller to its bounds, by an engine's records."""

    def __init__(self, records: BoundedRecords, bounds: StoreBounds) -> None:
        self.records = records
        self.bounds = bounds
        self._seen: set[str] = set()

    @asynccontextmanager
    async def inside(self, store_id: str) -> AsyncGenerator[None]:
        """Do something with a store. Raises StoreNotFound where it is not seen, naming no other that is not."""
        await self.records.admit_store(self.bounds, store_id)
        if len(self._seen) >= MOST_REMEMBERED:
            self._seen.clear()
        self._seen.add(store_id)
        try:
            yield
        # What is gone meanwhile: the engine's own errors may name stores and files of others.
        except StoreNotFound:
            raise StoreNotFound(store_id) from None
        except FileNotFound as error:
            raise FileNotFound(error.file_id) from None

    def was_seen(self, store_id: str) -> bool:
        """Tell whether the store was seen lately, without asking anybody."""
        return store_id in self._seen

    async def files(self, file_ids: Sequence[str]) -> None:
        """Raise FileNotFound for the first File that is not seen."""
        await self.records.admit_files(self.bounds, file_ids)

    async def upload(self, upload_id: str) -> None:
        """Raise UploadNotFound for an upload that is not this caller's."""
        await self.records.admit_upload(self.bounds, upload_id)

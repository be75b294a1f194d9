"""Batches for services without them, or without a batch whose files differ: attached one by one, under an id of ours.

Such a batch is known to this process only, and its answers say so.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from secrets import token_hex

import anyio

from vectorstores_tools.errors import BatchNotFound, VectorStoreError
from vectorstores_tools.models import (
    FileAttach,
    FileBatch,
    FileCounts,
    LastError,
    Page,
    StoreFilesRequest,
    VectorStoreFile,
)

AT_ONCE = 4
PREFIX = "local_"
NOTE = (
    "This service has no such batches: the files are attached one by one, and only this process knows the batch. "
    "list(vector_store_id=...) shows the files from anywhere."
)
FINAL = frozenset({"completed", "failed", "cancelled"})


@dataclass
class LocalBatch:
    """The files of one call, as they were last seen."""

    id: str
    store_id: str
    created_at: int
    files: dict[str, VectorStoreFile]
    cancelled: bool = False
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    def shown(self) -> FileBatch:
        """Return it as the contract's object."""
        states = [file.status for file in self.files.values()]
        counts = {state: states.count(state) for state in (*FINAL, "in_progress")}
        if counts["in_progress"]:
            status = "in_progress"
        elif self.cancelled:
            status = "cancelled"
        else:
            status = "failed" if counts["failed"] == len(states) else "completed"
        return FileBatch.model_validate(
            {
                "id": self.id,
                "created_at": self.created_at,
                "vector_store_id": self.store_id,
                "status": status,
                "file_counts": FileCounts(**counts, total=len(states)),
                "notes": [NOTE],
            }
        )


class LocalBatches:
    """Those of this process. `attach` and `retrieve` are the remote's calls for one file."""

    def __init__(
        self,
        attach: Callable[[str, FileAttach], Awaitable[VectorStoreFile]],
        retrieve: Callable[[str, str], Awaitable[VectorStoreFile]],
    ) -> None:
        self._attach = attach
        self._retrieve = retrieve
        self._batches: dict[str, LocalBatch] = {}

    def begin(self, store_id: str, entries: Sequence[FileAttach]) -> LocalBatch:
        """Enter a batch; `run` attaches its files."""
        now = int(time.time())
        files = {
            entry.file_id: VectorStoreFile(id=entry.file_id, vector_store_id=store_id, created_at=now)
            for entry in entries
        }
        batch = LocalBatch(f"{PREFIX}{token_hex(12)}", store_id, now, files)
        self._batches[batch.id] = batch
        return batch

    async def run(self, batch: LocalBatch, entries: Sequence[FileAttach]) -> None:
        """Attach the files, four at a time; a failure stays with its file."""
        limiter = anyio.CapacityLimiter(AT_ONCE)
        with batch.scope:
            async with anyio.create_task_group() as tasks:
                for entry in entries:
                    tasks.start_soon(self._attach_one, batch, entry, limiter)

    async def look(self, store_id: str, batch_id: str) -> FileBatch:
        """Return the batch as it is now."""
        batch = self._find(store_id, batch_id)
        pending = [file for file in batch.files.values() if file.status not in FINAL and file.usage_bytes >= 0]
        for file in pending[:20]:
            await self._refresh(batch, file.id)
        return batch.shown()

    def cancel(self, store_id: str, batch_id: str) -> FileBatch:
        """Attach no more of its files; what is attached stays."""
        batch = self._find(store_id, batch_id)
        if batch.shown().status == "in_progress":
            batch.cancelled = True
            batch.scope.cancel()
            for file in batch.files.values():
                file.status = "cancelled" if file.status == "in_progress" else file.status
        return batch.shown()

    def page(self, store_id: str, batch_id: str, request: StoreFilesRequest) -> Page[VectorStoreFile]:
        """Return a page of its files."""
        files = [f for f in self._find(store_id, batch_id).files.values() if request.filter in (None, f.status)]
        files.sort(key=lambda file: (file.created_at, file.id), reverse=request.order == "desc")
        ids = [file.id for file in files]
        first = ids.index(request.after) + 1 if request.after in ids else 0
        shown = files[first : first + request.limit]
        return Page[VectorStoreFile](
            data=shown,
            first_id=shown[0].id if shown else None,
            last_id=shown[-1].id if shown else None,
            has_more=first + request.limit < len(files),
        )

    def _find(self, store_id: str, batch_id: str) -> LocalBatch:
        batch = self._batches.get(batch_id)
        if batch is None or batch.store_id != store_id:
            raise BatchNotFound(batch_id, store_id)
        return batch

    async def _attach_one(self, batch: LocalBatch, entry: FileAttach, limiter: anyio.CapacityLimiter) -> None:
        async with limiter:
            try:
                batch.files[entry.file_id] = await self._attach(batch.store_id, entry)
            except VectorStoreError as error:
                self._fail(batch, entry.file_id, error)

    async def _refresh(self, batch: LocalBatch, file_id: str) -> None:
        try:
            batch.files[file_id] = await self._retrieve(batch.store_id, file_id)
        except VectorStoreError as error:
            if error.status != 404:
                raise

    def _fail(self, batch: LocalBatch, file_id: str, error: VectorStoreError) -> None:
        file = batch.files[file_id]
        file.status = "failed"
        file.last_error = LastError(code="server_error", message=str(error))

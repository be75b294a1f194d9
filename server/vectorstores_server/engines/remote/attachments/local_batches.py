"""Batches for services without them, or without a batch whose files differ: attached one by one, under an id of ours.

Such a batch is known to this process only, and its answers say so.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from secrets import token_hex

import anyio

from vectorstores_tools.contract.errors import BadCursor, BatchNotFound, NotFound, VectorStoreError
from vectorstores_tools.contract.models import FileBatch, FileCounts, LastError, Page, VectorStoreFile
from vectorstores_tools.contract.requests import FileAttach, StoreFilesRequest

AT_ONCE = 4
LOOKS_AT_ONCE = 20
"""Files that are looked at for one answer; the oldest first, so that the counts of a large batch grow."""
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
    sent: dict[str, None] = field(default_factory=dict[str, None])
    """The files that the service has taken."""
    cancelled: bool = False
    through: anyio.Event = field(default_factory=anyio.Event)
    """Set when no file is on its way any more."""

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
    """The batches of this process. `attach`, `look` and `detach` are the remote's calls for one file of a store."""

    def __init__(
        self,
        attach: Callable[[str, FileAttach], Awaitable[VectorStoreFile]],
        look: Callable[[str, str], Awaitable[VectorStoreFile]],
        detach: Callable[[str, str], Awaitable[object]],
    ) -> None:
        self._attach = attach
        self._look = look
        self._detach = detach
        self._batches: dict[str, LocalBatch] = {}

    def begin(self, store_id: str, entries: Sequence[FileAttach]) -> LocalBatch:
        """Enter a batch; `run` attaches its files."""
        now = int(time.time())
        files = {
            entry.file_id: VectorStoreFile(
                id=entry.file_id, vector_store_id=store_id, created_at=now, attributes=entry.attributes
            )
            for entry in entries
        }
        batch = LocalBatch(f"{PREFIX}{token_hex(12)}", store_id, now, files)
        self._batches[batch.id] = batch
        return batch

    async def run(self, batch: LocalBatch, entries: Sequence[FileAttach]) -> None:
        """Attach the files, four at a time; a failure stays with its file."""
        limiter = anyio.CapacityLimiter(AT_ONCE)
        async with anyio.create_task_group() as tasks:
            for entry in entries:
                tasks.start_soon(self._attach_one, batch, entry, limiter)
        batch.through.set()

    async def look(self, store_id: str, batch_id: str) -> FileBatch:
        """Return the batch as it is now."""
        batch = self._find(store_id, batch_id)
        pending = [file_id for file_id in batch.sent if batch.files[file_id].status not in FINAL]
        for file_id in pending[:LOOKS_AT_ONCE]:
            await self._refresh(batch, file_id)
        return batch.shown()

    async def cancel(self, store_id: str, batch_id: str) -> FileBatch:
        """Attach no more of its files, and take out those that are not through."""
        batch = self._find(store_id, batch_id)
        if batch.shown().status != "in_progress":
            return batch.shown()
        batch.cancelled = True
        await batch.through.wait()
        for file_id in [candidate for candidate, file in batch.files.items() if file.status not in FINAL]:
            await self._stop(batch, file_id)
        return batch.shown()

    def coming(self, store_id: str) -> list[VectorStoreFile]:
        """Return the files that are still to be sent to the store."""
        running = [
            candidate
            for candidate in self._batches.values()
            if candidate.store_id == store_id and not candidate.through.is_set()
        ]
        return [
            file
            for batch in running
            for file_id, file in batch.files.items()
            if file_id not in batch.sent and file.status not in FINAL
        ]

    def page(self, store_id: str, batch_id: str, request: StoreFilesRequest) -> Page[VectorStoreFile]:
        """Return a page of its files. Raises BadCursor."""
        batch = self._find(store_id, batch_id)
        ordered = sorted(
            batch.files.values(), key=lambda file: (file.created_at, file.id), reverse=request.order == "desc"
        )
        first, last = self._between([file.id for file in ordered], request)
        files = [file for file in ordered[first:last] if request.filter in (None, file.status)]
        shown = files[-request.limit :] if request.before and not request.after else files[: request.limit]
        return Page[VectorStoreFile](
            data=shown,
            first_id=shown[0].id if shown else None,
            last_id=shown[-1].id if shown else None,
            has_more=len(files) > len(shown),
        )

    def _between(self, ids: list[str], request: StoreFilesRequest) -> tuple[int, int]:
        for param, cursor in (("after", request.after), ("before", request.before)):
            if cursor is not None and cursor not in ids:
                raise BadCursor(param, cursor)
        first = ids.index(request.after) + 1 if request.after else 0
        return first, ids.index(request.before) if request.before else len(ids)

    def _find(self, store_id: str, batch_id: str) -> LocalBatch:
        batch = self._batches.get(batch_id)
        if batch is None or batch.store_id != store_id:
            raise BatchNotFound(batch_id, store_id)
        return batch

    async def _attach_one(self, batch: LocalBatch, entry: FileAttach, limiter: anyio.CapacityLimiter) -> None:
        async with limiter:
            if batch.cancelled:
                return
            try:
                batch.files[entry.file_id] = await self._attach(batch.store_id, entry)
                batch.sent[entry.file_id] = None
            except VectorStoreError as error:
                file = batch.files[entry.file_id]
                file.status = "failed"
                file.last_error = LastError(code="server_error", message=str(error))

    async def _refresh(self, batch: LocalBatch, file_id: str) -> None:
        try:
            batch.files[file_id] = await self._look(batch.store_id, file_id)
        except NotFound:
            batch.files[file_id].status = "cancelled"  # somebody has taken it out

    async def _stop(self, batch: LocalBatch, file_id: str) -> None:
        if file_id in batch.sent:
            await self._refresh(batch, file_id)
        file = batch.files[file_id]
        if file.status in FINAL:
            return
        if file_id in batch.sent:
            with suppress(NotFound):
                await self._detach(batch.store_id, file_id)
        file.status = "cancelled"

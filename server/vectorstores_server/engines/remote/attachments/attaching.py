"""Attaching Files to a store of the remote: one, or many together."""

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import suppress
from typing import Any

import anyio

from vectorstores_server.engines.background import BackgroundTasks
from vectorstores_server.engines.remote.attachments.filenames import FilenameCache
from vectorstores_server.engines.remote.attachments.local_batches import FINAL, PREFIX, LocalBatches
from vectorstores_server.engines.remote.attachments.provenance import marks_of, remarked
from vectorstores_server.engines.remote.attachments.requests import body_of, has_other_sizes, kept
from vectorstores_server.engines.remote.dialects import Dialect
from vectorstores_server.engines.remote.http import pagination, routes
from vectorstores_server.engines.remote.http.client import RemoteClient
from vectorstores_server.engines.remote.http.decoding import read_as
from vectorstores_server.engines.remote.http.rate_limit import RateLimit
from vectorstores_server.engines.remote.http.reply_errors import NoRoute, Subject
from vectorstores_tools.contract.errors import (
    BatchNotFound,
    Conflict,
    FileNotFound,
    FileNotInStore,
    InvalidRequest,
    NotFound,
    NotSupported,
    Unavailable,
    VectorStoreError,
)
from vectorstores_tools.contract.models import File, FileBatch, Page, VectorStore, VectorStoreFile
from vectorstores_tools.contract.requests import Attributes, FileAttach, StoreFilesRequest

MOST_SENDING = 2.0
"""Seconds until a batch of ours is answered with files that are still to be sent."""

ONE_BY_ONE = 10
"""Files that are looked up by their ids; of more the list of all Files is read."""

NONE_MADE = (0.0, None)


class Attachments:
    """Attaches, looks at and describes the files of stores."""

    def __init__(self, client: RemoteClient, dialect: Dialect, background: BackgroundTasks) -> None:
        self._client = client
        self._dialect = dialect
        self._background = background
        self._rate_limit = RateLimit()
        self._has_batches = dialect.capabilities.batches
        self._made: tuple[float, FileBatch | None] = NONE_MADE
        self.filenames = FilenameCache(client)
        self.batches = LocalBatches(self.attach_file, self._attached, self.detach)

    async def attach_file(self, store_id: str, request: FileAttach) -> VectorStoreFile:
        """Attach a File, or one that is attached again: options that are not given stay as they are."""
        self._dialect.check_attributes(request.attributes)
        if not self._dialect.reattaches:
            mended = await self._mended(store_id, request)
            if mended is not None:
                return mended
        if not self._dialect.checks_files:
            await self.need_files([request.file_id])
        return await self._send(store_id, body_of(request))

    async def with_marks(self, store_id: str, entries: Sequence[FileAttach]) -> list[FileAttach]:
        """Return a call's attributes, with the marks that attached files have. Raises InvalidRequest as `remarked`."""
        file_ids = dict.fromkeys(entry.file_id for entry in entries if entry.attributes is not None)
        before = await self._attributes(store_id, file_ids)
        return [
            entry.model_copy(update={"attributes": remarked(entry.attributes, before[entry.file_id])})
            if entry.attributes is not None and marks_of(before.get(entry.file_id))
            else entry
            for entry in entries
        ]

    async def together(self, store_id: str, entries: Sequence[FileAttach]) -> FileBatch:
        """Attach Files as one batch: the service's, where it has one that can say the same."""
        for entry in entries:
            self._dialect.check_attributes(entry.attributes)
        if self._has_batches and (body := self._batch_body(entries)):
            if not self._dialect.checks_files:
                await self.need_files(entry.file_id for entry in entries)
            await self._rate_limit.wait()
            try:
                reply = await self._client.post(routes.store(store_id, "/file_batches"), body, Subject(store_id))
            except NoRoute:
                self._has_batches = False
            else:
                self._made = (anyio.current_time(), batch := read_as(FileBatch, reply))
                return batch
        return await self._one_by_one(store_id, entries)

    def forget_made(self) -> None:
        """Note that something may change the batch that was made last."""
        self._made = NONE_MADE

    async def look_at_batch(self, store_id: str, batch_id: str) -> FileBatch:
        """Return the batch as it is now; one that was made just now as the service answered when it was made."""
        (made_at, made), self._made = self._made, NONE_MADE
        just_now = anyio.current_time() < made_at + self._client.poll_seconds
        if made and just_now and (made.vector_store_id, made.id) == (store_id, batch_id):
            return made
        if batch_id.startswith(PREFIX):
            return await self.batches.look(store_id, batch_id)
        about = Subject(store_id, batch_id=batch_id)
        try:
            return read_as(FileBatch, await self._client.get(routes.batch(store_id, batch_id), None, about))
        except NoRoute:
            raise await self._no_batch(store_id, batch_id) from None

    async def cancel_batch(self, store_id: str, batch_id: str) -> FileBatch:
        """Cancel the files that are not done; a batch that has ended stays as it is, even if the service refuses."""
        if batch_id.startswith(PREFIX):
            return await self.batches.cancel(store_id, batch_id)
        refused: VectorStoreError = NotSupported(
            "This service cannot cancel a batch;", "delete its files from the store.", param="batch_id"
        )
        if self._dialect.capabilities.cancel_batch:
            path, about = routes.batch(store_id, batch_id, "/cancel"), Subject(store_id, batch_id=batch_id)
            try:
                return read_as(FileBatch, await self._client.post(path, None, about, repeatable=True))
            except (InvalidRequest, Conflict, NoRoute) as error:
                refused = error
        batch = await self.look_at_batch(store_id, batch_id)
        if batch.status in FINAL:
            return batch
        raise refused

    async def batch_files(self, store_id: str, batch_id: str, request: StoreFilesRequest) -> Page[VectorStoreFile]:
        """Return a page of the batch's files."""
        if batch_id.startswith(PREFIX):
            page = self.batches.page(store_id, batch_id, request)
            return await self.filenames.named(page) if request.filter == "failed" else page
        await pagination.check_cursor(self._client, self._dialect, request, store_id)
        about = Subject(store_id, batch_id=batch_id)
        try:
            path = routes.batch(store_id, batch_id, "/files")
            page = await pagination.page(self._client, path, request, VectorStoreFile, about)
        except NoRoute:
            raise await self._no_batch(store_id, batch_id) from None
        return await self.filenames.named(page) if request.filter == "failed" else page

    async def look(self, store_id: str, file_id: str) -> VectorStoreFile:
        """Return the file as the store has it, or is about to have it."""
        try:
            return await self._attached(store_id, file_id)
        except FileNotInStore:
            if coming := next((file for file in self.batches.coming(store_id) if file.id == file_id), None):
                return coming
            raise

    async def every(self, store_id: str) -> AsyncIterator[VectorStoreFile]:
        """Yield all files of the store, the oldest first, then those that are about to come in."""
        coming = self.batches.coming(store_id)
        seen: set[str] = set()
        path = routes.store(store_id, "/files")
        async for file in pagination.every(self._client, path, VectorStoreFile, Subject(store_id)):
            seen.add(file.id)
            yield file
        for file in coming:
            if file.id not in seen:
                yield file

    async def statuses(self, store_id: str, file_ids: Collection[str]) -> dict[str, str]:
        """Return the status of each of the files that the store has."""
        if len(file_ids) > ONE_BY_ONE:
            return {file.id: file.status async for file in self.every(store_id) if file.id in file_ids}
        found: dict[str, str] = {}
        for file_id in file_ids:
            with suppress(FileNotInStore):
                found[file_id] = (await self.look(store_id, file_id)).status
        return found

    async def _attributes(self, store_id: str, file_ids: Collection[str]) -> dict[str, dict[str, Any] | None]:
        """Return the attributes of those of the files that the store has."""
        if len(file_ids) > ONE_BY_ONE:
            return {file.id: file.attributes async for file in self.every(store_id) if file.id in file_ids}
        found: dict[str, dict[str, Any] | None] = {}
        for file_id in file_ids:
            with suppress(FileNotInStore, FileNotFound):
                found[file_id] = (await self.look(store_id, file_id)).attributes
        return found

    async def detach(self, store_id: str, file_id: str) -> dict[str, Any]:
        """Take the file out of the store."""
        return await self._client.delete(routes.store_file(store_id, file_id), Subject(store_id, file_id))

    async def describe(self, store_id: str, file: VectorStoreFile, attributes: Attributes | None) -> VectorStoreFile:
        """Replace the file's attributes; where searches would not see the new ones it is attached again."""
        self._dialect.check_attributes(attributes)
        if not self._dialect.searches_new_attributes:
            return await self._anew(store_id, {**kept(file), "attributes": attributes or {}})
        about = Subject(store_id, file.id)
        path = routes.store_file(store_id, file.id)
        reply = await self._client.post(path, {"attributes": attributes}, about, repeatable=True)
        return read_as(VectorStoreFile, reply)

    async def detach_everywhere(self, file_id: str) -> None:
        """Take the file out of every store that has it."""
        async for store in pagination.every(self._client, "vector_stores", VectorStore):
            with suppress(NotFound):
                await self.detach(store.id, file_id)

    async def need_files(self, file_ids: Iterable[str]) -> None:
        """Raise FileNotFound for an id without a File, where the service would not."""
        wanted = dict.fromkeys(file_ids)
        if len(wanted) <= ONE_BY_ONE:
            for file_id in wanted:
                await self._client.get(routes.file(file_id), None, Subject(file_id=file_id))
            return
        async for file in pagination.every(self._client, "files", File):
            wanted.pop(file.id, None)
        if wanted:
            raise FileNotFound(next(iter(wanted)))

    async def _one_by_one(self, store_id: str, entries: Sequence[FileAttach]) -> FileBatch:
        # An unknown store or File is this call's error, not that of each of its files.
        await self._client.get(routes.store(store_id), None, Subject(store_id))
        await self.need_files(entry.file_id for entry in entries)
        await self._background.begin()
        batch = self.batches.begin(store_id, entries)
        self._background.spawn(self.batches.run, batch, entries)
        # Most services take a file at once and process it later: then the answer shows them taken.
        with anyio.move_on_after(MOST_SENDING):
            await batch.through.wait()
        return batch.shown()

    async def _send(self, store_id: str, body: dict[str, Any]) -> VectorStoreFile:
        await self._rate_limit.wait()
        file_id = str(body["file_id"])
        sent = self._client.post(routes.store(store_id, "/files"), body, Subject(store_id, file_id), repeatable=True)
        try:
            return read_as(VectorStoreFile, await sent)
        except FileNotInStore:
            raise FileNotFound(file_id) from None  # it was on its way in: there is no such File

    async def _attached(self, store_id: str, file_id: str) -> VectorStoreFile:
        about = Subject(store_id, file_id)
        return read_as(VectorStoreFile, await self._client.get(routes.store_file(store_id, file_id), None, about))

    async def _mended(self, store_id: str, request: FileAttach) -> VectorStoreFile | None:
        """Return the attachment as it should be; None where there is none yet."""
        try:
            file = await self._attached(store_id, request.file_id)
        except FileNotInStore:
            return None
        if has_other_sizes(request.chunking_strategy, file) or file.status in ("failed", "cancelled"):
            return await self._anew(store_id, {**kept(file), **body_of(request)})
        if request.attributes is None or request.attributes == file.attributes:
            return file
        return await self.describe(store_id, file, request.attributes)

    async def _anew(self, store_id: str, body: dict[str, Any]) -> VectorStoreFile:
        file_id = str(body["file_id"])
        await self.detach(store_id, file_id)
        try:
            return await self._send(store_id, body)
        except VectorStoreError as error:
            raise Unavailable(
                f"File '{file_id}' was taken out of the store to attach it again, which failed: {error.fact}",
                f"Attach it again: upload_file(file_id='{file_id}', vector_store_id='{store_id}').",
            ) from None

    async def _no_batch(self, store_id: str, batch_id: str) -> BatchNotFound:
        """Return the error where there are no batches at all. Raises StoreNotFound."""
        await self._client.get(routes.store(store_id), None, Subject(store_id))
        return BatchNotFound(batch_id, store_id)

    def _batch_body(self, entries: Sequence[FileAttach]) -> dict[str, Any] | None:
        """Return the body of a batch that says all that the entries say, None where there is none."""
        common = [body_of(entry, without_id=True) for entry in entries]
        if all(options == common[0] for options in common) and (self._dialect.reattaches or not common[0]):
            return {"file_ids": [entry.file_id for entry in entries], **common[0]}
        return {"files": [body_of(entry) for entry in entries]} if self._dialect.batch_files else None

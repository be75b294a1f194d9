"""The engine that forwards: every promise of the contract, kept with the calls that the remote has."""

from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, TypeVar

from vectorstores_server.engines.background import BackgroundTasks
from vectorstores_server.engines.remote.attachments.attaching import Attachments
from vectorstores_server.engines.remote.attachments.provenance import remarked, shown, shown_page, unmarked
from vectorstores_server.engines.remote.attachments.replacement import FINAL, SourceReplacement
from vectorstores_server.engines.remote.attachments.source_sync import SourceSync
from vectorstores_server.engines.remote.dialects import Dialect
from vectorstores_server.engines.remote.files.content import content, text
from vectorstores_server.engines.remote.files.sending import send_file
from vectorstores_server.engines.remote.files.uploads import RemoteUploads
from vectorstores_server.engines.remote.http import pagination, routes
from vectorstores_server.engines.remote.http.client import NOBODY, RemoteClient
from vectorstores_server.engines.remote.http.decoding import read_as
from vectorstores_server.engines.remote.http.reply_errors import Subject
from vectorstores_server.engines.remote.http.transport_errors import going_on
from vectorstores_server.engines.remote.name_hints import explained
from vectorstores_server.engines.remote.polling import PollingMarks
from vectorstores_server.engines.remote.search.searching import search
from vectorstores_tools.contract.engine import AttachOptions, Capabilities, FileContent, Ingested, NewFile
from vectorstores_tools.contract.errors import InvalidRequest, NotSupported, VectorStoreError
from vectorstores_tools.contract.intake import Source
from vectorstores_tools.contract.models import (
    Deleted,
    File,
    FileBatch,
    Page,
    SearchPage,
    TextSlice,
    Upload,
    UploadPart,
    VectorStore,
    VectorStoreFile,
)
from vectorstores_tools.contract.requests import (
    MAX_FILES_IN_BATCH,
    Attributes,
    FileAttach,
    FileExpiresAfter,
    FilesRequest,
    PageRequest,
    SearchRequest,
    StoreCreate,
    StoreFilesRequest,
    StoreUpdate,
)

T = TypeVar("T")


class RemoteEngine:
    """Implements `contract.Engine` over one service. The client is ours to close."""

    def __init__(self, client: RemoteClient, dialect: Dialect) -> None:
        self._client = client
        self._dialect = dialect
        self._background = BackgroundTasks()
        self._polling = PollingMarks(client)
        self._attaching = Attachments(client, dialect, self._background)
        self._replacing = SourceReplacement(self._attaching.statuses, self._attaching.detach)
        self._source_sync = SourceSync(self._send_file, self._attaching, self._replacing)
        self._uploads = RemoteUploads(client, dialect)

    @property
    def capabilities(self) -> Capabilities:
        """What the service has."""
        return self._dialect.capabilities

    async def create_store(self, request: StoreCreate) -> VectorStore:
        """See the contract."""
        self._dialect.check_expiry(request.expires_after)
        self._dialect.check_description(request.description)
        self._dialect.check_metadata(request.metadata)
        if request.file_ids and not self._dialect.checks_files:
            await self._asked(self._attaching.need_files(request.file_ids))
        body = request.model_dump(exclude_unset=True, exclude_none=True)
        return self._store(await self._changing(self._client.post("vector_stores", body)))

    async def list_stores(self, request: PageRequest) -> Page[VectorStore]:
        """See the contract."""
        await self._asked(pagination.check_cursor(self._client, self._dialect, request))
        page = await self._asked(pagination.page(self._client, "vector_stores", request, VectorStore))
        return page.model_copy(update={"data": [self._own(store) for store in page.data]})

    async def retrieve_store(self, store_id: str) -> VectorStore:
        """See the contract."""
        about = Subject(store_id)
        return self._store(await self._asked(self._client.get(routes.store(store_id), None, about), about))

    async def update_store(self, store_id: str, request: StoreUpdate) -> VectorStore:
        """See the contract."""
        self._dialect.check_expiry(request.expires_after)
        self._dialect.check_metadata(request.metadata)
        body = request.model_dump(exclude_unset=True)
        self._dialect.check_cleared(name for name, value in body.items() if value is None)
        about = Subject(store_id)
        sent = self._client.post(routes.store(store_id), body, about, repeatable=True)
        return self._store(await self._changing(sent, about))

    async def delete_store(self, store_id: str) -> Deleted:
        """See the contract."""
        about = Subject(store_id)
        reply = await self._changing(self._client.delete(routes.store(store_id), about), about)
        return read_as(Deleted, {**reply, "object": "vector_store.deleted"})

    async def search(self, store_id: str, request: SearchRequest) -> SearchPage:
        """See the contract."""
        page = await self._asked(search(self._client, self._dialect, store_id, request), Subject(store_id))
        for hit in page.data:
            hit.attributes = unmarked(hit.attributes)
        return page

    async def attach_file(self, store_id: str, request: FileAttach) -> VectorStoreFile:
        """See the contract. The marks of a source stay, whatever attributes are given."""
        about = Subject(store_id, request.file_id)
        (entry,) = await self._asked(self._attaching.with_marks(store_id, [request]), about)
        return shown(await self._changing(self._attaching.attach_file(store_id, entry), about))

    async def list_store_files(self, store_id: str, request: StoreFilesRequest) -> Page[VectorStoreFile]:
        """See the contract."""
        await self._asked(pagination.check_cursor(self._client, self._dialect, request, store_id))
        about = Subject(store_id)
        listed = pagination.page(self._client, routes.store(store_id, "/files"), request, VectorStoreFile, about)
        return shown_page(await self._asked(listed, about))

    async def retrieve_store_file(self, store_id: str, file_id: str) -> VectorStoreFile:
        """See the contract."""
        about = Subject(store_id, file_id)
        with going_on(vector_store_id=store_id, file_id=file_id):
            file = await self._asked(self._attaching.look(store_id, file_id), about)
        await self._settle(store_id, file.status)
        return shown(file)

    async def update_store_file(self, store_id: str, file_id: str, attributes: Attributes | None) -> VectorStoreFile:
        """See the contract. The marks of a source stay, whatever map is given."""
        about = Subject(store_id, file_id)
        file = await self._asked(self._attaching.look(store_id, file_id), about)
        merged = remarked(attributes, file.attributes)
        return shown(await self._changing(self._attaching.describe(store_id, file, merged), about))

    async def detach_file(self, store_id: str, file_id: str) -> Deleted:
        """See the contract."""
        about = Subject(store_id, file_id)
        reply = await self._changing(self._client.delete(routes.store_file(store_id, file_id), about), about)
        return read_as(Deleted, {**reply, "id": file_id, "object": "vector_store.file.deleted"})

    async def read_text(
        self,
        file_id: str,
        store_id: str | None = None,
        *,
        start: int = 0,
        end: int | None = None,
        page: int | None = None,
    ) -> TextSlice:
        """See the contract."""
        asked = text(self._client, self._dialect, file_id, store_id, start, end, page)
        return await self._asked(asked, Subject(store_id or "", file_id))

    async def create_batch(self, store_id: str, files: Sequence[FileAttach]) -> FileBatch:
        """See the contract."""
        if not 1 <= len(files) <= MAX_FILES_IN_BATCH:
            raise InvalidRequest(
                f"A batch takes 1 to {MAX_FILES_IN_BATCH} files, not {len(files)}.",
                "Pass the ids of uploaded files." if not files else "Make several batches.",
                param="file_ids",
            )
        entries = await self._asked(self._attaching.with_marks(store_id, files), Subject(store_id))
        return await self._changing(self._attaching.together(store_id, entries), Subject(store_id))

    async def retrieve_batch(self, store_id: str, batch_id: str) -> FileBatch:
        """See the contract."""
        about = Subject(store_id, batch_id=batch_id)
        with going_on(vector_store_id=store_id, batch_id=batch_id):
            batch = await self._asked(self._attaching.look_at_batch(store_id, batch_id), about)
        await self._settle(store_id, batch.status)
        return batch

    async def cancel_batch(self, store_id: str, batch_id: str) -> FileBatch:
        """See the contract."""
        about = Subject(store_id, batch_id=batch_id)
        return await self._changing(self._attaching.cancel_batch(store_id, batch_id), about)

    async def list_batch_files(self, store_id: str, batch_id: str, request: StoreFilesRequest) -> Page[VectorStoreFile]:
        """See the contract."""
        about = Subject(store_id, batch_id=batch_id)
        with going_on(vector_store_id=store_id, batch_id=batch_id):
            return shown_page(await self._asked(self._attaching.batch_files(store_id, batch_id, request), about))

    async def ingest(self, store_id: str, sources: AsyncIterator[Source], options: AttachOptions) -> Ingested:
        """See the contract."""
        await self._background.begin()
        try:
            done = await self._changing(self._source_sync.ingest(store_id, sources, options), Subject(store_id))
        finally:
            self._background.spawn(self._replacing.finish, self._polling.next_look)
        if done.batch is None or done.uploaded or done.again:
            return done
        return replace(done, batch=await self.retrieve_batch(store_id, done.batch.id))

    async def create_file(self, new: NewFile) -> File:
        """See the contract."""
        return await self._changing(self._send_file(new))

    async def list_files(self, request: FilesRequest) -> Page[File]:
        """See the contract. `before` is not on this list of OpenAI's API."""
        if request.before is not None:
            raise NotSupported("The list of uploaded files has no 'before';", "page with 'after'.", param="before")
        return await self._asked(pagination.page(self._client, "files", request, File))

    async def retrieve_file(self, file_id: str) -> File:
        """See the contract."""
        about = Subject(file_id=file_id)
        return read_as(File, await self._asked(self._client.get(routes.file(file_id), None, about), about))

    async def delete_file(self, file_id: str) -> Deleted:
        """See the contract. A service that leaves the file in its stores is asked store by store."""
        about = Subject(file_id=file_id)
        if not self._dialect.delete_detaches:
            await self._asked(self._attaching.need_files([file_id]), about)
            await self._changing(self._attaching.detach_everywhere(file_id), about)
        reply = await self._changing(self._client.delete(routes.file(file_id), about), about)
        return read_as(Deleted, {**reply, "object": "file"})

    def read_file(
        self, file_id: str, start: int = 0, end: int | None = None
    ) -> AbstractAsyncContextManager[FileContent]:
        """See the contract."""
        return self._content(file_id, start, end)

    async def create_upload(
        self, filename: str, purpose: str, bytes: int, mime_type: str, expires_after: FileExpiresAfter | None
    ) -> Upload:
        """See the contract."""
        return await self._asked(self._uploads.create(filename, purpose, bytes, mime_type, expires_after))

    async def add_part(self, upload_id: str, stream: AsyncIterator[bytes]) -> UploadPart:
        """See the contract."""
        return await self._asked(self._uploads.add(upload_id, stream))

    async def complete_upload(self, upload_id: str, part_ids: Sequence[str], md5: str | None) -> Upload:
        """See the contract."""
        return await self._asked(self._uploads.complete(upload_id, part_ids, md5))

    async def cancel_upload(self, upload_id: str) -> Upload:
        """See the contract."""
        return await self._asked(self._uploads.cancel(upload_id))

    async def changed(self, since: int) -> int:
        """See the contract: what others change is seen by looking again."""
        return await self._polling.changed(since)

    async def aclose(self) -> None:
        """See the contract."""
        await self._background.end()
        await self._client.aclose()

    async def _send_file(self, new: NewFile) -> File:
        return self._attaching.filenames.learn(await send_file(self._client, self._dialect, new))

    @asynccontextmanager
    async def _content(self, file_id: str, start: int, end: int | None) -> AsyncGenerator[FileContent]:
        about = Subject(file_id=file_id)
        try:
            async with content(self._client, file_id, start, end) as opened:
                yield opened
        except VectorStoreError as error:
            raise await explained(self._client, error, about) from None

    async def _settle(self, store_id: str, status: str) -> None:
        """Take out what the file or batch of this status replaces. What cannot be done now, the background does."""
        if status in FINAL:
            with suppress(VectorStoreError):
                await self._replacing.settle(store_id)

    async def _changing(self, call: Coroutine[Any, Any, T], about: Subject = NOBODY) -> T:
        self._attaching.forget_made()
        try:
            return await self._asked(call, about)
        finally:
            self._polling.restart()

    async def _asked(self, call: Coroutine[Any, Any, T], about: Subject = NOBODY) -> T:
        try:
            return await call
        except VectorStoreError as error:
            raise await explained(self._client, error, about) from None

    def _store(self, reply: dict[str, Any]) -> VectorStore:
        return self._own(read_as(VectorStore, reply))

    def _own(self, store: VectorStore) -> VectorStore:
        return store.model_copy(update={"name": store.name or None, "metadata": self._dialect.metadata(store.metadata)})

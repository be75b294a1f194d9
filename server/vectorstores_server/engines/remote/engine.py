"""The engine that forwards: every promise of the contract, kept with the calls that the remote has."""

from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, TypeVar

import anyio
from typing_extensions import override

from vectorstores_server.engines.background import BackgroundTasks
from vectorstores_server.engines.disclosure import Disclosure
from vectorstores_server.engines.remote.attachments.attaching import Attachments
from vectorstores_server.engines.remote.attachments.filtered_list import list_files
from vectorstores_server.engines.remote.attachments.provenance import remarked, shown, shown_page
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
from vectorstores_tools.contract.engine import (
    AttachOptions,
    Capabilities,
    Engine,
    FileContent,
    Ingested,
    NewFile,
    NewUpload,
    PageImage,
    TextRequest,
)
from vectorstores_tools.contract.errors import InvalidRequest, NotSupported, Unavailable, VectorStoreError
from vectorstores_tools.contract.intake import Source
from vectorstores_tools.contract.maintenance import Check, Health
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
    FilesRequest,
    PageRequest,
    SearchRequest,
    StoreCreate,
    StoreFilesRequest,
    StoreUpdate,
)

T = TypeVar("T")

SECONDS_TO_ANSWER = 5.0
"""The time limit of the question whether the service is there."""


class RemoteEngine(Engine):
    """The engine over one service. The client is ours to close."""

    def __init__(self, client: RemoteClient, dialect: Dialect, *, tells_paths: bool = True) -> None:
        self._disclosure = Disclosure(paths=tells_paths)
        self._client = client
        self._dialect = dialect
        self._background = BackgroundTasks()
        self._polling = PollingMarks(client)
        self._attaching = Attachments(client, dialect, self._background)
        self._replacing = SourceReplacement(self._attaching.statuses, self._attaching.detach)
        self._source_sync = SourceSync(self._send_file, self._attaching, self._replacing)
        self._uploads = RemoteUploads(client, dialect)

    @property
    @override
    def capabilities(self) -> Capabilities:
        """The capabilities of the service."""
        return self._dialect.capabilities

    @override
    async def create_store(self, request: StoreCreate) -> VectorStore:
        self._dialect.check_expiry(request.expires_after)
        self._dialect.check_description(request.description)
        self._dialect.check_metadata(request.metadata)
        if request.file_ids and not self._dialect.checks_files:
            await self._asked(self._attaching.need_files(request.file_ids))
        body = request.model_dump(exclude_unset=True, exclude_none=True)
        return self._store(await self._changing(self._client.post("vector_stores", body)))

    @override
    async def list_stores(self, request: PageRequest) -> Page[VectorStore]:
        await self._asked(pagination.check_cursor(self._client, self._dialect, request))
        page = await self._asked(pagination.page(self._client, "vector_stores", request, VectorStore))
        return page.model_copy(update={"data": [self._own(store) for store in page.data]})

    @override
    async def retrieve_store(self, store_id: str) -> VectorStore:
        about = Subject(store_id)
        return self._store(await self._asked(self._client.get(routes.store(store_id), None, about), about))

    @override
    async def update_store(self, store_id: str, request: StoreUpdate) -> VectorStore:
        self._dialect.check_expiry(request.expires_after)
        self._dialect.check_metadata(request.metadata)
        body = request.model_dump(exclude_unset=True)
        self._dialect.check_cleared(name for name, value in body.items() if value is None)
        about = Subject(store_id)
        sent = self._client.post(routes.store(store_id), body, about, repeatable=True)
        return self._store(await self._changing(sent, about))

    @override
    async def delete_store(self, store_id: str) -> Deleted:
        about = Subject(store_id)
        reply = await self._changing(self._client.delete(routes.store(store_id), about), about)
        return read_as(Deleted, {**reply, "object": "vector_store.deleted"})

    @override
    async def search(self, store_id: str, request: SearchRequest) -> SearchPage:
        page = await self._asked(search(self._client, self._dialect, store_id, request), Subject(store_id))
        page.data = [shown(hit) for hit in page.data]
        return self._disclosure.of_search(page)

    @override
    def expect_searches(self, store_id: str) -> None:
        """Do nothing: another machine answers."""

    @override
    async def attach_file(self, store_id: str, request: FileAttach) -> VectorStoreFile:
        """Attach it; the marks of a source stay, whatever attributes are given."""
        about = Subject(store_id, request.file_id)
        (entry,) = await self._asked(self._attaching.with_marks(store_id, [request]), about)
        attached = await self._changing(self._attaching.attach_file(store_id, entry), about)
        return self._disclosure.of(shown(attached))

    @override
    async def list_store_files(self, store_id: str, request: StoreFilesRequest) -> Page[VectorStoreFile]:
        await self._asked(pagination.check_cursor(self._client, self._dialect, request, store_id))
        listed = list_files(self._client, store_id, request)
        return self._disclosure.of_page(await self._asked(listed, Subject(store_id)))

    @override
    async def retrieve_store_file(self, store_id: str, file_id: str) -> VectorStoreFile:
        about = Subject(store_id, file_id)
        with going_on(vector_store_id=store_id, file_id=file_id):
            file = await self._asked(self._attaching.look(store_id, file_id), about)
        await self._settle(store_id, file.status)
        return self._disclosure.of(shown(file))

    @override
    async def update_store_file(self, store_id: str, file_id: str, attributes: Attributes | None) -> VectorStoreFile:
        """Replace the map; the marks of a source stay, whatever map is given."""
        about = Subject(store_id, file_id)
        file = await self._asked(self._attaching.look(store_id, file_id), about)
        merged = remarked(attributes, file.attributes)
        changed = await self._changing(self._attaching.describe(store_id, file, merged), about)
        return self._disclosure.of(shown(changed))

    @override
    async def detach_file(self, store_id: str, file_id: str) -> Deleted:
        about = Subject(store_id, file_id)
        reply = await self._changing(self._client.delete(routes.store_file(store_id, file_id), about), about)
        return read_as(Deleted, {**reply, "id": file_id, "object": "vector_store.file.deleted"})

    @override
    async def read_text(self, request: TextRequest) -> TextSlice:
        about = Subject(request.store_id or "", request.file_id)
        return await self._asked(text(self._client, self._dialect, request), about)

    @override
    async def read_image(self, request: TextRequest) -> PageImage:
        raise NotSupported("This service shows no pages;", "leave out 'as' to read the text.", param="as")

    @override
    async def create_batch(self, store_id: str, files: Sequence[FileAttach]) -> FileBatch:
        if not 1 <= len(files) <= MAX_FILES_IN_BATCH:
            raise InvalidRequest(
                f"A batch takes 1 to {MAX_FILES_IN_BATCH} files, not {len(files)}.",
                "Pass the ids of uploaded files." if not files else "Make several batches.",
                param="file_ids",
            )
        entries = await self._asked(self._attaching.with_marks(store_id, files), Subject(store_id))
        return await self._changing(self._attaching.together(store_id, entries), Subject(store_id))

    @override
    async def retrieve_batch(self, store_id: str, batch_id: str) -> FileBatch:
        about = Subject(store_id, batch_id=batch_id)
        with going_on(vector_store_id=store_id, batch_id=batch_id):
            batch = await self._asked(self._attaching.look_at_batch(store_id, batch_id), about)
        await self._settle(store_id, batch.status)
        return batch

    @override
    async def cancel_batch(self, store_id: str, batch_id: str) -> FileBatch:
        about = Subject(store_id, batch_id=batch_id)
        return await self._changing(self._attaching.cancel_batch(store_id, batch_id), about)

    @override
    async def list_batch_files(self, store_id: str, batch_id: str, request: StoreFilesRequest) -> Page[VectorStoreFile]:
        about = Subject(store_id, batch_id=batch_id)
        with going_on(vector_store_id=store_id, batch_id=batch_id):
            page = await self._asked(self._attaching.batch_files(store_id, batch_id, request), about)
        return self._disclosure.of_page(shown_page(page))

    @override
    async def attach_sources(
        self, store_id: str, sources: AsyncIterator[Source], options: AttachOptions, untouched: Sequence[str] = ()
    ) -> Ingested:
        await self._background.begin()
        try:
            done = await self._changing(self._source_sync.ingest(store_id, sources, options), Subject(store_id))
        finally:
            self._background.spawn(self._replacing.finish, self._polling.next_look)
        if done.batch is None or done.uploaded or done.again:
            return done
        return replace(done, batch=await self.retrieve_batch(store_id, done.batch.id))

    @override
    async def newly_supported(self, store_id: str, folders: Mapping[str, str]) -> list[str]:
        """Return none: an upgrade here does not change the types that a service takes from a folder."""
        return []

    @override
    async def create_file(self, new: NewFile) -> File:
        return await self._changing(self._send_file(new))

    @override
    async def list_files(self, request: FilesRequest) -> Page[File]:
        """`before` is not on this list of OpenAI's API."""
        if request.before is not None:
            raise NotSupported("The list of uploaded files has no 'before';", "page with 'after'.", param="before")
        return await self._asked(pagination.page(self._client, "files", request, File))

    @override
    async def retrieve_file(self, file_id: str) -> File:
        about = Subject(file_id=file_id)
        return read_as(File, await self._asked(self._client.get(routes.file(file_id), None, about), about))

    @override
    async def delete_file(self, file_id: str) -> Deleted:
        """Delete the File; a service that leaves it in its stores is asked store by store."""
        about = Subject(file_id=file_id)
        if not self._dialect.delete_detaches:
            await self._asked(self._attaching.need_files([file_id]), about)
            await self._changing(self._attaching.detach_everywhere(file_id), about)
        reply = await self._changing(self._client.delete(routes.file(file_id), about), about)
        return read_as(Deleted, {**reply, "object": "file"})

    @override
    def read_file(
        self, file_id: str, start: int = 0, end: int | None = None
    ) -> AbstractAsyncContextManager[FileContent]:
        return self._content(file_id, start, end)

    @override
    async def create_upload(self, new: NewUpload) -> Upload:
        return await self._asked(self._uploads.create(new))

    @override
    async def add_part(self, upload_id: str, stream: AsyncIterator[bytes]) -> UploadPart:
        return await self._asked(self._uploads.add(upload_id, stream))

    @override
    async def complete_upload(self, upload_id: str, part_ids: Sequence[str], md5: str | None) -> Upload:
        return await self._asked(self._uploads.complete(upload_id, part_ids, md5))

    @override
    async def cancel_upload(self, upload_id: str) -> Upload:
        return await self._asked(self._uploads.cancel(upload_id))

    @override
    async def changed(self, since: int) -> int:
        """Look again: nothing tells what others change."""
        return await self._polling.changed(since)

    @property
    @override
    def bounded(self) -> None:
        """No record of who uploaded a File: the service has none, and this process would forget it."""
        return

    @property
    @override
    def mirrors(self) -> None:
        """No store there can follow a folder of this machine."""
        return

    @property
    @override
    def maintenance(self) -> None:
        return None

    @override
    async def health(self) -> Health:
        with anyio.move_on_after(SECONDS_TO_ANSWER):
            await self.list_stores(PageRequest(limit=1))
            return Health({"remote": Check(True, "it answers")})
        raise Unavailable(f"The remote does not answer within {SECONDS_TO_ANSWER:.0f} s.", "Try again later.")

    @override
    async def aclose(self) -> None:
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
        """Take out the files that the file or batch of this status replaces. What fails is done in the background."""
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

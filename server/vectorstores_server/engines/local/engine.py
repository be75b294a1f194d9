"""The engine on this machine: catalog, blobs and index, with one worker at a time per data directory."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import anyio
from typing_extensions import override

from vectorstores_server.engines.background import BackgroundTasks
from vectorstores_server.engines.disclosure import Disclosure
from vectorstores_server.engines.local.activity import StoreActivity
from vectorstores_server.engines.local.bounded_records import LocalBoundedRecords, namesakes
from vectorstores_server.engines.local.catalog import (
    attachments,
    batches,
    enqueue,
    files,
    mirrors,
    stores,
)
from vectorstores_server.engines.local.catalog.dialect import DB
from vectorstores_server.engines.local.catalog.ids import clock
from vectorstores_server.engines.local.files.content import ContentReader
from vectorstores_server.engines.local.files.receiving import SourceReceiver
from vectorstores_server.engines.local.files.uploads import LocalUploads
from vectorstores_server.engines.local.health import LocalHealth
from vectorstores_server.engines.local.index.memory import IndexMemory
from vectorstores_server.engines.local.maintenance import LocalMaintenance
from vectorstores_server.engines.local.mirrors.records import LocalMirrors
from vectorstores_server.engines.local.parsing import EXTENSIONS, NAMES, PICTURES
from vectorstores_server.engines.local.storage import EngineStorage, in_directory
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
from vectorstores_tools.contract.errors import InvalidRequest, NotSupported
from vectorstores_tools.contract.intake import Source
from vectorstores_tools.contract.maintenance import Health
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
    MAX_FILE_BYTES,
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

if TYPE_CHECKING:
    from vectorstores_server.engines.local.components import Components
    from vectorstores_server.engines.local.embedding import Embedder, EmbedderChoice
    from vectorstores_server.engines.local.parsing.document import Document
    from vectorstores_server.engines.local.parsing.tesseract import Recognition
    from vectorstores_server.engines.local.warming import Warming
    from vectorstores_server.engines.local.worker.pace import Pace
    from vectorstores_server.engines.local.worker.worker import Worker

P = ParamSpec("P")
T = TypeVar("T")
DEFAULT_MEMORY = IndexMemory()


class LocalEngine(Engine):
    """The engine over its storage, or in a data directory. Nothing is opened before the first call.

    `version`, `new_catalog` and `own_log` are for a data directory; a storage was made with its own.

    `tells_paths`: its callers may know where on this machine a file came from. `recognition`: how the text of pictures
    is read; None: it is not. `warms`: it is a server's, which makes itself ready for searches that are to be expected.
    `works`: False leaves files and upkeep to other processes.
    """

    def __init__(
        self,
        place: Path | EngineStorage,
        embedder: "EmbedderChoice | Embedder | None",
        *,
        read_only: bool = False,
        max_file_bytes: int = MAX_FILE_BYTES,
        version: str = "0",
        new_catalog: bool = False,
        own_log: Path | None = None,
        memory: IndexMemory = DEFAULT_MEMORY,
        tells_paths: bool = True,
        pace: "Pace | None" = None,
        recognition: "Recognition | None" = None,
        warms: bool = False,
        works: bool = True,
    ) -> None:
        self._disclosure = Disclosure(paths=tells_paths)
        self._storage = storage = (
            place
            if isinstance(place, EngineStorage)
            else in_directory(place, read_only=read_only, version=version, new_catalog=new_catalog, own_log=own_log)
        )
        self._choice = embedder
        self._memory = memory
        self._works = works and not read_only
        self._max_file_bytes = max_file_bytes
        self._catalog = storage.catalog
        self._blobs = storage.blobs
        self._receiver = SourceReceiver(
            self._catalog, self._blobs, max_file_bytes, self._made_work, self._reads_pictures
        )
        self._uploads = LocalUploads(self._catalog, self._blobs, storage.parts, max_file_bytes)
        self._reader = ContentReader(self._catalog, self._blobs, self._restore_text)
        self._background = BackgroundTasks()
        self._starting = anyio.Lock()
        self._components: Components | None = None
        self._worker: Worker | None = None
        self._pace = pace
        self._recognition = recognition
        self._warms = warms
        self._warming: Warming | None = None
        self._last_use = StoreActivity(self._catalog, self._background, read_only=read_only)
        self._health = LocalHealth(read_only=read_only)
        self._mirrors = LocalMirrors(self._catalog, storage.lock, self._made_work)
        self._bounded = LocalBoundedRecords(self._catalog, self._start, self._made_work)
        self._maintenance = LocalMaintenance(self._catalog, self._blobs, self._start, self._working)

    @property
    @override
    def capabilities(self) -> Capabilities:
        """All capabilities but query rewriting."""
        pictures = PICTURES if self._reads_pictures() else frozenset[str]()
        return Capabilities(
            extensions=EXTENSIONS | pictures, names=NAMES, any_text=True, max_file_bytes=self._max_file_bytes
        )

    @override
    async def create_store(self, request: StoreCreate) -> VectorStore:
        components = await self._start()
        identity, dimensions = await components.vectors()
        undecided = components.chooses
        store, others = await self._write(
            enqueue.create_store, request, identity, dimensions, clock(), undecided=undecided
        )
        notes = [components.without_vectors] if identity is None else []
        if others:
            notes.append(namesakes(others))
        return store.model_copy(update={"notes": notes})

    @override
    async def list_stores(self, request: PageRequest) -> Page[VectorStore]:
        return await self._read(stores.list_stores, request, clock())

    @override
    async def retrieve_store(self, store_id: str) -> VectorStore:
        return self._disclosure.of_store(await self._read(mirrors.store_with_sources, store_id, clock()))

    @override
    async def update_store(self, store_id: str, request: StoreUpdate) -> VectorStore:
        return await self._write(stores.update_store, store_id, request, clock())

    @override
    async def delete_store(self, store_id: str) -> Deleted:
        return await self._write_freeing(stores.delete_store, store_id, clock())

    @override
    async def search(self, store_id: str, request: SearchRequest) -> SearchPage:
        if request.rewrite_query:
            raise NotSupported("Query rewriting is not available here;", "send several queries.", param="rewrite_query")
        page = await (await self._start()).searcher.search(store_id, request)
        self._last_use.note(store_id)
        return self._disclosure.of_search(page)

    @override
    def expect_searches(self, store_id: str) -> None:
        if self._warms:
            self._warming = self._warming or self._made_warming()
            self._warming.note(store_id)

    @override
    async def attach_file(self, store_id: str, request: FileAttach) -> VectorStoreFile:
        return self._disclosure.of(await self._write(enqueue.attach_file, store_id, request, clock()))

    @override
    async def list_store_files(self, store_id: str, request: StoreFilesRequest) -> Page[VectorStoreFile]:
        return self._disclosure.of_page(await self._read(attachments.list_store_files, store_id, request))

    @override
    async def retrieve_store_file(self, store_id: str, file_id: str) -> VectorStoreFile:
        return self._disclosure.of(await self._read(attachments.retrieve_store_file, store_id, file_id))

    @override
    async def update_store_file(self, store_id: str, file_id: str, attributes: Attributes | None) -> VectorStoreFile:
        changed = await self._write(attachments.update_store_file, store_id, file_id, attributes, clock())
        return self._disclosure.of(changed)

    @override
    async def detach_file(self, store_id: str, file_id: str) -> Deleted:
        return await self._write_freeing(attachments.detach_file, store_id, file_id, clock())

    @override
    async def read_text(self, request: TextRequest) -> TextSlice:
        await self._start()
        text = await self._reader.text(request)
        if request.store_id is not None:
            self._last_use.note(request.store_id)
        return self._disclosure.of(text)

    @override
    async def read_image(self, request: TextRequest) -> PageImage:
        images = (await self._start()).images
        return await images.image(request, self._reader.counted_in)

    @override
    async def create_batch(self, store_id: str, files: Sequence[FileAttach]) -> FileBatch:
        if not 1 <= len(files) <= MAX_FILES_IN_BATCH:
            raise InvalidRequest(
                f"A batch takes 1 to {MAX_FILES_IN_BATCH} files, not {len(files)}.",
                "Pass the ids of uploaded files." if not files else "Make several batches.",
                param="file_ids",
            )
        return await self._write(batches.create_batch, store_id, files, clock())

    @override
    async def retrieve_batch(self, store_id: str, batch_id: str) -> FileBatch:
        return await self._read(batches.retrieve_batch, store_id, batch_id)

    @override
    async def cancel_batch(self, store_id: str, batch_id: str) -> FileBatch:
        return await self._write_freeing(batches.cancel_batch, store_id, batch_id, clock())

    @override
    async def list_batch_files(self, store_id: str, batch_id: str, request: StoreFilesRequest) -> Page[VectorStoreFile]:
        return self._disclosure.of_page(await self._read(batches.list_batch_files, store_id, batch_id, request))

    @override
    async def attach_sources(
        self, store_id: str, sources: AsyncIterator[Source], options: AttachOptions, untouched: Sequence[str] = ()
    ) -> Ingested:
        await self._start()
        return await self._receiver.attach_sources(store_id, sources, options, untouched)

    @override
    async def newly_supported(self, store_id: str, folders: Mapping[str, str]) -> list[str]:
        await self._start()
        return await self._receiver.newly_supported(store_id, folders)

    @override
    async def create_file(self, new: NewFile) -> File:
        await self._start()
        return await self._receiver.create_file(new)

    @override
    async def list_files(self, request: FilesRequest) -> Page[File]:
        return await self._read(files.list_files, request, clock())

    @override
    async def retrieve_file(self, file_id: str) -> File:
        return (await self._read(files.retrieve_file, file_id, clock()))[0]

    @override
    async def delete_file(self, file_id: str) -> Deleted:
        return await self._write_freeing(files.delete_file, file_id, clock())

    @override
    def read_file(
        self, file_id: str, start: int = 0, end: int | None = None
    ) -> AbstractAsyncContextManager[FileContent]:
        return self._reader.content(file_id, start, end)

    @override
    async def create_upload(self, new: NewUpload) -> Upload:
        await self._start()
        return await self._uploads.create(new)

    @override
    async def add_part(self, upload_id: str, stream: AsyncIterator[bytes]) -> UploadPart:
        await self._start()
        return await self._uploads.add_part(upload_id, stream)

    @override
    async def complete_upload(self, upload_id: str, part_ids: Sequence[str], md5: str | None) -> Upload:
        await self._start()
        return await self._uploads.complete(upload_id, part_ids, md5)

    @override
    async def cancel_upload(self, upload_id: str) -> Upload:
        await self._start()
        return await self._uploads.cancel(upload_id)

    @override
    async def changed(self, since: int) -> int:
        await self._start()
        return await self._catalog.changed(since)

    @property
    @override
    def mirrors(self) -> LocalMirrors:
        return self._mirrors

    @property
    @override
    def bounded(self) -> LocalBoundedRecords:
        return self._bounded

    @property
    @override
    def maintenance(self) -> LocalMaintenance:
        return self._maintenance

    @override
    async def health(self) -> Health:
        components, worker = await self._start(), await self._working()
        return await self._health.look(components, worker)

    @override
    async def aclose(self) -> None:
        await self._background.end()
        if self._components is not None:
            await self._components.aclose()
        await self._catalog.aclose()

    async def _read(self, fn: Callable[Concatenate[DB, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        await self._start()
        return await self._catalog.read(fn, *args, **kwargs)

    async def _write(self, fn: Callable[Concatenate[DB, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        await self._start()
        result = await self._catalog.write(fn, *args, **kwargs)
        self._made_work()
        return result

    async def _write_freeing(self, fn: Callable[Concatenate[DB, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        await self._start()
        result = await self._catalog.write_freeing(fn, *args, **kwargs)
        self._made_work()
        return result

    async def _start(self) -> "Components":
        """Make the heavy parts, and start the worker, at the first call."""
        async with self._starting:
            if self._components is None:
                await self._storage.prepare()
                from vectorstores_server.engines.local.components import Components

                self._components = Components(self._storage, self._choice, self._memory, self._recognition)
            if not self._background.begun:
                await self._background.begin()
                if self._storage.keep is not None:
                    self._background.spawn(self._storage.keep)
                if self._works:
                    self._background.spawn(self._worker_of(self._components).run)
        return self._components

    async def _restore_text(self, sha256: str, filename: str) -> "Document | None":
        return await (await self._start()).preparer.restore(sha256, filename)

    async def _working(self) -> "Worker":
        return self._worker_of(await self._start())

    def _worker_of(self, components: "Components") -> "Worker":
        if self._worker is None:
            from vectorstores_server.engines.local.worker.worker import Worker

            self._worker = Worker(components, self._pace)
        return self._worker

    def _made_warming(self) -> "Warming":
        from vectorstores_server.engines.local.warming import Warming

        return Warming(self._catalog, self._background, self._start)

    def _reads_pictures(self) -> bool:
        return self._recognition is not None and self._recognition.there

    def _made_work(self) -> None:
        if self._worker is not None and self._works:
            self._worker.wake()

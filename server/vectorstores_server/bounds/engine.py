"""An engine as a bounded caller sees it: what lies outside of the bounds does not exist there."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
from typing_extensions import override

from vectorstores_server.bounds.mirrors import BoundedMirroring, BoundedMirrorRecords
from vectorstores_server.bounds.view import BoundedView
from vectorstores_tools.contract.bounds import BoundedRecords, StoreBounds
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
from vectorstores_tools.contract.errors import NotSupported, VectorStoreError
from vectorstores_tools.contract.intake import Source
from vectorstores_tools.contract.maintenance import Check, Health
from vectorstores_tools.contract.mirrors import Mirroring
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


def seen_within(engine: Engine, bounds: StoreBounds | None) -> Engine:
    """Return the engine as a caller with these bounds sees it. Raises NotSupported where it keeps no records of them.

    It stays the caller's to close.
    """
    return engine if bounds is None else BoundedEngine(engine, records_of(engine), bounds)


def walker_within(engine: Engine, walker: Mirroring, bounds: StoreBounds) -> Mirroring:
    """Return the walker of the engine's mirrors as a caller with these bounds has it. Raises NotSupported as above."""
    return BoundedMirroring(walker, BoundedView(records_of(engine), bounds))


def records_of(engine: Engine) -> BoundedRecords:
    """Return the engine's records of bounds. Raises NotSupported where it keeps none."""
    if engine.bounded is None:
        raise NotSupported(
            "The engine of this server cannot hold a token to its stores;",
            "bind it on the server that keeps the stores, or give it no store: and no meta:.",
        )
    return engine.bounded


class BoundedEngine(Engine):
    """Implements `Engine` over another one. It closes nothing."""

    def __init__(self, engine: Engine, records: BoundedRecords, bounds: StoreBounds) -> None:
        self._engine = engine
        self._records = records
        self._bounds = bounds
        self._view = BoundedView(records, bounds)

    @property
    @override
    def capabilities(self) -> Capabilities:
        """Those of the engine; but nobody knows of a store that is gone who saw it, so no cursor outlives it."""
        return replace(self._engine.capabilities, lasting_cursors=False)

    @override
    async def create_store(self, request: StoreCreate) -> VectorStore:
        metadata = self._bounds.completed(request.metadata)
        await self._view.files(request.file_ids)
        made = await self._engine.create_store(request.model_copy(update={"metadata": metadata}))
        return await self._records.with_seen_notes(self._bounds, made)

    @override
    async def list_stores(self, request: PageRequest) -> Page[VectorStore]:
        return await self._records.list_stores(self._bounds, request)

    @override
    async def retrieve_store(self, store_id: str) -> VectorStore:
        async with self._view.inside(store_id):
            return await self._engine.retrieve_store(store_id)

    @override
    async def update_store(self, store_id: str, request: StoreUpdate) -> VectorStore:
        async with self._view.inside(store_id):
            if "metadata" in request.model_fields_set:
                now = await self._engine.retrieve_store(store_id)
                self._bounds.check_change(now.metadata, request.metadata)
            return await self._engine.update_store(store_id, request)

    @override
    async def delete_store(self, store_id: str) -> Deleted:
        async with self._view.inside(store_id):
            return await self._engine.delete_store(store_id)

    @override
    async def search(self, store_id: str, request: SearchRequest) -> SearchPage:
        async with self._view.inside(store_id):
            return await self._engine.search(store_id, request)

    @override
    def expect_searches(self, store_id: str) -> None:
        if self._view.was_seen(store_id):
            self._engine.expect_searches(store_id)

    @override
    async def attach_file(self, store_id: str, request: FileAttach) -> VectorStoreFile:
        async with self._view.inside(store_id):
            await self._view.files([request.file_id])
            return await self._engine.attach_file(store_id, request)

    @override
    async def list_store_files(self, store_id: str, request: StoreFilesRequest) -> Page[VectorStoreFile]:
        async with self._view.inside(store_id):
            return await self._engine.list_store_files(store_id, request)

    @override
    async def retrieve_store_file(self, store_id: str, file_id: str) -> VectorStoreFile:
        async with self._view.inside(store_id):
            return await self._engine.retrieve_store_file(store_id, file_id)

    @override
    async def update_store_file(self, store_id: str, file_id: str, attributes: Attributes | None) -> VectorStoreFile:
        async with self._view.inside(store_id):
            return await self._engine.update_store_file(store_id, file_id, attributes)

    @override
    async def detach_file(self, store_id: str, file_id: str) -> Deleted:
        async with self._view.inside(store_id):
            return await self._engine.detach_file(store_id, file_id)

    @override
    async def read_text(self, request: TextRequest) -> TextSlice:
        if request.store_id is None:
            await self._view.files([request.file_id])
            return await self._engine.read_text(request)
        async with self._view.inside(request.store_id):
            return await self._engine.read_text(request)

    @override
    async def read_image(self, request: TextRequest) -> PageImage:
        if request.store_id is None:
            await self._view.files([request.file_id])
            return await self._engine.read_image(request)
        async with self._view.inside(request.store_id):
            return await self._engine.read_image(request)

    @override
    async def create_batch(self, store_id: str, files: Sequence[FileAttach]) -> FileBatch:
        async with self._view.inside(store_id):
            if len(files) <= MAX_FILES_IN_BATCH:  # the engine refuses more before it looks at any
                await self._view.files([file.file_id for file in files])
            return await self._engine.create_batch(store_id, files)

    @override
    async def retrieve_batch(self, store_id: str, batch_id: str) -> FileBatch:
        async with self._view.inside(store_id):
            return await self._engine.retrieve_batch(store_id, batch_id)

    @override
    async def cancel_batch(self, store_id: str, batch_id: str) -> FileBatch:
        async with self._view.inside(store_id):
            return await self._engine.cancel_batch(store_id, batch_id)

    @override
    async def list_batch_files(self, store_id: str, batch_id: str, request: StoreFilesRequest) -> Page[VectorStoreFile]:
        async with self._view.inside(store_id):
            return await self._engine.list_batch_files(store_id, batch_id, request)

    @override
    async def attach_sources(
        self, store_id: str, sources: AsyncIterator[Source], options: AttachOptions, untouched: Sequence[str] = ()
    ) -> Ingested:
        async with self._view.inside(store_id):
            since = int(time.time())
            done = await self._engine.attach_sources(store_id, sources, options, untouched)
            with anyio.CancelScope(shield=True):
                await self._records.note_sources(self._bounds, store_id, done.file_ids, since)
            return done

    @override
    async def newly_supported(self, store_id: str, folders: Mapping[str, str]) -> list[str]:
        async with self._view.inside(store_id):
            return await self._engine.newly_supported(store_id, folders)

    @override
    async def create_file(self, new: NewFile) -> File:
        file = await self._engine.create_file(new)
        await self._note(file)
        return file

    @override
    async def list_files(self, request: FilesRequest) -> Page[File]:
        return await self._records.list_files(self._bounds, request)

    @override
    async def retrieve_file(self, file_id: str) -> File:
        await self._view.files([file_id])
        return await self._engine.retrieve_file(file_id)

    @override
    async def delete_file(self, file_id: str) -> Deleted:
        return await self._records.delete_file(self._bounds, file_id)

    @asynccontextmanager
    async def read_file(  # type: ignore[override]  # pyright sees the decorated type
        self, file_id: str, start: int = 0, end: int | None = None
    ) -> AsyncGenerator[FileContent]:
        """Open the bytes of a File that is seen."""
        await self._view.files([file_id])
        async with self._engine.read_file(file_id, start, end) as content:
            yield content

    @override
    async def create_upload(self, new: NewUpload) -> Upload:
        begun = await self._engine.create_upload(new)
        with anyio.CancelScope(shield=True):
            await self._records.note_upload(self._bounds, begun.id)
        return begun

    @override
    async def add_part(self, upload_id: str, stream: AsyncIterator[bytes]) -> UploadPart:
        await self._view.upload(upload_id)
        return await self._engine.add_part(upload_id, stream)

    @override
    async def complete_upload(self, upload_id: str, part_ids: Sequence[str], md5: str | None) -> Upload:
        await self._view.upload(upload_id)
        done = await self._engine.complete_upload(upload_id, part_ids, md5)
        if done.file is not None:
            await self._note(done.file)
        return done

    @override
    async def cancel_upload(self, upload_id: str) -> Upload:
        await self._view.upload(upload_id)
        return await self._engine.cancel_upload(upload_id)

    @property
    @override
    def bounded(self) -> None:
        """Nothing: a caller has its bounds already."""
        return

    @property
    @override
    def maintenance(self) -> None:
        """Nothing: upkeep is the operator's."""
        return

    @property
    @override
    def mirrors(self) -> BoundedMirrorRecords | None:
        records = self._engine.mirrors
        return BoundedMirrorRecords(records, self._view) if records is not None else None

    @override
    async def health(self) -> Health:
        return without_counts(await self._engine.health())

    @override
    async def changed(self, since: int) -> int:
        return await self._engine.changed(since)

    @override
    async def aclose(self) -> None:
        """Close nothing: others see the engine, too."""

    async def _note(self, file: File) -> None:
        """Remember who uploaded a File; one of which that cannot be is not left behind."""
        with anyio.CancelScope(shield=True):
            try:
                await self._records.note_file(self._bounds, file.id)
            except VectorStoreError:
                await self._engine.delete_file(file.id)
                raise


def without_counts(health: Health) -> Health:
    """Return which parts work, without the words and numbers that count what all callers have."""
    return Health(
        {part: Check(check.ok, "works" if check.ok else "does not work") for part, check in health.checks.items()}
    )

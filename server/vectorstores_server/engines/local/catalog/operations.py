"""What one call of the engine does in one transaction: the store is checked, then acted on, and its life prolonged."""

import sqlite3
from collections.abc import Sequence

from vectorstores_server.engines.local.catalog import attachments, batches
from vectorstores_server.engines.local.catalog.enqueue import ALONE, BATCHED, attach, require_files
from vectorstores_server.engines.local.catalog.mirrors import sources_of
from vectorstores_server.engines.local.catalog.stores import insert_store, namesakes, retrieve_store, store_row, touch
from vectorstores_server.engines.local.catalog.stores import usable as usable_store
from vectorstores_tools.contract.models import Deleted, FileBatch, Page, VectorStore, VectorStoreFile
from vectorstores_tools.contract.requests import Attributes, FileAttach, StoreCreate, StoreFilesRequest


def create_store(
    db: sqlite3.Connection, request: StoreCreate, embedder: str | None, dimensions: int | None, now: int
) -> tuple[VectorStore, list[str]]:
    """Make a store with its files; return it, and the ids of other stores of that name."""
    require_files(db, request.file_ids, now)
    store_id = insert_store(db, request, embedder, dimensions, now)
    for file_id in dict.fromkeys(request.file_ids):
        file_attach = FileAttach(file_id=file_id, chunking_strategy=request.chunking_strategy)
        attach(db, store_id, file_attach, now, ALONE if len(request.file_ids) == 1 else BATCHED)
    others = namesakes(db, request.name, besides=store_id) if request.name else []
    return retrieve_store(db, store_id, now), others


def show_store(db: sqlite3.Connection, store_id: str, now: int) -> VectorStore:
    """Return a store with the folders that it follows."""
    return retrieve_store(db, store_id, now).model_copy(update={"sources": sources_of(db, store_id)})


def attach_file(db: sqlite3.Connection, store_id: str, request: FileAttach, now: int) -> VectorStoreFile:
    """Attach one File, before what came in batches."""
    usable_store(db, store_id, now)
    require_files(db, [request.file_id], now)
    attach(db, store_id, request, now, ALONE)
    touch(db, store_id, now)
    return attachments.retrieve_store_file(db, store_id, request.file_id)


def create_batch(db: sqlite3.Connection, store_id: str, requests: Sequence[FileAttach], now: int) -> FileBatch:
    """Attach Files together."""
    usable_store(db, store_id, now)
    require_files(db, [file_attach.file_id for file_attach in requests], now)
    batch_id = batches.insert_batch(db, store_id, now)
    for file_attach in requests:
        batches.add_to_batch(db, batch_id, store_id, file_attach, now)
    touch(db, store_id, now)
    return batches.retrieve_batch(db, store_id, batch_id)


def update_store_file(
    db: sqlite3.Connection, store_id: str, file_id: str, attributes: Attributes | None, now: int
) -> VectorStoreFile:
    """Replace the map of attributes."""
    usable_store(db, store_id, now)
    touch(db, store_id, now)
    return attachments.update_store_file(db, store_id, file_id, attributes)


def detach_file(db: sqlite3.Connection, store_id: str, file_id: str, now: int) -> Deleted:
    """Take a file out of the store."""
    usable_store(db, store_id, now)
    touch(db, store_id, now)
    return attachments.detach_file(db, store_id, file_id, now)


def retrieve_store_file(db: sqlite3.Connection, store_id: str, file_id: str) -> VectorStoreFile:
    """Return a file of the store."""
    store_row(db, store_id)
    return attachments.retrieve_store_file(db, store_id, file_id)


def list_store_files(db: sqlite3.Connection, store_id: str, request: StoreFilesRequest) -> Page[VectorStoreFile]:
    """Return a page of the store's files."""
    store_row(db, store_id)
    return attachments.list_store_files(db, store_id, request)


def retrieve_batch(db: sqlite3.Connection, store_id: str, batch_id: str) -> FileBatch:
    """Return a batch of the store."""
    store_row(db, store_id)
    return batches.retrieve_batch(db, store_id, batch_id)


def cancel_batch(db: sqlite3.Connection, store_id: str, batch_id: str, now: int) -> FileBatch:
    """Stop a batch of the store."""
    store_row(db, store_id)
    return batches.cancel_batch(db, store_id, batch_id, now)


def list_batch_files(
    db: sqlite3.Connection, store_id: str, batch_id: str, request: StoreFilesRequest
) -> Page[VectorStoreFile]:
    """Return a page of a batch of the store."""
    store_row(db, store_id)
    return batches.list_batch_files(db, store_id, batch_id, request)

"""A name where an id belongs: when the remote knows no such id, look whether something has it as its name."""

from vectorstores_server.engines.remote.http import pagination, routes
from vectorstores_server.engines.remote.http.client import RemoteClient
from vectorstores_server.engines.remote.http.reply_errors import Subject
from vectorstores_tools.contract.errors import (
    FileNotFound,
    FileNotInStore,
    StoreExpired,
    StoreNotFound,
    VectorStoreError,
)
from vectorstores_tools.contract.models import File, VectorStore, VectorStoreFile
from vectorstores_tools.contract.requests import PageRequest, StoreFilesRequest

LOOKED_AT = 500


async def explained(client: RemoteClient, error: VectorStoreError, about: Subject) -> VectorStoreError:
    """Return the error with hints: ids of that name, the files of an expired store."""
    try:
        return await _explained(client, error, about)
    except VectorStoreError:
        return error


async def _explained(client: RemoteClient, error: VectorStoreError, about: Subject) -> VectorStoreError:
    if isinstance(error, StoreNotFound):
        return StoreNotFound(about.store_id, await _stores_named(client, about.store_id))
    if isinstance(error, FileNotInStore):
        return FileNotInStore(about.file_id, about.store_id, await _files_named(client, about.file_id))
    if isinstance(error, FileNotFound) and about.file_id:
        return FileNotFound(about.file_id, await _files_named(client, about.file_id))
    if about.store_id and "has expired" in error.fact:
        request = StoreFilesRequest(limit=20)
        files = await pagination.page(client, routes.store(about.store_id, "/files"), request, VectorStoreFile, about)
        return StoreExpired(about.store_id, [file.id for file in files.data])
    return error


async def _stores_named(client: RemoteClient, name: str) -> list[str]:
    return await _ids_named(client, "vector_stores", VectorStore, "name", name)


async def _files_named(client: RemoteClient, name: str) -> list[str]:
    return await _ids_named(client, "files", File, "filename", name)


async def _ids_named(
    client: RemoteClient, path: str, item: type[VectorStore] | type[File], field: str, name: str
) -> list[str]:
    found: list[str] = []
    request = PageRequest(limit=100)
    for _ in range(LOOKED_AT // 100):
        page = await pagination.page(client, path, request, item)
        found += [entry.id for entry in page.data if getattr(entry, field) == name]
        if found or not page.has_more:
            break
        request = PageRequest(limit=100, after=page.last_id)
    return found

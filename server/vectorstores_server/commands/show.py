"""`show`: everything about one store or file."""

import argparse

from vectorstores_server.console.lookups import engine_of, find_files, pick, several_files
from vectorstores_server.console.terminal import fields, moment, size
from vectorstores_server.settings import APP, Settings
from vectorstores_tools.contract.characters import line
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.errors import InvalidRequest, NotFound
from vectorstores_tools.contract.lookups import stores_of
from vectorstores_tools.contract.models import File, FileCounts, VectorStore, VectorStoreFile


async def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Write its fields."""
    async with engine_of(settings) as engine:
        stores = [store async for store in stores_of(engine)]
        store = pick(stores, arguments.id)
        if store is not None:
            _store(store)
        else:
            await _file(engine, stores, arguments.id)
    return 0


async def _file(engine: Engine, stores: list[VectorStore], named: str) -> None:
    files = await find_files(engine, named)
    if not files:
        raise InvalidRequest(
            f"There is no store and no file '{named}'.",
            f"`{APP} ls` lists the stores, and `{APP} ls STORE` the files of one.",
        )
    if len(files) > 1:
        raise several_files(named, [file.id for file in files])
    _fields_of(files[0], await stores_with(engine, stores, files[0].id))


async def stores_with(
    engine: Engine, stores: list[VectorStore], file_id: str
) -> list[tuple[VectorStore, VectorStoreFile]]:
    """Return the stores that hold the file, and the file as each has it."""
    found: list[tuple[VectorStore, VectorStoreFile]] = []
    for store in stores:
        try:
            found.append((store, await engine.retrieve_store_file(store.id, file_id)))
        except NotFound:
            continue
    return found


def _fields_of(file: File, held: list[tuple[VectorStore, VectorStoreFile]]) -> None:
    fields(
        [
            ("id", file.id),
            ("filename", file.filename),
            ("purpose", file.purpose),
            ("size", size(file.bytes)),
            ("created", moment(file.created_at)),
            ("expires", moment(file.expires_at)),
            *(pair for store, attached in held for pair in _attached(store, attached)),
            ("in store", "" if held else "none"),
        ]
    )


def _attached(store: VectorStore, file: VectorStoreFile) -> list[tuple[str, object]]:
    """Return the store's facts of the file: its source, and the notes on the text that the store has of it."""
    notes = [("note", note) for note in file.notes or ()]
    return [("in store", _standing(store, file)), ("path", file.path), ("source", file.source), *notes]


def _standing(store: VectorStore, file: VectorStoreFile) -> str:
    error = f": {line(file.last_error.message)}" if file.last_error else ""
    return f"{line(store.name or '')} ({store.id}), {file.standing}{error}".strip()


def _store(store: VectorStore) -> None:
    fields(
        [
            ("id", store.id),
            ("name", store.name),
            ("description", store.description),
            ("status", store.status),
            ("files", _counted(store.file_counts)),
            ("index", size(store.usage_bytes)),
            ("metadata", store.metadata),
            ("created", moment(store.created_at)),
            ("last used", moment(store.last_active_at)),
            ("expires", moment(store.expires_at)),
        ]
    )


def _counted(counts: FileCounts) -> str:
    return (
        f"{counts.total}: {counts.completed} completed, {counts.in_progress} in progress, {counts.failed} failed,"
        f" {counts.cancelled} cancelled"
    )

"""`show`: everything about one store or file."""

import argparse

from vectorstores_server.commands.opened import engine_of, find_store
from vectorstores_server.settings import Settings
from vectorstores_server.terminal import fields, moment, size
from vectorstores_tools.models import File, FileCounts, VectorStore


async def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Write its fields."""
    async with engine_of(settings) as engine:
        if arguments.id.startswith("file-"):
            _file(await engine.retrieve_file(arguments.id))
        else:
            _store(await find_store(engine, arguments.id))
    return 0


def _file(file: File) -> None:
    fields(
        [
            ("id", file.id),
            ("filename", file.filename),
            ("purpose", file.purpose),
            ("size", size(file.bytes)),
            ("created", moment(file.created_at)),
            ("expires", moment(file.expires_at)),
        ]
    )


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

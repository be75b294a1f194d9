"""`ls`: the stores, or the files of one."""

import argparse

from vectorstores_server.console.lookups import engine_of, find_store
from vectorstores_server.console.terminal import moment, say, size, table
from vectorstores_server.settings import APP, Settings
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.lookups import filename_of, files_of, stores_of
from vectorstores_tools.contract.models import VectorStore


async def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Write a table."""
    async with engine_of(settings) as engine:
        if arguments.store is None:
            await _stores(engine)
        else:
            await _files(engine, await find_store(engine, arguments.store))
    return 0


async def _stores(engine: Engine) -> None:
    rows = [
        (
            s.id,
            s.name or "",
            s.status,
            str(s.file_counts.total),
            size(s.usage_bytes),
            moment(s.created_at),
            "; ".join(s.notes or ()),
        )
        async for s in stores_of(engine)
    ]
    if rows:
        table([("ID", "NAME", "STATUS", "FILES", "INDEX", "CREATED", ""), *rows], gives_way=1)
    else:
        say(f"There is no store yet. `{APP} add --store NAME PATH` makes one.")


async def _files(engine: Engine, store: VectorStore) -> None:
    rows = [
        (
            file.id,
            file.path or await filename_of(engine, file),
            file.standing,
            moment(file.created_at),
            size(file.usage_bytes),
            "; ".join([*([file.last_error.message] if file.last_error else ()), *(file.notes or ())]),
        )
        async for file in files_of(engine, store.id)
    ]
    if rows:
        table([("ID", "FILE", "STATUS", "ADDED", "INDEX", ""), *rows], gives_way=1)
    else:
        say(f"This store holds no file. `{APP} add --store NAME PATH` attaches some.")

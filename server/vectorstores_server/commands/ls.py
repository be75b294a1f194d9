"""`ls`: the stores, or the files of one."""

import argparse

from vectorstores_server.commands.opened import engine_of, find_store, stores_of
from vectorstores_server.settings import Settings
from vectorstores_server.terminal import moment, say, size, table
from vectorstores_tools.contract import Engine
from vectorstores_tools.models import StoreFilesRequest, VectorStore

MAX_NAMES = 100


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
        (s.id, s.name or "", s.status, str(s.file_counts.total), size(s.usage_bytes), moment(s.created_at))
        async for s in stores_of(engine)
    ]
    if rows:
        table([("ID", "NAME", "STATUS", "FILES", "INDEX", "CREATED"), *rows])
    else:
        say("There is no store yet. `vector-stores-mcp add --store NAME PATH` makes one.")


async def _files(engine: Engine, store: VectorStore) -> None:
    rows: list[tuple[str, ...]] = []
    after: str | None = None
    while True:
        page = await engine.list_store_files(store.id, StoreFilesRequest(limit=100, after=after))
        for file in page.data:
            name = (await engine.retrieve_file(file.id)).filename
            error = file.last_error.message if file.last_error else ""
            rows.append((file.id, name, file.status, size(file.usage_bytes), error))
        if not page.has_more:
            break
        after = page.last_id
    if rows:
        table([("ID", "FILE", "STATUS", "INDEX", ""), *rows])
    else:
        say("This store holds no file. `vector-stores-mcp add --store NAME PATH` attaches some.")

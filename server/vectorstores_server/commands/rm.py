"""`rm`: delete a store, or an uploaded file with all its attachments."""

import argparse

from vectorstores_server.commands.opened import engine_of, find_store
from vectorstores_server.settings import Settings
from vectorstores_server.terminal import agrees, say
from vectorstores_tools.contract import Engine
from vectorstores_tools.errors import InvalidRequest
from vectorstores_tools.fencing import line


async def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Delete after a yes."""
    async with engine_of(settings) as engine:
        if arguments.id.startswith("file-"):
            return await _file(engine, arguments.id, sure=arguments.yes)
        return await _store(engine, arguments.id, sure=arguments.yes)


async def _file(engine: Engine, file_id: str, *, sure: bool) -> int:
    file = await engine.retrieve_file(file_id)
    _confirm(f"Delete the file '{line(file.filename)}' ({file.id}), also from every store?", sure=sure)
    await engine.delete_file(file.id)
    say(f"Deleted {file.id}.")
    return 0


async def _store(engine: Engine, named: str, *, sure: bool) -> int:
    store = await find_store(engine, named)
    files = f"its index of {store.file_counts.total} files; the files themselves stay"
    _confirm(f"Delete the store '{line(store.name or '')}' ({store.id}), {files}?", sure=sure)
    await engine.delete_store(store.id)
    say(f"Deleted {store.id}. Its files stay.")
    return 0


def _confirm(question: str, *, sure: bool) -> None:
    if not sure and not agrees(question):
        raise InvalidRequest("Nothing was deleted.", "Answer y, or pass --yes.")

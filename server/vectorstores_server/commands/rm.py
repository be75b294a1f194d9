"""`rm`: delete a store, or an uploaded file with all its attachments; or take a file out of one store."""

import argparse

from vectorstores_server.commands.show import stores_with
from vectorstores_server.console.lookups import engine_of, find_files, find_store_file, pick, usable_store
from vectorstores_server.console.terminal import agrees, counted, say
from vectorstores_server.settings import APP, Settings
from vectorstores_tools.contract.characters import line
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.errors import InvalidRequest
from vectorstores_tools.contract.lookups import filename_of, stores_of
from vectorstores_tools.contract.models import File, VectorStore


async def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Delete after a yes."""
    named, sure = arguments.id, arguments.yes
    async with engine_of(settings) as engine:
        if arguments.store is not None:
            await _detach(engine, await usable_store(engine, arguments.store), named, sure=sure)
            return 0
        stores = [store async for store in stores_of(engine)]
        store = pick(stores, named)
        if store is not None:
            await _store(engine, store, sure=sure)
        else:
            await _file(engine, stores, await _file_meant(engine, named), sure=sure)
    return 0


async def _file_meant(engine: Engine, named: str) -> File:
    """Return the File of that id: a file that only has this name is not deleted for good."""
    found = await find_files(engine, named)
    if found and found[0].id == named:
        return found[0]
    if not found:
        raise InvalidRequest(f"There is no store '{named}', and no file of that id.", f"`{APP} ls` lists the stores.")
    ids = ", ".join(file.id for file in found[:20])
    raise InvalidRequest(
        f"There is no store '{named}', but {counted(len(found), 'file')} of that name.",
        f"With --store STORE it is taken out of that store; to delete it, name its id: {ids}.",
    )


async def _file(engine: Engine, stores: list[VectorStore], file: File, *, sure: bool) -> None:
    held = [store.name or store.id for store, _ in await stores_with(engine, stores, file.id)]
    places = f"{counted(len(held), 'store')}: {line(', '.join(held))}"
    also = f", and take it out of {places}" if held else ""
    _confirm(f"Delete the file '{line(file.filename)}' ({file.id}) for good{also}?", sure=sure)
    await engine.delete_file(file.id)
    say(f"Deleted {file.id}. " + (f"It is gone from {places}." if held else "It was in no store."))


async def _detach(engine: Engine, store: VectorStore, named: str, *, sure: bool) -> None:
    file = await find_store_file(engine, store, named)
    called, place = line(await filename_of(engine, file)), line(store.name or store.id)
    _confirm(f"Take the file '{called}' ({file.id}) out of the store '{place}'? It stays uploaded.", sure=sure)
    await engine.detach_file(store.id, file.id)
    say(f"Took {file.id} out of {place}. It stays uploaded; `{APP} rm {file.id}` deletes it.")


async def _store(engine: Engine, store: VectorStore, *, sure: bool) -> None:
    files = f"its index of {counted(store.file_counts.total, 'file')}; the files themselves stay"
    _confirm(f"Delete the store '{line(store.name or '')}' ({store.id}), {files}?", sure=sure)
    await engine.delete_store(store.id)
    say(f"Deleted {store.id}. Its files stay.")


def _confirm(question: str, *, sure: bool) -> None:
    if not sure and not agrees(question):
        raise InvalidRequest("Nothing was deleted.", "Answer y, or pass --yes.")

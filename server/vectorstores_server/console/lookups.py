"""The engine for the length of one command, and what a person names in it: a store or a file, by name or id."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import anyio

from vectorstores_server.engines import open_engine
from vectorstores_server.settings import APP, Settings
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.errors import InvalidRequest, NotFound, NotSupported
from vectorstores_tools.contract.lookups import filename_of, files_of, stores_of, uploaded_files
from vectorstores_tools.contract.maintenance import Maintenance
from vectorstores_tools.contract.mirrors import MirrorRecords
from vectorstores_tools.contract.models import File, VectorStore, VectorStoreFile

SECONDS_TO_CLOSE = 5


@asynccontextmanager
async def engine_of(settings: Settings) -> AsyncGenerator[Engine]:
    """Open the engine, and close it whatever happens; Ctrl-C too, so the worker's lock is released."""
    engine = await open_engine(settings)
    try:
        yield engine
    finally:
        with anyio.move_on_after(SECONDS_TO_CLOSE, shield=True):
            await engine.aclose()


def maintenance_of(engine: Engine) -> Maintenance:
    """Return the upkeep of the engine's own data. Raises NotSupported where a remote keeps them."""
    if engine.maintenance is None:
        raise NotSupported("There is no index on this machine;", "the remote API keeps it.")
    return engine.maintenance


def mirrors_of(engine: Engine) -> MirrorRecords:
    """Return the engine's records of the folders that its stores follow. Raises NotSupported for a remote."""
    if engine.mirrors is None:
        raise NotSupported("The stores of a remote follow no folder;", "`add` attaches one.")
    return engine.mirrors


async def usable_store(engine: Engine, named: str | None) -> VectorStore:
    """Return the store as find_store does. Raises InvalidRequest for a store that has expired too."""
    store = await find_store(engine, named)
    if store.status == "expired":
        raise InvalidRequest(
            f"The store '{store.name or store.id}' has expired.",
            f"`{APP} ls {store.id}` lists its files; add them to a new store.",
        )
    return store


async def find_store(engine: Engine, named: str | None) -> VectorStore:
    """Return the store of that id or name; without one the only store there is."""
    stores = [store async for store in stores_of(engine)]
    if named is None:
        if len(stores) == 1:
            return stores[0]
        found = ", ".join(store.name or store.id for store in stores[:20])
        raise InvalidRequest(
            f"There are {len(stores)} stores: {found}." if stores else "There is no store yet.",
            "Name one with --store." if stores else f"`{APP} add --store NAME PATH` makes one.",
        )
    store = pick(stores, named)
    if store is None:
        raise InvalidRequest(f"There is no store '{named}'.", f"`{APP} ls` lists them.")
    return store


async def find_files(engine: Engine, named: str) -> list[File]:
    """Return the uploaded File of that id, or those of that name."""
    try:
        return [await engine.retrieve_file(named)]
    except NotFound:
        return [file async for file in uploaded_files(engine) if file.filename == named]


async def find_store_file(engine: Engine, store: VectorStore, named: str) -> VectorStoreFile:
    """Return the file of the store that has this id, or alone this name. Raises InvalidRequest where none is meant."""
    found = [file async for file in files_of(engine, store.id) if named in (file.id, await filename_of(engine, file))]
    if len(found) > 1:
        raise several_files(named, [file.id for file in found])
    if not found:
        called = store.name or store.id
        raise InvalidRequest(f"There is no file '{named}' in '{called}'.", f"`{APP} ls {store.id}` lists its files.")
    return found[0]


def several_files(named: str, ids: Sequence[str]) -> InvalidRequest:
    """Return the error for a name that several files have."""
    shown = ", ".join(ids[:20]) + (", ..." if len(ids) > 20 else "")
    return InvalidRequest(f"{len(ids)} files are called '{named}'.", f"Name one by its id: {shown}.")


def pick(stores: Sequence[VectorStore], named: str) -> VectorStore | None:
    """Return the one of that id or name. Raises InvalidRequest where several have the name."""
    for store in stores:
        if store.id == named:
            return store
    found = [store for store in stores if store.name == named]
    if len(found) > 1:
        raise InvalidRequest(
            f"{len(found)} stores are called '{named}'.", f"Name one by its id: {', '.join(s.id for s in found)}."
        )
    return found[0] if found else None

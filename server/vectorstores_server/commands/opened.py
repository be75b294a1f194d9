"""The engine for the length of one command, and finding a store in it by name or id."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio

from vectorstores_server.engines import open_engine
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.settings import Settings
from vectorstores_tools.contract import Engine
from vectorstores_tools.errors import InvalidRequest, NotSupported
from vectorstores_tools.models import PageRequest, VectorStore

SECONDS_TO_CLOSE = 5


@asynccontextmanager
async def engine_of(settings: Settings) -> AsyncGenerator[Engine]:
    """Open the engine, and close it whatever happens; Ctrl-C too, so the worker's lock is let go of."""
    engine = await open_engine(settings)
    try:
        yield engine
    finally:
        with anyio.move_on_after(SECONDS_TO_CLOSE, shield=True):
            await engine.aclose()


@asynccontextmanager
async def local_engine_of(settings: Settings) -> AsyncGenerator[LocalEngine]:
    """Open the engine, which must be the one on this machine."""
    async with engine_of(settings) as engine:
        if not isinstance(engine, LocalEngine):
            raise NotSupported("There is no index on this machine;", "the remote API keeps it.")
        yield engine


async def stores_of(engine: Engine) -> AsyncIterator[VectorStore]:
    """Yield every store, newest first."""
    after: str | None = None
    while True:
        page = await engine.list_stores(PageRequest(limit=100, after=after))
        for store in page.data:
            yield store
        if not page.has_more:
            return
        after = page.last_id


async def find_store(engine: Engine, named: str | None) -> VectorStore:
    """Return the store of that id or name; without one the only store there is."""
    stores = [store async for store in stores_of(engine)]
    if named is None:
        if len(stores) == 1:
            return stores[0]
        found = ", ".join(store.name or store.id for store in stores[:20])
        raise InvalidRequest(
            f"There are {len(stores)} stores: {found}." if stores else "There is no store yet.",
            "Name one with --store." if stores else "`vector-stores-mcp add --store NAME PATH` makes one.",
        )
    store = pick(stores, named)
    if store is None:
        raise InvalidRequest(f"There is no store '{named}'.", "`vector-stores-mcp ls` lists them.")
    return store


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

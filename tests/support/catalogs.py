"""Catalogs that a test opens as often as it likes, and what it writes into them first."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from support.memory_catalog import NOW
from vectorstores_server.engines.local.catalog import Catalog, stores
from vectorstores_server.engines.local.catalog.database import SqliteCatalog
from vectorstores_server.engines.local.catalog.postgres import PostgresCatalog
from vectorstores_tools.contract.requests import PageRequest, StoreCreate

Opened = TypeVar("Opened", SqliteCatalog, PostgresCatalog, Catalog)


@asynccontextmanager
async def opening_with(opening: Callable[[], Opened]) -> AsyncGenerator[Callable[[], Opened]]:
    """A function that opens a catalog once more, as `opening` does; all are closed at the end."""
    opened: list[Opened] = []

    def once_more() -> Opened:
        opened.append(opening())
        return opened[-1]

    yield once_more
    for catalog in opened:
        await catalog.aclose()


async def make(catalog: Catalog, name: str = "a") -> str:
    """Make a store, and return its id."""
    return await catalog.write(stores.insert_store, StoreCreate(name=name), None, None, NOW)


async def names(catalog: Catalog) -> list[str | None]:
    """Return the names of the stores, the oldest first."""
    return [s.name for s in (await catalog.read(stores.list_stores, PageRequest(order="asc"), NOW)).data]

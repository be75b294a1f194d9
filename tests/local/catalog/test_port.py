"""The catalog's port, in SQLite and in PostgreSQL: what several servers or processes see of each other."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from pathlib import Path
from typing import TypeAlias

import anyio
import anyio.lowlevel
import pytest

from support.catalogs import make, names, opening_with
from support.memory_catalog import NOW
from support.postgres import ADDRESS, schema
from vectorstores_server.engines.local.catalog import Catalog, stores
from vectorstores_server.engines.local.catalog.database import SqliteCatalog
from vectorstores_server.engines.local.catalog.dialect import DB
from vectorstores_server.engines.local.catalog.postgres import PostgresCatalog
from vectorstores_server.engines.local.catalog.revisions import new_rev
from vectorstores_tools.contract.errors import NotAllowed, StoreNotFound
from vectorstores_tools.contract.requests import StoreCreate

Opening: TypeAlias = Callable[[bool], Catalog]
Open: TypeAlias = Callable[[], Catalog]


@pytest.fixture(params=["sqlite", "postgres"])
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Opening]:
    """Open the catalog once more, to read only or not."""
    if request.param == "sqlite":
        yield lambda read_only: SqliteCatalog(tmp_path / "data", read_only=read_only)
        return
    with schema() as name:
        yield lambda read_only: PostgresCatalog(ADDRESS, name, read_only=read_only)


@pytest.fixture
async def open_catalog(opening: Opening) -> AsyncGenerator[Open]:
    async with opening_with(lambda: opening(False)) as once_more:
        yield once_more


async def test_what_one_has_written_another_reads(open_catalog: Open):
    one, other = open_catalog(), open_catalog()
    await make(one)
    assert await names(other) == ["a"]


async def test_writers_lose_nothing_however_many_they_are(open_catalog: Open):
    revs: list[int] = []

    async def take(catalog: Catalog) -> None:
        revs.extend([await catalog.write(new_rev) for _ in range(50)])

    async with anyio.create_task_group() as tasks:
        for catalog in (open_catalog(), open_catalog()):
            tasks.start_soon(take, catalog)
            tasks.start_soon(take, catalog)
    assert sorted(revs) == list(range(1, 201))


async def test_a_failed_transaction_leaves_nothing_and_the_next_one_works(open_catalog: Open):
    catalog = open_catalog()

    def half(db: DB) -> None:
        stores.insert_store(db, StoreCreate(name="half"), None, None, NOW)
        raise StoreNotFound("vs_x")

    with pytest.raises(StoreNotFound):
        await catalog.write(half)
    await make(catalog, "whole")
    assert await names(catalog) == ["whole"]


async def test_a_snapshot_stays_as_it_was_at_its_first_look(open_catalog: Open):
    catalog = open_catalog()
    await make(catalog)
    async with catalog.snapshot() as snapshot:
        before = await snapshot.read(stores.namesakes, "a")
        await make(catalog)
        await make(open_catalog())
        assert await snapshot.read(stores.namesakes, "a") == before
    assert await catalog.read(stores.namesakes, "a") != before


async def test_a_catalog_that_is_only_read_refuses_to_write(opening: Opening, open_catalog: Open):
    await make(open_catalog())
    looking = opening(True)
    with pytest.raises(NotAllowed, match="read-only"):
        await make(looking)
    assert await names(looking) == ["a"]
    await looking.aclose()


async def wakes(waiting: Awaitable[int], change: Callable[[], Awaitable[object]]) -> bool:
    marks: list[int] = []

    async def wait() -> None:
        marks.append(await waiting)

    with anyio.move_on_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await anyio.lowlevel.checkpoint()
            await change()
    return bool(marks)


async def test_a_waiter_learns_of_a_change_here_and_elsewhere(open_catalog: Open):
    here, there = open_catalog(), open_catalog()
    await make(there)
    for changing in (here, there):
        mark = await here.changed(0)
        assert await wakes(here.changed(mark), lambda changing=changing: make(changing))


async def test_a_change_between_two_waits_is_not_slept_through(open_catalog: Open):
    here, there = open_catalog(), open_catalog()
    mark = await here.changed(0)
    await make(there)
    with anyio.fail_after(20):
        assert await here.changed(mark) > mark


async def test_many_waiters_learn_of_one_change(open_catalog: Open):
    here, there = open_catalog(), open_catalog()
    mark = await here.changed(0)
    learnt: list[int] = []

    async def wait() -> None:
        learnt.append(await here.changed(mark))

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(wait)
            await make(there)
    assert len(learnt) == 20

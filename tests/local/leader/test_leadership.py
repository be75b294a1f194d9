"""The right to do one kind of work, on one machine and among servers: one holder at a time, and none for ever."""

from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import TypeAlias

import anyio
import anyio.lowlevel
import pytest

from support.postgres import ADDRESS, connection, schema
from vectorstores_server.engines.local.catalog.postgres import PostgresCatalog
from vectorstores_server.engines.local.leader import WorkLock
from vectorstores_server.engines.local.leader.claims import LeasedClaims
from vectorstores_server.engines.local.leader.file_lock import FileLock
from vectorstores_server.engines.local.leader.leases import Leases
from vectorstores_tools.contract.errors import Unavailable

Lock: TypeAlias = Callable[[str], WorkLock]


@pytest.fixture(params=["file", "lease"])
async def lock(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Lock]:
    if request.param == "file":
        yield lambda name: FileLock(tmp_path, name)
        return
    with schema() as name:
        catalog = PostgresCatalog(ADDRESS, name)
        yield Leases(catalog, LeasedClaims(catalog, "x", 60), 60).lock
        await catalog.aclose()


@pytest.fixture
async def leases() -> AsyncGenerator[tuple[Leases, Leases]]:
    """Those of two servers, which last for two seconds."""
    with schema() as name:
        catalogs = [PostgresCatalog(ADDRESS, name) for _ in range(2)]
        one, other = [
            Leases(catalog, LeasedClaims(catalog, str(number), 2), 2) for number, catalog in enumerate(catalogs)
        ]
        yield one, other
        for catalog in catalogs:
            await catalog.aclose()


async def taken(lock: WorkLock) -> None:
    with anyio.fail_after(20):
        while not await lock.take():
            await anyio.lowlevel.checkpoint()


async def test_the_holder_keeps_it_until_it_lets_go(lock: Lock):
    first, second = lock("worker.lock"), lock("worker.lock")
    assert await first.take()
    assert await first.take(), "the holder has it already"
    assert not await second.take()
    assert (first.held, second.held) == (True, False)
    await first.close()
    assert await second.take()
    assert not first.held
    await second.close()
    await second.close()
    assert await first.take()
    await first.close()


async def test_rights_of_other_names_are_others(lock: Lock):
    first, second = lock("worker.lock"), lock("mirror-1.lock")
    assert await first.take()
    assert await second.take()
    await first.close()
    await second.close()


async def test_one_that_lets_go_without_having_it_takes_nothing_from_the_holder(lock: Lock):
    holder, other = lock("worker.lock"), lock("worker.lock")
    assert await holder.take()
    assert not await other.take()
    await other.close()
    assert not await other.take()
    await holder.close()


async def test_a_lease_that_is_renewed_lasts(leases: tuple[Leases, Leases]):
    lock, other = leases[0].lock("a"), leases[1].lock("a")
    assert await lock.take()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(leases[0].keep)
        with anyio.move_on_after(2 * leases[0].seconds):
            while not await other.take():
                await anyio.lowlevel.checkpoint()
        assert (lock.held, other.held) == (True, False)
        tasks.cancel_scope.cancel()
    await lock.close()


async def test_a_holder_that_was_frozen_for_longer_than_its_lease_finds_that_it_has_lost_it(
    leases: tuple[Leases, Leases],
):
    frozen, other = leases[0].lock("a"), leases[1].lock("a")
    assert await frozen.take()  # and nobody renews it
    await taken(other)
    assert not frozen.held
    await leases[0].renew(frozen)  # it wakes up
    assert not frozen.held
    await frozen.close()
    assert not await leases[0].lock("a").take(), "what it let go was not its own"
    await other.close()


async def test_a_lease_that_ran_out_and_that_nobody_took_goes_on(leases: tuple[Leases, Leases]):
    lock = leases[0].lock("a")
    assert await lock.take()
    with anyio.fail_after(20):
        while lock.held:
            await anyio.lowlevel.checkpoint()
    await leases[0].renew(lock)
    assert lock.held
    await lock.close()


async def test_where_the_database_is_away_letting_go_is_no_error_and_taking_is_one_with_a_sentence():
    connection("public").close()  # a server that answers, or the test is skipped
    catalog = PostgresCatalog("postgresql://postgres@127.0.0.1:1/postgres", "x")
    lock = Leases(catalog, LeasedClaims(catalog, "x", 60), 60).lock("a")
    with pytest.raises(Unavailable, match="does not answer"):
        await lock.take()
    await lock.close()
    await catalog.aclose()

"""What a process owes the index when it ends, and who pays: short commands leave nothing behind for good."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.examples import examples
from support.local import Words, add, opened, store
from vectorstores_server.engines.local.catalog import Catalog, index_tables
from vectorstores_server.engines.local.components import Components
from vectorstores_server.engines.local.failpoints import hooked
from vectorstores_server.engines.local.index import Index
from vectorstores_server.engines.local.index.lance import Database
from vectorstores_server.engines.local.storage import in_directory
from vectorstores_server.engines.local.worker.worker import Worker

FRESH_LOOPS = True

NO_WINDOW = timedelta(milliseconds=1)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"  # LanceDB knows no other loop


async def unindexed(directory: Path) -> int:
    """The rows of all tables that no index covers, as a process sees them that opens the directory now."""
    database = await Database.connect(str(directory / "index"))
    names = [folder.stem for folder in (directory / "index").glob("*.lance")]
    counts = [(await (await database.open(name)).state()).unindexed for name in names]
    database.close()
    return sum(counts)


@asynccontextmanager
async def worked(directory: Path, window: timedelta) -> AsyncGenerator[Catalog]:
    """A worker in the directory that has just let go of its lock, with a window of this length."""
    storage = in_directory(directory)
    catalog, components = storage.catalog, Components(storage, Words())
    components.index = Index(directory / "index", window=window)
    clean = anyio.Event()

    def checkpoint(step: str) -> None:
        if step == "clean":
            clean.set()

    with hooked(checkpoint):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(Worker(components).run)
            with anyio.fail_after(60):
                await clean.wait()
            tasks.cancel_scope.cancel()
    yield catalog
    await components.aclose()
    await catalog.aclose()


async def test_what_a_process_that_ends_leaves_without_index_the_next_one_indexes(tmp_path: Path):
    async with opened(tmp_path, Words()) as engine:
        id = await store(engine)
        for number in range(3):
            await add(engine, id, f"Number {number} of three.", f"{number}.txt")
    assert await unindexed(tmp_path) == 3, "it ended before it came to that"
    async with worked(tmp_path, timedelta(minutes=5)) as catalog:
        assert await unindexed(tmp_path) == 0
        [again_at] = (await catalog.read(index_tables.wanted_upkeep)).values()
        assert again_at > 0, "old versions are still to be pruned, by whoever works then"


@pytest.mark.slow
@given(commands=st.lists(st.integers(1, 3), min_size=2, max_size=4))
@settings(max_examples=examples(3), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_short_commands_and_their_window_the_index_is_as_small_as_when_purged(
    tmp_path_factory: pytest.TempPathFactory, commands: list[int]
):
    async def run() -> None:
        directory = tmp_path_factory.mktemp("data")
        async with opened(directory, Words()) as engine:
            id = await store(engine)
        for command, files in enumerate(commands):
            async with opened(directory, Words()) as engine:
                for number in range(files):
                    await add(engine, id, f"Command {command} adds {number}.", f"{command}-{number}.txt")
        async with worked(directory, NO_WINDOW):
            assert await unindexed(directory) == 0
            ours = size(directory / "index")
            index = Index(directory / "index")
            for table in await index.tables():
                await index.purge(table)
            await index.aclose()
            assert ours <= 3 * size(directory / "index")

    anyio.run(run)


def size(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())

import shutil
from pathlib import Path

import pytest

from support.local import add, opened, search, settled, store
from vectorstores_server.engines.local.catalog import reconciliation, search_view
from vectorstores_server.engines.local.catalog.database import SqliteCatalog
from vectorstores_server.engines.local.catalog.ids import clock
from vectorstores_server.engines.local.index import Index, Rows
from vectorstores_server.engines.local.worker.reconciliation import boot_id, needed, reconcile

FOX = "The quick brown fox jumps over the lazy dog."


@pytest.fixture
async def id(tmp_path: Path) -> str:
    """A store with one file, its worker ended."""
    async with opened(tmp_path) as engine:
        id = await store(engine)
        await add(engine, id, FOX)
        return id


@pytest.fixture
def table(tmp_path: Path, id: str) -> Path:
    del id
    [table] = (tmp_path / "index").glob("*.lance")
    return table


async def mend(directory: Path, *, then_wait_for: str) -> None:
    """Open as after a crash, and wait until all is built."""
    catalog = SqliteCatalog(directory)
    await catalog.write(reconciliation.mark_worker, clean=False, boot_id="")
    index = Index(directory / "index")
    await reconcile(catalog, index)
    await index.aclose()
    await catalog.aclose()
    async with opened(directory) as engine:
        await settled(engine, then_wait_for)


async def found(directory: Path, id: str, query: str = "fox") -> list[str]:
    async with opened(directory) as engine:
        return [hit.content[0].text for hit in (await search(engine, id, query)).data]


def rows(rev: int, text: str) -> Rows:
    return Rows(rev, [0], [0], [len(text)], [0], [len(text)], [text], None)


async def test_rows_that_no_revision_owns_are_deleted(tmp_path: Path, id: str, table: Path):
    index = Index(tmp_path / "index")
    before = await index.revs(table.stem)
    await index.add(table.stem, [rows(999, "a stray fox")])
    await mend(tmp_path, then_wait_for=id)
    assert await index.revs(table.stem) == before
    assert await found(tmp_path, id) == [FOX]


async def test_a_live_revision_that_lost_rows_is_built_again(tmp_path: Path, id: str, table: Path):
    index = Index(tmp_path / "index")
    await index.delete(table.stem, list(await index.revs(table.stem)))
    assert await found(tmp_path, id) == []
    await mend(tmp_path, then_wait_for=id)
    assert await found(tmp_path, id) == [FOX]


async def test_a_live_revision_that_has_rows_twice_is_built_again(tmp_path: Path, id: str, table: Path):
    index = Index(tmp_path / "index")
    [rev] = await index.revs(table.stem)
    await index.add(table.stem, [rows(rev, FOX)])
    await mend(tmp_path, then_wait_for=id)
    assert await found(tmp_path, id) == [FOX]


async def test_a_table_that_is_gone_is_built_again(tmp_path: Path, id: str, table: Path):
    shutil.rmtree(table)
    await mend(tmp_path, then_wait_for=id)
    assert await found(tmp_path, id) == [FOX]


async def test_a_table_that_cannot_be_read_is_built_again(tmp_path: Path, id: str, table: Path):
    for manifest in (table / "_versions").iterdir():
        manifest.write_bytes(b"not a manifest")
    await mend(tmp_path, then_wait_for=id)
    assert await found(tmp_path, id) == [FOX]
    assert table.stem not in await Index(tmp_path / "index").tables()


async def test_a_table_that_was_never_needed_is_no_damage(tmp_path: Path, id: str, caplog: pytest.LogCaptureFixture):
    async with opened(tmp_path) as engine:
        await store(engine, "without files")
    await mend(tmp_path, then_wait_for=id)
    assert "table_unreadable" not in [getattr(record, "event", None) for record in caplog.records]
    assert "cannot be read" not in caplog.text


async def test_a_table_without_a_store_is_dropped(tmp_path: Path, id: str):
    index = Index(tmp_path / "index")
    await index.create("vs_gone_1", None)
    await mend(tmp_path, then_wait_for=id)
    assert "vs_gone_1" not in await index.tables()


async def test_what_agrees_is_left_alone(tmp_path: Path, id: str, table: Path):
    index = Index(tmp_path / "index")
    before = await index.revs(table.stem)
    await mend(tmp_path, then_wait_for=id)
    assert await index.revs(table.stem) == before


async def test_dead_revisions_in_grace_keep_their_rows(tmp_path: Path, id: str, table: Path):
    index = Index(tmp_path / "index")
    async with opened(tmp_path) as engine:
        [hit] = (await search(engine, id, "fox")).data
        await engine.detach_file(id, hit.file_id)
    before = await index.revs(table.stem)
    await mend(tmp_path, then_wait_for=id)
    assert await index.revs(table.stem) == before
    catalog = SqliteCatalog(tmp_path)
    assert (await catalog.read(search_view.view, id, None, clock())).unfinished == list(before)
    await catalog.aclose()


async def test_it_is_needed_after_an_unclean_end_and_on_another_boot(tmp_path: Path):
    catalog = SqliteCatalog(tmp_path)
    boot = boot_id()
    await catalog.write(reconciliation.mark_worker, clean=False, boot_id=boot)
    await catalog.write(reconciliation.mark_worker, clean=True, boot_id=boot)
    assert not await needed(catalog, boot)
    assert not await needed(catalog, None), "servers on several machines have no boot in common"
    assert await needed(catalog, "another boot")
    await catalog.write(reconciliation.mark_worker, clean=False, boot_id=boot)
    assert await needed(catalog, boot)
    await catalog.aclose()

"""A folder that several servers share: it becomes ours while it is empty, and belongs to one catalog."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from support.local import Words, add, opened, store
from support.postgres import ADDRESS, schema
from vectorstores_server.engines.local.catalog.postgres import PostgresCatalog
from vectorstores_server.engines.local.directory.shared_folder import claim_folder
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.engines.local.shared_storage import in_folder, over_postgres
from vectorstores_tools.contract.errors import Unavailable, VectorStoreError
from vectorstores_tools.contract.requests import PageRequest


@pytest.fixture
async def schemas() -> AsyncGenerator[tuple[str, str]]:
    with schema() as one, schema() as other:
        yield one, other


async def opens(schema_name: str, folder: Path, own: Path) -> str | None:
    """Begin with a catalog over the folder; return the error, if there is one."""
    engine = LocalEngine(over_postgres(PostgresCatalog(ADDRESS, schema_name), in_folder(folder), own), Words())
    try:
        await engine.list_stores(PageRequest())
    except VectorStoreError as error:
        return str(error)
    finally:
        await engine.aclose()
    return None


def test_servers_that_share_a_folder_know_it_by_one_id(tmp_path: Path):
    assert claim_folder(tmp_path / "objects") == claim_folder(tmp_path / "objects")
    assert claim_folder(tmp_path / "objects") != claim_folder(tmp_path / "others")


def test_a_folder_with_files_of_others_is_refused_and_left_as_it_is(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(Unavailable, match=r"thesis\.txt"):
        claim_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


async def test_a_data_directory_of_one_machine_is_no_folder_for_several_nor_the_other_way_round(tmp_path: Path):
    async with opened(tmp_path / "data", Words()) as engine:
        await store(engine)
    with pytest.raises(Unavailable, match="data directory of one machine"):
        claim_folder(tmp_path / "data")
    claim_folder(tmp_path / "objects")
    async with opened(tmp_path / "objects", Words()) as engine:
        with pytest.raises(Unavailable, match="several servers share"):
            await store(engine)


async def test_a_folder_belongs_to_the_catalog_that_came_first(tmp_path: Path, schemas: tuple[str, str]):
    one, other = schemas
    catalog, place = PostgresCatalog(ADDRESS, one), in_folder(tmp_path / "objects")
    engine = LocalEngine(over_postgres(catalog, place, tmp_path / "a"), Words())
    await add(engine, await store(engine), "a walrus")
    await engine.aclose()
    assert await opens(one, tmp_path / "objects", tmp_path / "b") is None
    assert "belongs to another catalog" in str(await opens(other, tmp_path / "objects", tmp_path / "b"))
    assert "belongs to another catalog" in str(await opens(one, tmp_path / "empty", tmp_path / "b"))

"""A store made by a version before: searched as it is, and built anew without embedding what has been embedded."""
# ruff: noqa: RUF001
# ^ apostrophes as people type them

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import anyio

from local import Words, add, opened, search, settled, store, upload
from vectorstores_server.engines.local.catalog.index_tables import TABLE_FORMAT
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.engines.local.parsing import VERSION
from vectorstores_tools.contract.requests import FileAttach, PageRequest

TEXTS = [f"Item{number} of the landlord’s résumé: foxes are jumping over the lazy dog." for number in range(20)]
BLOCKED = "a_0"


class Remote(Words):
    """An embedder that costs money."""

    def __init__(self) -> None:
        super().__init__()
        self.identity = "openai:words/32"


def execute(directory: Path, sql: str, *values: object) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(directory / "catalog.db", timeout=30)) as db, db:
        return db.execute(sql, values).fetchall()


async def made_before(directory: Path, embedder: Words | None, texts: Sequence[str] = TEXTS) -> str:
    """Fill a table of format 1, as the version before did, and leave it behind."""
    async with opened(directory, embedder) as engine:
        id = await store(engine)
        # Somebody else's rebuild, which keeps this process from beginning one before the files are in.
        execute(directory, "INSERT INTO store_table VALUES (?, ?, 'x', 1, 'building', NULL, 1, 0, NULL)", BLOCKED, id)
        execute(directory, "UPDATE store_table SET format = 1 WHERE store_id = ?", id)
        files = [await upload(engine, text, f"{number}.txt") for number, text in enumerate(texts)]
        for file in files:
            await engine.attach_file(id, FileAttach(file_id=file))
        await settled(engine, id)
        hits = (await search(engine, id, "jump item7")).data
        assert hits[0].filename == "7.txt", "it is searched as it was before"
        assert (await search(engine, id, "fox", max_num_results=1)).data[0].text_score
    execute(directory, "DELETE FROM store_table WHERE name = ?", BLOCKED)
    return id


async def upgraded(engine: LocalEngine, directory: Path, id: str) -> None:
    with anyio.fail_after(60):
        while execute(
            directory,
            "SELECT 1 FROM store_table WHERE store_id = ? AND format < ? AND state = 'live'",
            id,
            TABLE_FORMAT,
        ):
            assert len((await search(engine, id, "dog", max_num_results=50)).data) == len(TEXTS), (
                "searchable throughout"
            )
            await anyio.lowlevel.checkpoint()


async def test_a_table_of_before_is_built_anew_and_no_vector_is_made_twice(tmp_path: Path):
    id = await made_before(tmp_path, Words())
    embedder = Words()
    async with opened(tmp_path, embedder) as engine:
        await upgraded(engine, tmp_path, id)
        hits = (await search(engine, id, "landlord item7")).data
        assert hits[0].filename == "7.txt"
        assert hits[0].vector_score is not None
        assert embedder.embedded == 0
        assert (await search(engine, id, "landlord", max_num_results=1)).data[0].text_score


async def test_without_vectors_too(tmp_path: Path):
    id = await made_before(tmp_path, None)
    async with opened(tmp_path) as engine:
        await upgraded(engine, tmp_path, id)
        assert (await search(engine, id, "landlord", max_num_results=1)).data[0].text_score


async def test_a_remote_embedder_is_not_called_and_need_not_be_there(tmp_path: Path):
    id = await made_before(tmp_path, Remote())
    async with opened(tmp_path) as engine:
        await upgraded(engine, tmp_path, id)
        assert (await search(engine, id, "landlord", max_num_results=1)).data[0].text_score
    embedder = Remote()
    async with opened(tmp_path, embedder) as engine:
        hits = (await search(engine, id, "landlord item7")).data
        assert (hits[0].filename, embedder.embedded) == ("7.txt", 0)
        assert hits[0].vector_score is not None


async def test_it_waits_for_a_process_that_has_the_embedder(tmp_path: Path):
    id = await made_before(tmp_path, Words())
    async with opened(tmp_path) as engine:
        await add(engine, await store(engine), "other work that this process can do")
        assert len((await search(engine, id, "dog", max_num_results=50)).data) == len(TEXTS)
        assert execute(tmp_path, "SELECT format FROM store_table WHERE store_id = ?", id) == [(1,)]


async def test_a_file_that_older_parsers_refused_is_tried_once_more_and_only_once(tmp_path: Path):
    async with opened(tmp_path) as engine:
        id = await store(engine)
        file = await add(engine, id, bytes(range(256)) * 8, "picture.bin")
        assert (await engine.retrieve_store_file(id, file)).status == "failed"
        assert execute(tmp_path, "SELECT refused_by FROM attachment") == [(VERSION,)]
    execute(tmp_path, "UPDATE attachment SET refused_by = 1")
    async with opened(tmp_path) as engine:
        await engine.list_stores(PageRequest())
        with anyio.fail_after(30):
            while execute(tmp_path, "SELECT refused_by, status FROM attachment") != [(VERSION, "failed")]:
                await anyio.lowlevel.checkpoint()
        assert execute(tmp_path, "SELECT next_rev FROM counter") == [(3,)]


async def test_what_comes_while_a_table_is_built_anew_is_in_both(tmp_path: Path):
    id = await made_before(tmp_path, Words())
    async with opened(tmp_path, Words()) as engine:
        file = await upload(engine, "A landlord that came late.", "late.txt")
        await engine.attach_file(id, FileAttach(file_id=file))
        await settled(engine, id)
        assert "late.txt" in {hit.filename for hit in (await search(engine, id, "landlord came late")).data}
        with anyio.fail_after(60):
            while execute(
                tmp_path, "SELECT 1 FROM store_table WHERE store_id = ? AND format = 1 AND state = 'live'", id
            ):
                await anyio.lowlevel.checkpoint()
        found = {hit.filename for hit in (await search(engine, id, "landlord", max_num_results=50)).data}
        assert len(found) == len(TEXTS) + 1

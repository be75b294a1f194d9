"""A data directory as an older version left it, and its upgrade."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import anyio

from support.local import Words, opened, search, settled, store, upload
from support.waiting import moment
from vectorstores_server.engines.local.catalog.index_tables import TABLE_FORMAT
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_tools.contract.requests import FileAttach, PageRequest

TEXTS = [f"Item{number} of the landlord’s résumé: foxes are jumping over the lazy dog." for number in range(20)]  # noqa: RUF001 - as people write it


BLOCKED = "a_0"


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


async def brought_up_to_date(engine: LocalEngine, directory: Path, id: str) -> None:
    """Wait until the store's table is one of this version."""
    old = "SELECT 1 FROM store_table WHERE store_id = ? AND format < ? AND state = 'live'"
    await engine.list_stores(PageRequest())
    with anyio.fail_after(60):
        while execute(directory, old, id, TABLE_FORMAT):
            await moment()


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
            await moment()

"""A store with very many files, written into the catalog as rows: nothing of them is indexed."""

import sqlite3
from contextlib import closing
from pathlib import Path

import anyio.to_thread

from support.pages import filled
from vectorstores_tools.contract.engine import Engine


async def with_many_files(engine: Engine, data: Path, count: int) -> str:
    """Copy the row of one file `count` times; every tenth has failed."""
    store = await filled(engine, "Many", ("first.txt", "The first."))
    await anyio.to_thread.run_sync(_copy, data, store, count - 1)
    return store


def _copy(data: Path, store: str, count: int) -> None:
    with closing(sqlite3.connect(data / "catalog.db", timeout=30)) as db, db:
        db.row_factory = sqlite3.Row
        file = dict(db.execute("SELECT * FROM file LIMIT 1").fetchone())
        attachment = dict(db.execute("SELECT * FROM attachment WHERE store_id = ?", (store,)).fetchone())
        first = attachment["id"]
        for row in (file, attachment):
            assert "id" in row
        files = [
            {**file, "id": f"file-{number:024}", "filename": f"report {number}.txt", "created_at": file["created_at"]}
            for number in range(count)
        ]
        attached = [
            {
                **attachment,
                "id": first + 1 + number,
                "file_id": f"file-{number:024}",
                "live_rev": None,
                "want_rev": None,
                "status": "failed" if number % 10 == 0 else "cancelled",
                "error_code": "invalid_file" if number % 10 == 0 else None,
                "error_message": "It cannot be read." if number % 10 == 0 else None,
            }
            for number in range(count)
        ]
        for table, rows in (("file", files), ("attachment", attached)):
            names = ", ".join(rows[0])
            values = ", ".join(f":{name}" for name in rows[0])
            db.executemany(f"INSERT INTO {table} ({names}) VALUES ({values})", rows)

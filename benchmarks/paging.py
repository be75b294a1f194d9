"""A page of a list that has grown long: 100 of 100,000 files, over MCP."""

import shutil
import sqlite3
import time
from pathlib import Path

from benchmarks.budgets import Result
from benchmarks.metrics import median, percentile
from benchmarks.options import Options
from benchmarks.processes import OURS, Served, serve

FILES = 100_000
PAGES = 100

# Copies of the one file that was really attached. They count as cancelled, so that no worker asks for their passages.
MORE_FILES = """
WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?)
INSERT INTO file (id, filename, purpose, bytes, sha256, created_at)
SELECT printf('file-%024d', n), printf('file-%d.txt', n), purpose, bytes, sha256, created_at - n % 5000
FROM number, (SELECT * FROM file LIMIT 1)
"""
MORE_ATTACHMENTS = """
INSERT INTO attachment (store_id, file_id, created_at, status, chunk_size, chunk_overlap)
SELECT (SELECT id FROM store), id, created_at, 'cancelled', 800, 400
FROM file WHERE id NOT IN (SELECT file_id FROM attachment)
"""


async def page(options: Options) -> Result:
    """Measure a page of the store's files and one of all files, following the cursor."""
    data = options.work / "paging"
    shutil.rmtree(data, ignore_errors=True)
    async with serve(OURS, data) as server:
        store = (await server.call("create_store", name="many"))["id"]
        await server.call("upload_file", text="One.", filename="one.txt", vector_store_id=store, wait_seconds=50)
    seed(data)
    async with serve(OURS, data) as server:
        of_store = await paged(server, vector_store_id=store)
        of_all = await paged(server, of="files")
    slower = max(median(of_store), median(of_all))
    return Result(
        "page",
        "-",
        f"{1e3 * median(of_store):.1f} ms of a store, {1e3 * median(of_all):.1f} ms of all files",
        "",
        slower <= 0.010,
        f"p95 {1e3 * percentile(of_store, 0.95):.1f} / {1e3 * percentile(of_all, 0.95):.1f} ms",
    )


def seed(data: Path) -> None:
    """Fill the catalog while no server runs; through the tools it would be 100,000 fsyncs."""
    catalog = sqlite3.connect(data / "catalog.db")
    with catalog:
        catalog.execute(MORE_FILES, (FILES - 1,))
        catalog.execute(MORE_ATTACHMENTS)
    catalog.close()


async def paged(server: Served, **what: str) -> list[float]:
    times: list[float] = []
    after: dict[str, str] = {}
    for _ in range(PAGES):
        began = time.perf_counter()
        answer = await server.call("list", limit=100, **what, **after)
        times.append(time.perf_counter() - began)
        after = {"after": answer["last_id"]}
    return times

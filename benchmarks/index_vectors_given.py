"""Rows whose vectors are known, put into the index: the usual measure of search engines, which need not embed."""

import time
from pathlib import Path

from benchmarks.growth import DIMENSIONS, Source
from vectorstores_server.engines.local.index import Index

TABLE = "given"
ROWS = 10_000
AT_ONCE = 1_000


async def rows_per_second(directory: Path) -> float:
    """Add 10k rows as the worker does and let them be searchable by index; making the table is not counted."""
    source = Source()
    parts = [source.rows(number, AT_ONCE) for number in range(1, ROWS // AT_ONCE + 1)]
    index = Index(directory)
    await index.create(TABLE, DIMENSIONS)
    began = time.perf_counter()
    for part in parts:
        await index.add(TABLE, [part])
        await index.optimize(TABLE)
    await index.optimize(TABLE, force=True)
    seconds = time.perf_counter() - began
    await index.aclose()
    return ROWS / seconds

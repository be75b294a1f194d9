"""Health of the local engine: catalog writable, index reachable, disk not full, model there; and its counts."""

import shutil
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread

from vectorstores_server.engines.local.catalog.statistics import CatalogStatistics
from vectorstores_server.engines.local.index.errors import IndexUnavailable
from vectorstores_tools.contract.errors import VectorStoreError
from vectorstores_tools.contract.maintenance import Check, Health

if TYPE_CHECKING:
    from vectorstores_server.engines.local.components import Components
    from vectorstores_server.engines.local.ingest.work_sources import IngestCounts
    from vectorstores_server.engines.local.worker.worker import Worker

SECONDS_TO_ANSWER = 5.0
SECONDS_PROVED = 10.0
"""The time for which the proof holds that the catalog can be written."""
LEAST_FREE_BYTES = 64 * 1024 * 1024


class LocalHealth:
    """Looks at the parts of one engine."""

    def __init__(self, *, read_only: bool) -> None:
        self._read_only = read_only
        self._proved_at = -SECONDS_PROVED
        self._looked_at = 0

    async def look(self, components: "Components", worker: "Worker") -> Health:
        """Check part after part. The first look at an engine with files imports what reads the index."""
        inventory = CatalogStatistics({}, [])

        free: int | None = None
        index_numbers: dict[str, float] = {}

        async def catalog() -> str:
            nonlocal inventory
            inventory = await components.catalog.inventory(prove=self._must_prove())
            return "readable" if self._read_only else "writable"

        async def index() -> str:
            nonlocal index_numbers
            tables = await components.index.tables()
            index_numbers = await _index_numbers(components, tables)
            return await self._index(components, tables, inventory.tables)

        async def disk() -> str:
            nonlocal free
            free = (await to_thread.run_sync(shutil.disk_usage, components.storage.directory)).free
            if free < LEAST_FREE_BYTES:
                raise OSError(f"only {free // 1024} KiB are free; free some space")
            return "has room"

        checks = {
            "catalog": await _checked(catalog),
            "index": await _checked(index),
            "disk": await _checked(disk),
            "model": await _checked(lambda: _model(components)),
            "worker": Check(worker.trouble is None, worker.trouble or "works when there is work"),
        }
        room = {} if free is None else {"disk_free_bytes": float(free)}
        return Health(checks, {**inventory.numbers, **room, **_ingested(worker.counts), **index_numbers})

    def _must_prove(self) -> bool:
        """Tell whether it is time to prove a write: a transaction may begin to write and still find the disk full."""
        now = time.monotonic()
        if now - self._proved_at < SECONDS_PROVED:
            return False
        self._proved_at = now
        return True

    async def _index(self, components: "Components", tables: Sequence[str], needed: Sequence[str]) -> str:
        """Look at the table with the most files, and at one of the others, a different one each time."""
        there = set(tables)
        missing = [table for table in needed if table not in there]
        if missing:
            raise IndexUnavailable(missing[0], f"it is missing, one of {len(missing)}")
        if needed:
            self._looked_at = (self._looked_at + 1) % len(needed)
            for table in {needed[0], needed[self._looked_at]}:
                await components.index.rows(table, [0])
        return f"{len(tables)} tables"


async def _model(components: "Components") -> str:
    identity, _ = await components.vectors()
    return identity or "none: search is by words alone"


def _ingested(counts: "IngestCounts") -> dict[str, float]:
    return {
        "ingested_files_total": counts.files,
        "ingested_passages_total": counts.passages,
        "ingest_failures_total": counts.failed,
    }


async def _index_numbers(components: "Components", tables: Sequence[str]) -> dict[str, float]:
    """Return the counts of the index. Raises IndexUnavailable: of an index that is away there are none."""
    return {
        "index_tables": len(tables),
        "index_tables_unsettled": len(await components.index.unsettled()),
        "index_tables_resident": components.index.resident[0],
        "index_resident_bytes": components.index.resident[1],
    }


async def _checked(look: Callable[[], Coroutine[Any, Any, str]]) -> Check:
    try:
        with anyio.fail_after(SECONDS_TO_ANSWER):
            return Check(True, await look())
    except TimeoutError:
        return Check(False, f"it does not answer within {SECONDS_TO_ANSWER:.0f} s")
    except (VectorStoreError, IndexUnavailable, OSError) as error:
        return Check(False, str(error))

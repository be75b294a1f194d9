"""Servers over one PostgreSQL and one folder, in this process or in others, whose leases last for a short time."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from support.local import Words
from support.postgres import ADDRESS
from vectorstores_server.engines.local.catalog import reconciliation
from vectorstores_server.engines.local.catalog.postgres import PostgresCatalog
from vectorstores_server.engines.local.embedding import Embedder
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.engines.local.failpoints import hooked
from vectorstores_server.engines.local.index import Index
from vectorstores_server.engines.local.shared_storage import in_folder, over_postgres
from vectorstores_server.engines.local.storage import EngineStorage
from vectorstores_server.engines.local.worker.pace import Pace

BRIEF = Pace(attempt=0.1, idle=0.1, look=0.05, quiet=0.3, pause=0.05, retry=0.05)
LEASE_SECONDS = 2.0


def storage(schema: str, place: Path, server: str, *, seconds: float = LEASE_SECONDS) -> EngineStorage:
    """The storage of a server below `place`."""
    shared = in_folder(place / "objects")
    return over_postgres(PostgresCatalog(ADDRESS, schema), shared, place / server, lease_seconds=seconds)


@asynccontextmanager
async def server(
    schema: str,
    place: Path,
    name: str,
    embedder: Words | Embedder | None = None,
    checkpoint: Callable[[str], None] | None = None,
    *,
    frozen: bool = False,
) -> AsyncGenerator[LocalEngine]:
    """One server; a frozen one never renews what it holds."""
    made = storage(schema, place, name)
    engine = LocalEngine(replace(made, keep=None) if frozen else made, embedder or Words(), pace=BRIEF)
    try:
        with hooked(checkpoint) if checkpoint else nullcontext():
            yield engine
    finally:
        await engine.aclose()


async def assert_index_agrees(schema: str, place: Path) -> None:
    """Every live revision has its rows, once; what else is there is going to be swept."""
    catalog, index = PostgresCatalog(ADDRESS, schema), Index(place / "objects" / "index")
    tables = await index.tables()
    assert tables
    for table in tables:
        rows = await index.revs(table)
        expected = await catalog.read(reconciliation.live_rows, table)
        kept = await catalog.read(reconciliation.kept_revs, table)
        assert {rev: count for rev, count in rows.items() if rev in expected} == expected
        assert rows.keys() <= kept
    await catalog.aclose()
    await index.aclose()

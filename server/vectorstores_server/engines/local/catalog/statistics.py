"""Counts of everything in the catalog, and whether it can be written."""

from dataclasses import dataclass

from vectorstores_server.engines.local.catalog.dialect import DB
from vectorstores_server.engines.local.catalog.index_tables import TABLE_FORMAT

_STORES = (
    "SELECT count(*) AS stores, coalesce(sum(n_in_progress), 0) AS in_progress,"
    " coalesce(sum(n_completed), 0) AS completed, coalesce(sum(n_failed), 0) AS failed,"
    " coalesce(sum(n_cancelled), 0) AS cancelled, coalesce(sum(usage_bytes), 0) AS usage_bytes"
    " FROM store WHERE expired = 0"
)
_OTHERS = (
    "SELECT (SELECT count(*) FROM file) AS files, (SELECT coalesce(sum(rows), 0) FROM attachment)"  # noqa: S608 a number
    " AS passages,"
    " (SELECT count(*) FROM attachment WHERE want_rev IS NOT NULL) AS queue_length,"
    " (SELECT count(*) FROM dead_rev) AS dead_revisions,"
    " (SELECT count(*) FROM store_table WHERE state = 'building') AS tables_building,"
    f" (SELECT count(*) FROM store_table WHERE state = 'live' AND format < {TABLE_FORMAT}) AS tables_outdated"
)


@dataclass(frozen=True, slots=True)
class CatalogStatistics:
    """Numbers by name, and the index tables that must be there, that of the store with the most files first."""

    numbers: dict[str, float]
    tables: list[str]


def count_all(db: DB, *, prove: bool = False) -> CatalogStatistics:
    """Count everything; with `prove` write one row: a transaction may begin to write and still find the disk full."""
    numbers = {**_numbers(db, _STORES, "store_files_"), **_numbers(db, _OTHERS, "")}
    tables = db.execute("SELECT table_name FROM store WHERE n_live > 0 AND expired = 0 ORDER BY n_live DESC")
    names = [row["table_name"] for row in tables]
    if prove:
        db.execute("UPDATE counter SET next_rev = next_rev")
    return CatalogStatistics(numbers, names)


def _numbers(db: DB, query: str, prefix: str) -> dict[str, float]:
    row = db.execute(query).fetchone()
    states = ("in_progress", "completed", "failed", "cancelled")
    return {f"{prefix}{name}" if name in states else name: float(row[name]) for name in row.keys()}  # noqa: SIM118 a Row iterates over its values

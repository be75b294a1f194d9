"""Counts of everything in the catalog, and whether it can be written."""

from dataclasses import dataclass
from pathlib import Path

from vectorstores_server.engines.local.catalog.connection import check_version, connect
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


def take_inventory(path: Path, *, busy_seconds: float, writing: bool, prove: bool = False) -> CatalogStatistics:
    """Count on a connection of its own; with `writing` also take the right to write, with `prove` write one row.

    Raises what sqlite3 raises, and DirectoryUpgraded.
    """
    db = connect(path)
    try:
        db.execute(f"PRAGMA busy_timeout = {round(busy_seconds * 1000)}")
        db.execute("BEGIN IMMEDIATE" if writing else "BEGIN")
        check_version(db)
        numbers = {**_numbers(db, _STORES, "store_files_"), **_numbers(db, _OTHERS, "")}
        tables = db.execute("SELECT table_name FROM store WHERE n_live > 0 AND expired = 0 ORDER BY n_live DESC")
        names = [row["table_name"] for row in tables]
        if writing and prove:
            db.execute("UPDATE counter SET next_rev = next_rev")
            db.execute("COMMIT")
        return CatalogStatistics(numbers, names)
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
        db.close()


def _numbers(db: DB, query: str, prefix: str) -> dict[str, float]:
    row = db.execute(query).fetchone()
    states = ("in_progress", "completed", "failed", "cancelled")
    return {f"{prefix}{name}" if name in states else name: float(row[name]) for name in row.keys()}  # noqa: SIM118 a Row iterates over its values

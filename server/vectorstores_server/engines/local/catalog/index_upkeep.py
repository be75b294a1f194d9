"""Which tables of the index want upkeep, and from when on: whoever works next does what another process left."""

import sqlite3
from collections.abc import Collection


def owe(db: sqlite3.Connection, tables: Collection[str], at: int) -> None:
    """Note, before tables are written to, that they want upkeep from then on; an earlier time stays."""
    db.executemany(
        "UPDATE store_table SET upkeep_at = min(coalesce(upkeep_at, ?), ?) WHERE name = ?",
        [(at, at, table) for table in tables],
    )


def settled(db: sqlite3.Connection, table: str, again_at: int | None) -> None:
    """Note that a table had its upkeep; `again_at`: when there will be more to do."""
    db.execute("UPDATE store_table SET upkeep_at = ? WHERE name = ?", (again_at, table))


def wanted(db: sqlite3.Connection) -> dict[str, int]:
    """Return table -> from when on it wants upkeep."""
    rows = db.execute("SELECT name, upkeep_at FROM store_table WHERE upkeep_at IS NOT NULL")
    return {row["name"]: row["upkeep_at"] for row in rows}


def due(db: sqlite3.Connection, now: int) -> bool:
    """Tell whether a table wants upkeep now."""
    return db.execute("SELECT 1 FROM store_table WHERE upkeep_at <= ? LIMIT 1", (now,)).fetchone() is not None

"""Tables that are being built beside the live ones."""

import sqlite3
from dataclasses import dataclass

from vectorstores_server.engines.local.catalog.queue import blocked
from vectorstores_server.engines.local.catalog.tables import begin_table

BYTES_PER_FLOAT = 4


@dataclass(frozen=True, slots=True)
class BuildingTable:
    """A table that is to take the place of its store's."""

    name: str
    store_id: str
    embedder: str | None
    dimensions: int | None


def building_tables(db: sqlite3.Connection, identity: str | None) -> list[BuildingTable]:
    """Return the tables to be filled with the vectors of `identity`; those without vectors anybody can fill."""
    rows = db.execute(
        "SELECT name, store_id, embedder, dimensions FROM store_table"
        " WHERE state = 'building' AND (embedder IS NULL OR embedder = ?) ORDER BY name",
        (identity,),
    )
    return [BuildingTable(*row) for row in rows]


def wants_vectors(db: sqlite3.Connection, now: int) -> bool:
    """Tell whether anything waits for an embedder, whichever it is."""
    building = db.execute("SELECT 1 FROM store_table WHERE state = 'building' AND embedder IS NOT NULL").fetchone()
    return building is not None or lacks_vectors(db) or blocked(db, (), now) > 0


def lacks_vectors(db: sqlite3.Connection) -> bool:
    """Tell whether a store has no vectors, and none are on their way."""
    return _without_vectors(db) is not None


def begin_vectors(db: sqlite3.Connection, identity: str, dimensions: int) -> None:
    """Enter a table for the first store without vectors; nothing happens where there is none."""
    store_id = _without_vectors(db)
    if store_id is not None:
        begin_table(db, store_id, identity, dimensions)


def sizes_in(db: sqlite3.Connection, table: BuildingTable) -> dict[int, tuple[int, int]]:
    """Return live revision -> (rows, usage_bytes) as they are once the store's rows stand in `table`."""
    rows = db.execute(
        "SELECT live_rev, rows, attachment.usage_bytes, coalesce(dimensions, 0) FROM attachment"
        " JOIN store ON store.id = store_id WHERE store_id = ? AND live_rev IS NOT NULL",
        (table.store_id,),
    )
    now = table.dimensions or 0
    return {rev: (count, usage + count * (now - before) * BYTES_PER_FLOAT) for rev, count, usage, before in rows}


def _without_vectors(db: sqlite3.Connection) -> str | None:
    row = db.execute(
        "SELECT id FROM store WHERE embedder IS NULL AND expired = 0 AND NOT EXISTS"
        " (SELECT 1 FROM store_table WHERE store_id = store.id AND state = 'building') LIMIT 1"
    ).fetchone()
    return row["id"] if row else None


def begin_anew(db: sqlite3.Connection, store_id: str | None, identity: str | None, dimensions: int | None) -> int:
    """Enter a table for the store, or for every one, where none is being built; return how many.

    Without an embedder (`identity` None) only stores that have no vectors: nobody's vectors are thrown away.
    """
    rows = db.execute(
        "SELECT id FROM store WHERE expired = 0 AND (? IS NULL OR id = ?) AND (? IS NOT NULL OR embedder IS NULL)"
        " AND NOT EXISTS (SELECT 1 FROM store_table WHERE store_id = store.id AND state = 'building')",
        (store_id, store_id, identity),
    ).fetchall()
    for row in rows:
        begin_table(db, row["id"], identity, dimensions)
    return len(rows)

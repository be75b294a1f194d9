"""The tables of the index: which one a store lives in, and the change to a new one that was built beside it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from vectorstores_server.engines.local.catalog.attributes import note_found
from vectorstores_server.engines.local.catalog.dialect import DB, Row
from vectorstores_server.engines.local.catalog.ids import dumps, dumps_notes, loads, loads_notes
from vectorstores_server.engines.local.catalog.revisions import BuiltRevision, bury_revs

TABLE_FORMAT = 2
"""Raised when rows hold other words or passages than before: 1 the text itself, 2 its terms (see `words`)."""
REMOTE = "openai:"
"""The prefix of the identities of embedders that cost money, or the time of another machine."""

ANY_SIZE = range(1 << 62)
"""The range of all file sizes, in bytes."""


@dataclass(frozen=True, slots=True)
class BuildingTable:
    """A table that is to replace its store's: `former` is that one, where it has the vectors of the same embedder.

    `kept`: it gets the passages and the vectors of the former one, and only their words are new.
    """

    name: str
    store_id: str
    embedder: str | None
    dimensions: int | None
    format: int
    kept: bool
    former: str | None


@dataclass(frozen=True, slots=True)
class StoreTable:
    """A store's live table; `files` = how many live revisions it holds."""

    store_id: str
    name: str
    embedder: str | None
    dimensions: int | None
    files: int


def building_tables(db: DB, identity: str | None) -> list[BuildingTable]:
    """Return the tables to be filled with the vectors of `identity`, and those that can be filled by any process."""
    rows = db.execute(
        "SELECT store_table.name, store_id, store_table.embedder, store_table.dimensions, format, kept,"
        " CASE WHEN store.embedder = store_table.embedder THEN table_name END"
        " FROM store_table JOIN store ON store.id = store_id"
        " WHERE state = 'building' AND (store_table.embedder IS NULL OR kept = 1 OR store_table.embedder = ?)"
        " ORDER BY kept, store_table.name",
        (identity,),
    )
    return [BuildingTable(*row) for row in rows]


def outdated(db: DB) -> list[StoreTable]:
    """Return the live tables of an older format."""
    rows = db.execute(
        "SELECT store.id, table_name, store.embedder, store.dimensions, n_live FROM store"
        " JOIN store_table ON store_table.name = table_name WHERE expired = 0 AND format < ? ORDER BY n_live, store.id",
        (TABLE_FORMAT,),
    )
    return [StoreTable(*row) for row in rows]


def next_outdated(db: DB, identity: str | None) -> StoreTable | None:
    """Return the next outdated table that a process with this embedder can replace, and that nobody is replacing."""
    building = {row["store_id"] for row in db.execute("SELECT store_id FROM store_table WHERE state = 'building'")}
    for table in outdated(db):
        doable = table.embedder is None or table.embedder == identity or table.embedder.startswith(REMOTE)
        if table.store_id not in building and doable:
            return table
    return None


def upgrade_note(db: DB, store_id: str, table: str) -> str | None:
    """Return a sentence about a store's progress to today's format; None where it has it."""
    if table_format(db, table) >= TABLE_FORMAT:
        return None
    done, of = db.execute(
        "SELECT (SELECT count(*) FROM rebuilt JOIN store_table ON name = table_name"
        " WHERE store_table.store_id = store.id AND state = 'building'), n_live FROM store WHERE id = ?",
        (store_id,),
    ).fetchone()
    return f"It is being brought up to date, {done} of {of} files so far; until then it is searched as before."


def wants_embedder(db: DB) -> bool:
    """Tell whether some outdated table gets its new vectors from an embedder on this machine."""
    return any(table.embedder is not None and not table.embedder.startswith(REMOTE) for table in outdated(db))


def begin_upgrade(db: DB, table: StoreTable) -> None:
    """Enter a table of today's format. No vector of a remote embedder is made for it: it keeps the existing ones."""
    name = begin_table(db, table.store_id, table.embedder, table.dimensions)
    if table.embedder is not None and table.embedder.startswith(REMOTE):
        db.execute("UPDATE store_table SET kept = 1 WHERE name = ?", (name,))


def lacks_vectors(db: DB) -> bool:
    """Tell whether a store has no vectors, and none are on their way."""
    return _without_vectors(db) is not None


def begin_vectors(db: DB, identity: str, dimensions: int) -> None:
    """Enter a table for the first store without vectors; nothing happens where there is none."""
    store_id = _without_vectors(db)
    if store_id is not None:
        begin_table(db, store_id, identity, dimensions)


def note_rebuilt(db: DB, table: str, built: Sequence[BuiltRevision]) -> None:
    """Note the revisions that a table which is being built holds whole."""
    db.executemany(
        "INSERT INTO rebuilt (table_name, rev, rows, usage_bytes, text_version, notes, found)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (table_name, rev) DO UPDATE SET rows = excluded.rows, usage_bytes = excluded.usage_bytes,"
        " text_version = excluded.text_version, notes = excluded.notes, found = excluded.found",
        [(table, b.rev, b.rows, b.usage_bytes, b.text_version, dumps_notes(b.notes), dumps(b.found)) for b in built],
    )


def rebuilt(db: DB, table: str) -> dict[int, BuiltRevision]:
    """Return the revisions that a table which is being built holds whole."""
    rows = db.execute(
        "SELECT rev, table_name, rows, usage_bytes, text_version, notes, found FROM rebuilt WHERE table_name = ?",
        (table,),
    )
    return {row["rev"]: _built(row) for row in rows}


def _built(row: Row) -> BuiltRevision:
    notes, found = loads_notes(row["notes"]), loads(row["found"]) or {}
    name, rows, usage_bytes = row["table_name"], row["rows"], row["usage_bytes"]
    return BuiltRevision(row["rev"], name, rows, usage_bytes, row["text_version"], notes, found)


def _without_vectors(db: DB) -> str | None:
    row = db.execute(
        "SELECT id FROM store WHERE embedder IS NULL AND expired = 0 AND NOT EXISTS"
        " (SELECT 1 FROM store_table WHERE store_id = store.id AND state = 'building') LIMIT 1"
    ).fetchone()
    return row["id"] if row else None


def begin_anew(db: DB, store_id: str | None, identity: str | None, dimensions: int | None) -> int:
    """Enter a table for the store, or for every one, where none is being built; return how many.

    Without an embedder (`identity` None) only stores that have no vectors: nobody's vectors are thrown away.
    """
    rows = db.execute(
        "SELECT id FROM store WHERE expired = 0 AND id = coalesce(?, id)"
        " AND (CAST(? AS TEXT) IS NOT NULL OR embedder IS NULL)"
        " AND NOT EXISTS (SELECT 1 FROM store_table WHERE store_id = store.id AND state = 'building')",
        (store_id, identity),
    ).fetchall()
    for row in rows:
        begin_table(db, row["id"], identity, dimensions)
    return len(rows)


DROP_GRACE = 60


@dataclass(frozen=True, slots=True)
class LiveFile:
    """A live revision that a new table needs."""

    rev: int
    file_id: str
    filename: str
    sha256: str
    bytes: int
    chunk_size: int
    chunk_overlap: int
    text_version: int


def add_table(db: DB, name: str, store_id: str, embedder: str | None, dimensions: int | None, state: str) -> None:
    """Enter a table."""
    db.execute(
        "INSERT INTO store_table (name, store_id, embedder, dimensions, state, format) VALUES (?, ?, ?, ?, ?, ?)",
        (name, store_id, embedder, dimensions, state, TABLE_FORMAT),
    )


def doom_tables(db: DB, store_id: str, now: int) -> None:
    """Let the store's tables be dropped, after the searches that still read them."""
    db.execute(
        "UPDATE store_table SET state = 'dropping', drop_at = ? WHERE store_id = ? AND state != 'dropping'",
        (now + DROP_GRACE, store_id),
    )


def decide(db: DB, store_id: str, embedder: str | None, dimensions: int | None, now: int) -> bool:
    """Write the embedder into a store that was undecided; tell whether it has changed.

    The store gets a table of its own for it, so that a file on its way into the old one goes live nowhere.
    """
    store = db.execute("SELECT * FROM store WHERE id = ? AND undecided = 1", (store_id,)).fetchone()
    if store is None:
        return False
    db.execute("UPDATE store SET undecided = 0 WHERE id = ?", (store_id,))
    if store["embedder"] == embedder or store["n_live"]:
        return False
    doom_tables(db, store_id, now)
    name = fresh_name(db, store_id)
    add_table(db, name, store_id, embedder, dimensions, "live")
    db.execute(
        "UPDATE store SET table_name = ?, embedder = ?, dimensions = ? WHERE id = ?",
        (name, embedder, dimensions, store_id),
    )
    return True


def fresh_name(db: DB, store_id: str) -> str:
    """Return a table name of this store that was never used."""
    number: int = db.execute("SELECT next_table FROM store WHERE id = ?", (store_id,)).fetchone()[0]
    db.execute("UPDATE store SET next_table = next_table + 1 WHERE id = ?", (store_id,))
    return f"{store_id}_{number}"


def store_table(db: DB, store_id: str) -> StoreTable | None:
    """Return the store's live table; None when the store is gone or expired."""
    row = db.execute(
        "SELECT id, table_name, embedder, dimensions, n_live FROM store WHERE id = ? AND expired = 0", (store_id,)
    ).fetchone()
    return StoreTable(*row) if row else None


def table_format(db: DB, name: str) -> int:
    """Return the contents of a table's rows."""
    row = db.execute("SELECT format FROM store_table WHERE name = ?", (name,)).fetchone()
    return row["format"] if row else TABLE_FORMAT


def begin_table(db: DB, store_id: str, embedder: str | None, dimensions: int | None) -> str:
    """Enter a table to be built beside the live one, and return its name."""
    name = fresh_name(db, store_id)
    add_table(db, name, store_id, embedder, dimensions, "building")
    return name


def abandon_table(db: DB, name: str, now: int) -> None:
    """Let a table that was being built be dropped."""
    db.execute(
        "UPDATE store_table SET state = 'dropping', drop_at = ? WHERE name = ? AND state = 'building'", (now, name)
    )
    db.execute("DELETE FROM rebuilt WHERE table_name = ?", (name,))


def begin_again(db: DB, now: int) -> None:
    """Give up each table that is being built for a further one: its builder may not know yet that others do so now."""
    for row in db.execute("SELECT * FROM store_table WHERE state = 'building'").fetchall():
        abandon_table(db, row["name"], now)
        name = begin_table(db, row["store_id"], row["embedder"], row["dimensions"])
        db.execute("UPDATE store_table SET kept = ?, format = ? WHERE name = ?", (row["kept"], row["format"], name))


def live_files(db: DB, store_id: str, besides: Collection[int], limit: int, sizes: range = ANY_SIZE) -> list[LiveFile]:
    """Return up to `limit` live revisions, oldest first, that are not in `besides`, of files of so many bytes."""
    rows = db.execute(
        "SELECT live_rev, file.id, file.filename, file.sha256, bytes, chunk_size, chunk_overlap,"
        " text_version"
        " FROM attachment JOIN file ON file.id = file_id"
        " WHERE store_id = ? AND live_rev IS NOT NULL AND bytes >= ? AND bytes < ? ORDER BY live_rev",
        (store_id, sizes.start, sizes.stop),
    )
    found: list[LiveFile] = []
    for row in rows:
        if row["live_rev"] not in besides:
            found.append(LiveFile(*row))
            if len(found) == limit:
                break
    return found


def _has_vectors(db: DB, store_id: str) -> bool:
    row = db.execute("SELECT embedder FROM store WHERE id = ?", (store_id,)).fetchone()
    return row is not None and row["embedder"] is not None


def switch_table(db: DB, store_id: str, new: str, built: Mapping[int, BuiltRevision], now: int) -> list[int]:
    """Make `new` the store's table when it holds every live revision; else change nothing, and return those it lacks.

    A table without vectors never takes the place of one that has them: it is given up.

    `built` are the revisions in the new table. One that is no longer live is dead there.
    """
    live = {row[0] for row in db.execute(
        "SELECT live_rev FROM attachment WHERE store_id = ? AND live_rev IS NOT NULL", (store_id,)
    )}  # fmt: skip
    missing = sorted(live - built.keys())
    row = db.execute("SELECT * FROM store_table WHERE name = ? AND state = 'building'", (new,)).fetchone()
    if missing or row is None:
        return missing
    if row["embedder"] is None and _has_vectors(db, store_id):
        abandon_table(db, new, now)
        return []
    db.execute("UPDATE store_table SET state = 'dropping', drop_at = ? WHERE store_id = ? AND state = 'live'",
               (now + DROP_GRACE, store_id))  # fmt: skip
    db.execute("UPDATE store_table SET state = 'live' WHERE name = ?", (new,))
    db.execute("UPDATE store SET table_name = ?, embedder = ?, dimensions = ? WHERE id = ?",
               (new, row["embedder"], row["dimensions"], store_id))  # fmt: skip
    kept = [built[rev] for rev in live]
    db.executemany("UPDATE attachment SET rows = ?, usage_bytes = ?, text_version = ?, notes = ? WHERE live_rev = ?",
                   [(b.rows, b.usage_bytes, b.text_version, dumps_notes(b.notes), b.rev) for b in kept])  # fmt: skip
    _note_found(db, store_id, built)
    db.execute("DELETE FROM rebuilt WHERE table_name = ?", (new,))
    bury_revs(db, new, built.keys() - live, now)
    return []


def _note_found(db: DB, store_id: str, built: Mapping[int, BuiltRevision]) -> None:
    rows = db.execute(
        "SELECT id, live_rev, found FROM attachment WHERE store_id = ? AND live_rev IS NOT NULL", (store_id,)
    ).fetchall()
    for row in rows:
        if row["found"] is not None or built[row["live_rev"]].found:
            note_found(db, row["id"], built[row["live_rev"]].found)


def owe_upkeep(db: DB, tables: Collection[str], at: int) -> None:
    """Note, before tables are written to, that they need upkeep from then on; an earlier time stays."""
    db.executemany(
        "UPDATE store_table SET upkeep_at = ? WHERE name = ? AND (upkeep_at IS NULL OR upkeep_at > ?)",
        [(at, table, at) for table in tables],
    )


def note_upkeep(db: DB, table: str, again_at: int | None) -> None:
    """Note that a table had its upkeep; `again_at`: when there will be more to do."""
    db.execute("UPDATE store_table SET upkeep_at = ? WHERE name = ?", (again_at, table))


def wanted_upkeep(db: DB) -> dict[str, int]:
    """Return table -> the time since when it needs upkeep."""
    rows = db.execute("SELECT name, upkeep_at FROM store_table WHERE upkeep_at IS NOT NULL")
    return {row["name"]: row["upkeep_at"] for row in rows}


def upkeep_due(db: DB, now: int) -> bool:
    """Tell whether a table needs upkeep now."""
    return db.execute("SELECT 1 FROM store_table WHERE upkeep_at <= ? LIMIT 1", (now,)).fetchone() is not None

"""Reconciliation: the worker's comparison with Lance after it took the lock, and the repair of differences."""

from collections.abc import Collection

from vectorstores_server.engines.local.catalog.dialect import DB
from vectorstores_server.engines.local.catalog.enqueue import BATCHED, put_off, requeue_row
from vectorstores_server.engines.local.catalog.index_tables import REMOTE, add_table, fresh_name


def worker_row(db: DB) -> tuple[bool, str]:
    """Return whether the last worker ended cleanly, and on which boot of the machine it worked."""
    row = db.execute("SELECT clean, boot_id FROM worker").fetchone()
    return bool(row["clean"]), row["boot_id"]


def mark_worker(db: DB, *, clean: bool, boot_id: str) -> None:
    """Note that a worker begins (not clean) or has ended (clean); one that others took the work from ends unnoted."""
    if clean:
        db.execute("UPDATE worker SET clean = 1 WHERE boot_id = ?", (boot_id,))
    else:
        db.execute("UPDATE worker SET clean = 0, boot_id = ?", (boot_id,))


def known_tables(db: DB) -> dict[str, str]:
    """Return table -> live, building or dropping."""
    return {row["name"]: row["state"] for row in db.execute("SELECT name, state FROM store_table")}


def live_rows(db: DB, table: str) -> dict[int, int]:
    """Return live revision -> how many rows it has in `table`; nothing where that is no store's live table."""
    rows = db.execute(
        "SELECT live_rev, rows FROM store JOIN attachment ON store_id = store.id"
        " WHERE table_name = ? AND expired = 0 AND live_rev IS NOT NULL AND store.id ="
        " (SELECT store_id FROM store_table WHERE name = ?)",
        (table, table),
    )
    return {row["live_rev"]: row["rows"] for row in rows}


def buried_revs(db: DB, table: str) -> set[int]:
    """Return the dead revisions that a sweep will take out of `table`."""
    return {row["rev"] for row in db.execute("SELECT rev FROM dead_rev WHERE table_name = ?", (table,))}


def kept_revs(db: DB, table: str) -> set[int]:
    """Return the revisions whose rows may stand in `table`: live ones, dead ones, and those under construction."""
    wanted = db.execute(
        "SELECT want_rev FROM store JOIN attachment ON store_id = store.id"
        " WHERE table_name = ? AND want_rev IS NOT NULL",
        (table,),
    )
    return buried_revs(db, table) | {row["want_rev"] for row in wanted} | live_rows(db, table).keys()


def take_over(db: DB, revs: Collection[int], now: int) -> int:
    """Give revisions that are still wanted to another builder, as new ones; return how many.

    The former builder may be at work yet: its rows are dead, the sweep takes them, and what it adds goes live nowhere.
    """
    taken = 0
    for rev in revs:
        row = db.execute("SELECT * FROM attachment WHERE want_rev = ?", (rev,)).fetchone()
        if row is not None:
            requeue_row(db, row, now, row["want_priority"])
            taken += 1
    return taken


def requeue(db: DB, live_revs: Collection[int], now: int) -> int:
    """Let live revisions be built again, searchable as they are until then; return how many were not queued yet."""
    queued = 0
    for rev in live_revs:
        row = db.execute("SELECT * FROM attachment WHERE live_rev = ? AND want_rev IS NULL", (rev,)).fetchone()
        if row is not None:
            requeue_row(db, row, now, BATCHED)
            queued += 1
    return queued


_REFUSED = (
    "SELECT attachment.* FROM attachment JOIN store ON store.id = store_id WHERE status = 'failed' AND expired = 0"  # noqa: S608 our own name
    " AND live_rev IS NULL AND error_code IN ('unsupported_file', 'invalid_file') AND refused_by < ?"
    f" AND (embedder IS NULL OR embedder NOT LIKE '{REMOTE}%')"
)
"""Not in a store of a remote embedder, which nobody has asked to pay for: there the file is attached again by hand."""


def has_refused(db: DB, version: int) -> bool:
    """Tell whether an older version of the parsers than this refused a file that nobody has tried again since."""
    return db.execute(f"{_REFUSED} LIMIT 1", (version,)).fetchone() is not None


def requeue_refused(db: DB, version: int, now: int) -> int:
    """Queue these files once more, each once a version; return how many."""
    rows = db.execute(_REFUSED, (version,)).fetchall()
    for row in rows:
        requeue_row(db, row, now, BATCHED)
        db.execute("UPDATE attachment SET refused_by = ? WHERE id = ?", (version, row["id"]))
    return len(rows)


_LACKING = (
    "SELECT attachment.* FROM attachment JOIN store ON store.id = store_id WHERE expired = 0 AND want_rev IS NULL"
    " AND (notes LIKE ? OR (status = 'failed' AND error_message LIKE ?))"
)


def has_lacking(db: DB, sentence: str) -> bool:
    """Tell whether a file has a note or an error that holds this sentence: something had to be installed for it."""
    return db.execute(f"{_LACKING} LIMIT 1", (f"%{sentence}%",) * 2).fetchone() is not None


def requeue_lacking(db: DB, sentence: str, now: int) -> int:
    """Queue these files once more; return how many."""
    rows = db.execute(_LACKING, (f"%{sentence}%",) * 2).fetchall()
    for row in rows:
        requeue_row(db, row, now, BATCHED)
    return len(rows)


def requeue_unread(db: DB, live_revs: Collection[int], now: int) -> None:
    """Queue live revisions once more, to be built when their pictures are recognised."""
    for rev in live_revs:
        row = db.execute("SELECT * FROM attachment WHERE live_rev = ? AND want_rev IS NULL", (rev,)).fetchone()
        if row is not None:
            put_off(db, requeue_row(db, row, now, BATCHED))


def rebuild(db: DB, table: str, now: int) -> bool:
    """Give the store of `table` an empty one in its place and queue all that was live; False if it has another by now.

    The caller sets the files of `table` aside.
    """
    store = db.execute("SELECT id, embedder, dimensions FROM store WHERE table_name = ?", (table,)).fetchone()
    if store is None:
        return False
    new = fresh_name(db, store["id"])
    db.execute("DELETE FROM store_table WHERE name = ?", (table,))
    db.execute("DELETE FROM dead_rev WHERE table_name = ?", (table,))
    add_table(db, new, store["id"], store["embedder"], store["dimensions"], "live")
    db.execute("UPDATE store SET table_name = ? WHERE id = ?", (new, store["id"]))
    rows = db.execute("SELECT * FROM attachment WHERE store_id = ? AND live_rev IS NOT NULL", (store["id"],)).fetchall()
    for row in rows:
        if row["want_rev"] is None:
            requeue_row(db, row, now, BATCHED)
        db.execute("UPDATE attachment SET live_rev = NULL, rows = 0, usage_bytes = 0 WHERE id = ?", (row["id"],))
    return True

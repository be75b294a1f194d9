"""Work that has become due: dead revisions, tables to drop, stores and Files whose time has passed."""

from collections.abc import Collection

from vectorstores_server.engines.local.catalog.dialect import DB
from vectorstores_server.engines.local.catalog.files import remove_file
from vectorstores_server.engines.local.catalog.index_tables import doom_tables
from vectorstores_server.engines.local.catalog.outcomes import give_up
from vectorstores_server.engines.local.catalog.pagination import TOMBSTONE_SECONDS

GRACE = 60
ENDED_UPLOAD_SECONDS = 24 * 3600

_NEXT = """
SELECT min(at) FROM (
    SELECT min(died_at) + :grace AS at FROM dead_rev
    UNION ALL SELECT min(drop_at) FROM store_table WHERE drop_at IS NOT NULL
    UNION ALL SELECT min(expires_at) FROM store WHERE expires_at IS NOT NULL AND expired = 0
    UNION ALL SELECT min(expires_at) FROM file WHERE expires_at IS NOT NULL
    UNION ALL SELECT min(expires_at) FROM upload WHERE status = 'pending'
    UNION ALL SELECT min(gone_at) + :week FROM tombstone
    UNION ALL SELECT min(gone_at) + :week FROM parted
) AS coming
"""


def next_due(db: DB) -> int | None:
    """Return when the next thing becomes due; None when nothing will."""
    return db.execute(_NEXT, {"grace": GRACE, "week": TOMBSTONE_SECONDS}).fetchone()[0]


def due(db: DB, now: int) -> bool:
    """Tell whether there is something to sweep."""
    at = next_due(db)
    return at is not None and at <= now


def dead_revs(db: DB, now: int, *, grace: int = GRACE) -> dict[str, list[int]]:
    """Return table -> the revisions that have been dead there for `grace` seconds."""
    dead: dict[str, list[int]] = {}
    for row in db.execute("SELECT table_name, rev FROM dead_rev WHERE died_at <= ? ORDER BY rev", (now - grace,)):
        dead.setdefault(row["table_name"], []).append(row["rev"])
    return dead


def forget_revs(db: DB, revs: Collection[int]) -> None:
    """Forget dead revisions whose rows are deleted."""
    db.executemany("DELETE FROM dead_rev WHERE rev = ?", [(rev,) for rev in revs])


def tables_to_drop(db: DB, now: int) -> list[str]:
    """Return the tables that no search reads any more."""
    return [row["name"] for row in db.execute("SELECT name FROM store_table WHERE drop_at <= ?", (now,))]


def forget_table(db: DB, name: str) -> None:
    """Forget a table that is dropped."""
    db.execute("DELETE FROM store_table WHERE name = ?", (name,))
    db.execute("DELETE FROM dead_rev WHERE table_name = ?", (name,))


def expire(db: DB, now: int) -> int:
    """Make expiry final: of stores, Files, uploads, tombstones. Return how many stores and Files."""
    stores = db.execute("SELECT id FROM store WHERE expired = 0 AND expires_at <= ?", (now,)).fetchall()
    for row in stores:
        _expire_store(db, row["id"], now)
    files = db.execute("SELECT id FROM file WHERE expires_at <= ?", (now,)).fetchall()
    for row in files:
        remove_file(db, row["id"], now)
    _expire_parted(db, now)
    _expire_uploads(db, now)
    db.execute("DELETE FROM tombstone WHERE gone_at <= ?", (now - TOMBSTONE_SECONDS,))
    return len(stores) + len(files)


def unreferenced(db: DB, sha256s: Collection[str]) -> set[str]:
    """Return those hashes that no File has."""
    return {h for h in sha256s if db.execute("SELECT 1 FROM file WHERE sha256 = ?", (h,)).fetchone() is None}


def deleted_content(db: DB, before: int) -> set[str]:
    """Return the hashes whose last File was deleted before that time."""
    rows = db.execute("SELECT sha256 FROM deleted_content WHERE deleted_at <= ?", (before,))
    return {row["sha256"] for row in rows}


def forget_deleted_content(db: DB, before: int) -> None:
    """Forget deletions from before that time: anything that a late writer left has been erased since."""
    db.execute("DELETE FROM deleted_content WHERE deleted_at <= ?", (before,))


def upload_states(db: DB, upload_ids: Collection[str]) -> dict[str, str]:
    """Return the status of those uploads that there are."""
    rows = [db.execute("SELECT id, status FROM upload WHERE id = ?", (id,)).fetchone() for id in upload_ids]
    return {row["id"]: row["status"] for row in rows if row is not None}


def _expire_store(db: DB, store_id: str, now: int) -> None:
    wanted = db.execute("SELECT want_rev FROM attachment WHERE store_id = ? AND want_rev IS NOT NULL", (store_id,))
    for row in wanted.fetchall():
        give_up(db, row["want_rev"], "cancelled", now)
    db.execute("UPDATE store SET expired = 1 WHERE id = ?", (store_id,))
    doom_tables(db, store_id, now)


def _expire_parted(db: DB, now: int) -> None:
    """Delete the Files that a mirror took out of its store a week ago, unless something uses them by now."""
    over = db.execute("SELECT file_id FROM parted WHERE gone_at <= ?", (now - TOMBSTONE_SECONDS,)).fetchall()
    db.execute("DELETE FROM parted WHERE gone_at <= ?", (now - TOMBSTONE_SECONDS,))
    for row in over:
        used = db.execute(
            "SELECT EXISTS (SELECT 1 FROM attachment WHERE file_id = :id)"
            " OR EXISTS (SELECT 1 FROM parted WHERE file_id = :id)",
            {"id": row["file_id"]},
        )
        if not used.fetchone()[0]:
            remove_file(db, row["file_id"], now)


def _expire_uploads(db: DB, now: int) -> None:
    db.execute("UPDATE upload SET status = 'expired' WHERE status = 'pending' AND expires_at <= ?", (now,))
    db.execute("DELETE FROM part WHERE upload_id IN (SELECT id FROM upload WHERE status != 'pending')")
    db.execute("DELETE FROM upload WHERE status != 'pending' AND expires_at <= ?", (now - ENDED_UPLOAD_SECONDS,))

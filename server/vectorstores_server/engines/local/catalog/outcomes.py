"""Outcomes of a revision's processing: it goes live, it fails, or it is given up."""

from collections.abc import Sequence

from vectorstores_server.engines.local.catalog.attachments import detach_row, end_waiting
from vectorstores_server.engines.local.catalog.attributes import note_found
from vectorstores_server.engines.local.catalog.dialect import DB, Row
from vectorstores_server.engines.local.catalog.enqueue import BATCHED, put_off, requeue_row
from vectorstores_server.engines.local.catalog.files import remove_file
from vectorstores_server.engines.local.catalog.ids import dumps_notes
from vectorstores_server.engines.local.catalog.revisions import BuiltRevision, bury_revs
from vectorstores_server.engines.local.catalog.successors import note_successor


def flip(db: DB, built: Sequence[BuiltRevision], now: int) -> set[int]:
    """Make the revisions searchable that are still wanted, and return them; the others are dead.

    A claim is a revision: a builder whose revision was given to nobody else finds it wanted, any other buries its own
    rows alone. One that is live already stays so, and is not returned again.
    A revision in a table that is no longer the store's stays wanted, to be built in the new one.
    """
    live: set[int] = set()
    for revision in built:
        row = db.execute(
            "SELECT attachment.*, table_name, expired FROM attachment JOIN store ON store.id = store_id"
            " WHERE want_rev = ?",
            (revision.rev,),
        ).fetchone()
        if row is None or row["expired"]:
            bury_revs(db, revision.table, (revision.rev,), now)
        elif row["table_name"] == revision.table:
            _go_live(db, row, revision, now)
            live.add(revision.rev)
            if revision.unread:
                _wait_for_pages(db, row["id"], now)
    return live


def failed(db: DB, rev: int, code: str, message: str, now: int, version: int = 1) -> bool:
    """End the revision with an error of this version of the parsers; False when nobody wanted it any more."""
    db.execute("UPDATE attachment SET refused_by = ? WHERE want_rev = ?", (version, rev))
    return give_up(db, rev, "failed", now, (code, message))


def give_up(db: DB, rev: int, status: str, now: int, error: tuple[str, str] | None = None) -> bool:
    """End the revision as failed or cancelled; an attachment with a live version is completed again.

    Rows of it may be in Lance, so it is dead. Batches that wait for it count `status`.
    """
    row = db.execute(
        "SELECT attachment.*, table_name FROM attachment JOIN store ON store.id = store_id WHERE want_rev = ?", (rev,)
    ).fetchone()
    if row is None:
        return False
    code, message = error or (row["error_code"], row["error_message"])
    db.execute(
        "UPDATE attachment SET want_rev = NULL, want_priority = 0, error_code = ?, error_message = ?,"
        " status = CASE WHEN live_rev IS NULL THEN ? ELSE 'completed' END,"
        " chunk_size = CASE WHEN live_rev IS NULL THEN want_size ELSE chunk_size END,"
        " chunk_overlap = CASE WHEN live_rev IS NULL THEN want_overlap ELSE chunk_overlap END,"
        " notes = CASE WHEN live_rev IS NULL THEN NULL ELSE notes END,"
        " want_size = NULL, want_overlap = NULL WHERE id = ?",
        (code, message, status, row["id"]),
    )
    bury_revs(db, row["table_name"], (rev,), now)
    end_waiting(db, rev, status, error)
    return True


def _go_live(db: DB, row: Row, revision: BuiltRevision, now: int) -> None:
    db.execute(
        "UPDATE attachment SET live_rev = want_rev, want_rev = NULL, want_priority = 0, status = 'completed',"
        " chunk_size = want_size, chunk_overlap = want_overlap, want_size = NULL, want_overlap = NULL,"
        " rows = ?, usage_bytes = ?, text_version = ?, notes = ?, error_code = NULL, error_message = NULL WHERE id = ?",
        (revision.rows, revision.usage_bytes, revision.text_version, dumps_notes(revision.notes), row["id"]),
    )
    note_found(db, row["id"], revision.found)
    bury_revs(db, revision.table, (row["live_rev"],), now)
    end_waiting(db, revision.rev, "completed")
    if row["source"] is not None:
        _replace_older(db, row, now)


def _wait_for_pages(db: DB, attachment_id: int, now: int) -> None:
    """Queue revisions that went live once more, to be built when their pictures are recognised."""
    row = db.execute("SELECT * FROM attachment WHERE id = ?", (attachment_id,)).fetchone()
    put_off(db, requeue_row(db, row, now, BATCHED))


def _replace_older(db: DB, row: Row, now: int) -> None:
    """Detach earlier versions of the same source, and delete Files that nothing else has."""
    older = db.execute(
        "SELECT * FROM attachment WHERE store_id = ? AND source = ? AND id < ?",
        (row["store_id"], row["source"], row["id"]),
    ).fetchall()
    for revision in older:
        detach_row(db, revision, now)
        if db.execute("SELECT 1 FROM attachment WHERE file_id = ?", (revision["file_id"],)).fetchone() is None:
            remove_file(db, revision["file_id"], now)
        note_successor(db, row["store_id"], revision["file_id"], revision["sha256"], row["file_id"])

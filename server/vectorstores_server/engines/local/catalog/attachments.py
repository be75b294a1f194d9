"""A File in a store: looked at, listed, its attributes replaced, detached."""

from collections.abc import Mapping, Sequence
from typing import Any

from vectorstores_server.engines.local.catalog.attributes import filled_in, replace_attributes, shown_attributes
from vectorstores_server.engines.local.catalog.dialect import DB, Row
from vectorstores_server.engines.local.catalog.filter_sql import select_attachments
from vectorstores_server.engines.local.catalog.ids import loads_notes
from vectorstores_server.engines.local.catalog.pagination import Listing, Position, buried, bury, page
from vectorstores_server.engines.local.catalog.revisions import UNREAD, bury_revs
from vectorstores_server.engines.local.catalog.stores import store_row, touch, usable
from vectorstores_tools.contract.errors import FileNotInStore
from vectorstores_tools.contract.models import Deleted, LastError, Page, PassageProgress, VectorStoreFile
from vectorstores_tools.contract.requests import Attributes, StoreFilesRequest

COLUMNS = "attachment.*, coalesce(name, file.filename) AS filename"
JOINED = "attachment JOIN file ON file.id = attachment.file_id"


def attachment_row(db: DB, store_id: str, file_id: str) -> Row:
    """Return the attachment's row with its filename. Raises FileNotInStore, naming ids where a filename was given."""
    row = find_attachment(db, store_id, file_id)
    if row is None:
        named = db.execute(
            "SELECT file.id FROM file JOIN attachment ON attachment.file_id = file.id AND store_id = ?"
            " WHERE filename = ? ORDER BY attachment.id DESC LIMIT 5",
            (store_id, file_id),
        )
        raise FileNotInStore(file_id, store_id, [n["id"] for n in named])
    return row


def find_attachment(db: DB, store_id: str, file_id: str) -> Row | None:
    """Return the attachment's row with its filename, or None."""
    query = ["SELECT", COLUMNS, "FROM", JOINED, "WHERE store_id = ? AND file_id = ?"]
    return db.execute(" ".join(query), (store_id, file_id)).fetchone()


def retrieve_store_file(db: DB, store_id: str, file_id: str) -> VectorStoreFile:
    """Return the file as the store has it."""
    store_row(db, store_id)
    return store_file(attachment_row(db, store_id, file_id))


def live_text_version(db: DB, store_id: str, file_id: str) -> int | None:
    """Return the version of the parsers that made the text which the file's hits stand in; None where it has none."""
    row = find_attachment(db, store_id, file_id)
    return None if row is None or row["live_rev"] is None else row["text_version"]


def list_store_files(db: DB, store_id: str, request: StoreFilesRequest) -> Page[VectorStoreFile]:
    """Return a page of the store's files."""
    store_row(db, store_id)
    where: list[str] = ["store_id = ?"]
    values: list[Any] = [store_id]
    if request.filter is not None:
        where, values = [*where, "status = ?"], [*values, request.filter]
    if request.filters is not None:
        matching, more = select_attachments(request.filters, store_id)
        where, values = [*where, f"attachment.id IN ({matching})"], [*values, *more]
    listing = Listing(
        # The order's columns must be the index's; CROSS JOIN keeps SQLite from beginning with `file`.
        f"SELECT {COLUMNS} FROM attachment CROSS JOIN file ON file.id = attachment.file_id",  # noqa: S608 a constant
        where,
        values,
        ("attachment.created_at", "attachment.file_id"),
    )
    return page(db, listing, request, lambda id: position(db, store_id, id), store_file, lambda file: file.id)


def position(db: DB, store_id: str, file_id: str) -> Position | None:
    """Return the file's place in the store's order, or the one before it was detached."""
    row = db.execute(
        "SELECT created_at FROM attachment WHERE store_id = ? AND file_id = ?", (store_id, file_id)
    ).fetchone()
    return (row["created_at"], file_id) if row else buried(db, store_id, file_id)


def update_store_file(db: DB, store_id: str, file_id: str, attributes: Attributes | None, now: int) -> VectorStoreFile:
    """Replace the whole map of attributes; None empties it. The text's own properties fill in nothing any more."""
    usable(db, store_id, now)
    touch(db, store_id, now)
    row = attachment_row(db, store_id, file_id)
    db.execute("UPDATE attachment SET attributes_final = 1 WHERE id = ?", (row["id"],))
    replace_attributes(db, row["id"], attributes or {})
    return retrieve_store_file(db, store_id, file_id)


def detach_file(db: DB, store_id: str, file_id: str, now: int) -> Deleted:
    """Take the file out of the store."""
    usable(db, store_id, now)
    touch(db, store_id, now)
    detach_row(db, attachment_row(db, store_id, file_id), now)
    return Deleted(id=file_id, object="vector_store.file.deleted")


def detach_row(db: DB, row: Row, now: int) -> None:
    """Take an attachment away: its revisions are dead, batches that wait for it count it cancelled."""
    store_id, file_id = row["store_id"], row["file_id"]
    table: str = db.execute("SELECT table_name FROM store WHERE id = ?", (store_id,)).fetchone()[0]
    end_waiting(db, row["want_rev"], "cancelled")
    db.execute(
        "UPDATE batch_file SET error_message = '' WHERE file_id = ? AND error_message IS NOT NULL"
        " AND batch_id IN (SELECT id FROM batch WHERE store_id = ?)",
        (file_id, store_id),
    )
    db.execute("DELETE FROM attachment WHERE id = ?", (row["id"],))
    bury_revs(db, table, (row["live_rev"], row["want_rev"]), now)
    bury(db, store_id, file_id, row["created_at"], now)


def end_waiting(db: DB, rev: int | None, status: str, error: tuple[str, str] | None = None) -> None:
    """Give all batch entries that wait for `rev` their last status."""
    code, message = error or (None, None)
    db.execute(
        "UPDATE batch_file SET rev = NULL, status = ?, error_code = ?, error_message = ? WHERE rev = ?",
        (status, code, message, rev),
    )


def store_file(row: Row | Mapping[str, Any]) -> VectorStoreFile:
    """Return the contract's object of an attachment's row."""
    code = row["error_code"]
    size, overlap = _sizes(row)
    return VectorStoreFile.model_validate(
        {
            "id": row["file_id"],
            "usage_bytes": row["usage_bytes"],
            "created_at": row["created_at"],
            "vector_store_id": row["store_id"],
            "status": row["status"],
            "last_error": LastError(code=code, message=row["error_message"] or "") if code else None,
            "chunking_strategy": {
                "type": "static",
                "static": {"max_chunk_size_tokens": size, "chunk_overlap_tokens": overlap},
            },
            "attributes": shown_attributes(row),
            "found_attributes": list(filled_in(row)) or None,
            "source": row["source"],
            "path": row["path"],
            "notes": loads_notes(row["notes"]) or None,
            "filename": row["filename"],
            "progress": _progress(row),
        }
    )


def _progress(row: Row | Mapping[str, Any]) -> PassageProgress | None:
    if row["status"] != "in_progress" or not row["to_build"]:
        return None
    unit = "pages" if row["want_priority"] == UNREAD else None
    return PassageProgress(done=row["built"], of=row["to_build"], unit=unit)


def _sizes(row: Row | Mapping[str, Any]) -> Sequence[int]:
    if row["want_size"] is None:
        return row["chunk_size"], row["chunk_overlap"]
    return row["want_size"], row["want_overlap"]

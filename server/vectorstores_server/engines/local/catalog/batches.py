"""Batches: files attached together, counted as each of them ended for this batch."""

from collections.abc import Sequence

from vectorstores_server.engines.local.catalog.attachments import COLUMNS, JOINED, position, store_file
from vectorstores_server.engines.local.catalog.dialect import DB, Row
from vectorstores_server.engines.local.catalog.enqueue import ALONE, BATCHED, FIRST, attach, require_files
from vectorstores_server.engines.local.catalog.ids import loads_notes, new_id
from vectorstores_server.engines.local.catalog.outcomes import give_up
from vectorstores_server.engines.local.catalog.pagination import Listing, Position, page
from vectorstores_server.engines.local.catalog.places import Origin
from vectorstores_server.engines.local.catalog.stores import store_row, touch, usable
from vectorstores_tools.contract.errors import BatchNotFound
from vectorstores_tools.contract.models import (
    NOTED_SHOWN,
    FileBatch,
    FileCounts,
    NotedFile,
    NotedFiles,
    Page,
    VectorStoreFile,
)
from vectorstores_tools.contract.requests import FileAttach, StoreFilesRequest

AT_ONCE = 500
"""Files that one statement names."""


def create_batch(db: DB, store_id: str, requests: Sequence[FileAttach], now: int) -> FileBatch:
    """Attach Files together."""
    usable(db, store_id, now)
    require_files(db, [file_attach.file_id for file_attach in requests], now)
    batch_id = insert_batch(db, store_id, now)
    for file_attach in requests:
        add_to_batch(db, batch_id, store_id, file_attach, now)
    touch(db, store_id, now)
    return retrieve_batch(db, store_id, batch_id)


def insert_batch(db: DB, store_id: str, now: int) -> str:
    """Make a batch without files, and return its id."""
    batch_id = new_id("vsfb_")
    db.execute("INSERT INTO batch (id, store_id, created_at) VALUES (?, ?, ?)", (batch_id, store_id, now))
    return batch_id


def add_to_batch(
    db: DB, batch_id: str, store_id: str, request: FileAttach, now: int, origin: Origin | None = None
) -> None:
    """Attach one file as part of the batch; one that needs no work is completed in it."""
    held = len(db.execute("SELECT 1 FROM batch_file WHERE batch_id = ? LIMIT 2", (batch_id,)).fetchall())
    rev = attach(db, store_id, request, now, BATCHED if held else FIRST, origin)
    if held == 1:
        _wait_in_line(db, batch_id)
    db.execute(
        "INSERT INTO batch_file (batch_id, file_id, rev, status) VALUES (?, ?, ?, ?) ON CONFLICT (batch_id, file_id)"
        " DO UPDATE SET rev = excluded.rev, status = excluded.status, error_code = NULL, error_message = NULL",
        (batch_id, request.file_id, rev, "completed" if rev is None else "in_progress"),
    )


def retrieve_batch(db: DB, store_id: str, batch_id: str) -> FileBatch:
    """Return the batch. Raises BatchNotFound."""
    store_row(db, store_id)
    row = _row(db, store_id, batch_id)
    grouped = db.execute("SELECT status, count(*) FROM batch_file WHERE batch_id = ? GROUP BY status", (batch_id,))
    counts: dict[str, int] = dict(grouped.fetchall())
    files = FileCounts.model_validate({**counts, "total": sum(counts.values())})
    status = _status(files, cancelled=bool(row["cancelled"]))
    return FileBatch(
        id=batch_id,
        created_at=row["created_at"],
        vector_store_id=store_id,
        status=status,
        file_counts=files,
        # Callers that wait for a batch read it again and again: its notes are looked up once, at its end.
        noted_files=None if status == "in_progress" else _noted_files(db, store_id, batch_id),
    )


def _noted_files(db: DB, store_id: str, batch_id: str) -> NotedFiles | None:
    """Return which files of the batch have notes, None where none has."""
    rows = db.execute(
        "SELECT attachment.file_id, filename, notes, count(*) OVER () AS total"
        " FROM batch_file CROSS JOIN attachment ON attachment.file_id = batch_file.file_id AND store_id = ?"
        " CROSS JOIN file ON file.id = batch_file.file_id"
        " WHERE batch_id = ? AND batch_file.status = 'completed' AND notes IS NOT NULL"
        " ORDER BY attachment.id LIMIT ?",
        (store_id, batch_id, NOTED_SHOWN),
    ).fetchall()
    files = [NotedFile(file_id=r["file_id"], filename=r["filename"], notes=loads_notes(r["notes"])) for r in rows]
    return NotedFiles(total=rows[0]["total"], files=files) if rows else None


def cancel_batch(db: DB, store_id: str, batch_id: str, now: int) -> FileBatch:
    """Cancel the files that are not done, except those that another running batch or a single attach waits for."""
    store_row(db, store_id)
    _row(db, store_id, batch_id)
    waiting = db.execute("SELECT rev FROM batch_file WHERE batch_id = ? AND rev IS NOT NULL", (batch_id,)).fetchall()
    for (rev,) in waiting:
        if _wanted_elsewhere(db, rev, batch_id):
            db.execute(
                "UPDATE batch_file SET rev = NULL, status = 'cancelled' WHERE batch_id = ? AND rev = ?", (batch_id, rev)
            )
        else:
            give_up(db, rev, "cancelled", now)
    if waiting:
        db.execute("UPDATE batch SET cancelled = 1 WHERE id = ?", (batch_id,))
    return retrieve_batch(db, store_id, batch_id)


def list_batch_files(db: DB, store_id: str, batch_id: str, request: StoreFilesRequest) -> Page[VectorStoreFile]:
    """Return a page of the batch's files that are still attached, with the status that each has in the batch."""
    store_row(db, store_id)
    _row(db, store_id, batch_id)

    def stood(file_id: str) -> Position | None:
        held = "SELECT 1 FROM batch_file WHERE batch_id = ? AND file_id = ?"
        return position(db, store_id, file_id) if db.execute(held, (batch_id, file_id)).fetchone() else None

    where, values = ["batch_id = ?", "store_id = ?"], [batch_id, store_id]
    if request.filter is not None:
        where, values = [*where, "batch_file.status = ?"], [*values, request.filter]
    columns = (
        "batch_file.status AS own_status, batch_file.error_code AS own_code, batch_file.error_message AS own_message"
    )
    select = ["SELECT", COLUMNS, ",", columns, "FROM", JOINED, "JOIN batch_file ON batch_file.file_id = file.id"]
    listing = Listing(" ".join(select), where, values, ("attachment.created_at", "attachment.file_id"))
    return page(db, listing, request, stood, _batch_file, lambda file: file.id)


def last_batch(db: DB, store_id: str, file_ids: Sequence[str]) -> str | None:
    """Return the newest batch of the store that holds one of the files."""
    newest: list[tuple[int, str]] = []
    for first in range(0, len(file_ids), AT_ONCE):
        some = file_ids[first : first + AT_ONCE]
        row = db.execute(
            "SELECT created_at, id FROM batch_file CROSS JOIN batch ON batch_id = id WHERE store_id = ? AND file_id IN"  # noqa: S608
            f" ({', '.join('?' * len(some))}) ORDER BY created_at DESC, id DESC LIMIT 1",
            (store_id, *some),
        ).fetchone()
        newest += [(row["created_at"], row["id"])] if row else []
    return max(newest)[1] if newest else None


def _row(db: DB, store_id: str, batch_id: str) -> Row:
    row = db.execute("SELECT * FROM batch WHERE id = ? AND store_id = ?", (batch_id, store_id)).fetchone()
    if row is None:
        raise BatchNotFound(batch_id, store_id)
    return row


def _wait_in_line(db: DB, batch_id: str) -> None:
    """Lower the priority that a batch's first file had while it was the only one."""
    db.execute(
        "UPDATE attachment SET want_priority = ? WHERE want_priority = ? AND want_rev IN"
        " (SELECT rev FROM batch_file WHERE batch_id = ? AND rev IS NOT NULL)",
        (BATCHED, FIRST, batch_id),
    )


def _wanted_elsewhere(db: DB, rev: int, batch_id: str) -> bool:
    return db.execute(
        "SELECT EXISTS (SELECT 1 FROM batch_file WHERE rev = ? AND batch_id != ?)"
        " OR EXISTS (SELECT 1 FROM attachment WHERE want_rev = ? AND want_priority = ?)",
        (rev, batch_id, rev, ALONE),
    ).fetchone()[0]


def _status(files: FileCounts, *, cancelled: bool) -> str:
    if files.in_progress:
        return "in_progress"
    if cancelled or files.cancelled == files.total:
        return "cancelled"
    return "failed" if files.failed == files.total else "completed"


def _batch_file(row: Row) -> VectorStoreFile:
    code = row["own_code"]
    error = {"error_code": code, "error_message": row["own_message"]}
    return store_file({**dict(row), "status": row["own_status"], **error})

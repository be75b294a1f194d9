"""Uploaded Files: entered, found, listed, deleted."""

from collections.abc import Callable, Sequence
from typing import Any

from vectorstores_server.engines.local.catalog.attachments import detach_row
from vectorstores_server.engines.local.catalog.dialect import ALWAYS, DB, Row
from vectorstores_server.engines.local.catalog.pagination import FILES, Listing, Position, buried, bury, page
from vectorstores_tools.contract.errors import FileNotFound
from vectorstores_tools.contract.models import Deleted, File, Page
from vectorstores_tools.contract.requests import FilesRequest, PageRequest

LIVING = "(expires_at IS NULL OR expires_at > ?)"


def insert_file(db: DB, file: File, sha256: str) -> None:
    """Enter a File whose bytes are there."""
    db.execute(
        "INSERT INTO file (id, filename, purpose, bytes, sha256, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (file.id, file.filename, file.purpose, file.bytes, sha256, file.created_at, file.expires_at),
    )
    db.execute("DELETE FROM deleted_content WHERE sha256 = ?", (sha256,))


def enter_file(db: DB, file: File, sha256: str, keep: Callable[[], None]) -> None:
    """Enter a File; `keep` gives its bytes their name, in the same transaction, so that no sweep takes them."""
    keep()
    insert_file(db, file, sha256)


def file_row(db: DB, file_id: str, now: int) -> Row:
    """Return the File's row. Raises FileNotFound, naming the ids where `file_id` is a filename."""
    row = db.execute(f"SELECT * FROM file WHERE id = ? AND {LIVING}", (file_id, now)).fetchone()  # noqa: S608 a constant
    if row is None:
        named = db.execute(
            "SELECT id FROM file WHERE filename = ? ORDER BY created_at DESC, id DESC LIMIT 5", (file_id,)
        )
        raise FileNotFound(file_id, [n["id"] for n in named])
    return row


def retrieve_file(db: DB, file_id: str, now: int) -> tuple[File, str]:
    """Return the File, and its sha256."""
    row = file_row(db, file_id, now)
    return _file(row), row["sha256"]


def is_live(db: DB, file_id: str) -> bool:
    """Tell whether some store has the File in a searchable version."""
    row = db.execute("SELECT 1 FROM attachment WHERE file_id = ? AND live_rev IS NOT NULL", (file_id,)).fetchone()
    return row is not None


def list_files(db: DB, request: FilesRequest, now: int, seen: tuple[str, Sequence[Any]] | None = None) -> Page[File]:
    """Return a page of the Files, of those alone that a condition with its values lets be seen, if it is given."""

    def position(id: str) -> Position | None:
        sql, more = seen or (ALWAYS, ())
        row = db.execute(f"SELECT created_at FROM file WHERE id = ? AND {sql}", (id, *more)).fetchone()  # noqa: S608
        if row is None:
            return buried(db, FILES, id) if seen is None else None
        return row["created_at"], id

    where, values = [LIVING], list[Any]([now])
    if seen is not None:
        where, values = [*where, seen[0]], [*values, *seen[1]]
    if request.purpose is not None:
        where, values = [*where, "purpose = ?"], [*values, request.purpose]
    listing = Listing("SELECT * FROM file", where, values, ("created_at", "id"))
    page_request = PageRequest.model_construct(**request.model_dump(exclude={"purpose"}))
    return page(db, listing, page_request, position, _file, lambda file: file.id)


def delete_file(db: DB, file_id: str, now: int) -> Deleted:
    """Delete the File, and detach it from every store."""
    file_row(db, file_id, now)
    remove_file(db, file_id, now)
    return Deleted(id=file_id, object="file")


def remove_file(db: DB, file_id: str, now: int) -> None:
    """Delete the File's row and its attachments; its bytes go with a sweep, for which a note is left here."""
    for row in db.execute("SELECT * FROM attachment WHERE file_id = ?", (file_id,)).fetchall():
        detach_row(db, row, now)
    row = db.execute("SELECT created_at, sha256 FROM file WHERE id = ?", (file_id,)).fetchone()
    if row is not None:
        db.execute("DELETE FROM file WHERE id = ?", (file_id,))
        db.execute(
            "INSERT INTO deleted_content SELECT :hash, :now WHERE NOT EXISTS (SELECT 1 FROM file WHERE sha256 = :hash)"
            " ON CONFLICT (sha256) DO UPDATE SET deleted_at = excluded.deleted_at",
            {"hash": row["sha256"], "now": now},
        )
        bury(db, FILES, file_id, row["created_at"], now)


def _file(row: Row) -> File:
    return File(
        id=row["id"],
        bytes=row["bytes"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        filename=row["filename"],
        purpose=row["purpose"],
    )

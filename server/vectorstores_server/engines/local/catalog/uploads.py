"""Files that arrive in parts: pending for an hour, then completed, cancelled or expired."""

from collections.abc import Callable, Sequence

from vectorstores_server.engines.local.catalog.dialect import DB, Row
from vectorstores_server.engines.local.catalog.files import enter_file, retrieve_file
from vectorstores_server.engines.local.catalog.ids import new_id
from vectorstores_tools.contract.engine import NewUpload
from vectorstores_tools.contract.errors import Conflict, InvalidRequest, UploadNotFound
from vectorstores_tools.contract.models import File, Upload, UploadPart

UPLOAD_SECONDS = 3600


def insert_upload(db: DB, new: NewUpload, now: int) -> Upload:
    """Begin an upload."""
    upload_id = new_id("upload_")
    db.execute(
        "INSERT INTO upload VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'pending', NULL)",
        (upload_id, new.filename, new.purpose, new.mime_type, new.bytes, now, now + UPLOAD_SECONDS,
         new.expires_after.seconds if new.expires_after else None),
    )  # fmt: skip
    return upload(db, upload_id, now)


def upload(db: DB, upload_id: str, now: int) -> Upload:
    """Return the upload. Raises UploadNotFound."""
    row = _row(db, upload_id)
    expired = row["status"] == "pending" and row["expires_at"] <= now
    file = retrieve_file(db, row["file_id"], now)[0] if row["file_id"] else None
    return Upload(
        id=upload_id,
        bytes=row["bytes"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        filename=row["filename"],
        purpose=row["purpose"],
        status="expired" if expired else row["status"],
        file=file,
    )


def pending(db: DB, upload_id: str, now: int) -> Row:
    """Return the upload's row. Raises UploadNotFound; Conflict when it takes no more parts."""
    row = _row(db, upload_id)
    status = "expired" if row["status"] == "pending" and row["expires_at"] <= now else row["status"]
    if status != "pending":
        raise Conflict(f"Upload '{upload_id}' is {status}.", "Create another upload.", param="upload_id")
    return row


def enter_part(db: DB, upload_id: str, part_id: str, size: int, keep: Callable[[], None], now: int) -> UploadPart:
    """Enter a part; `keep` puts its bytes in their place, in the same transaction."""
    pending(db, upload_id, now)
    keep()
    db.execute("INSERT INTO part VALUES (?, ?, ?, ?)", (part_id, upload_id, now, size))
    return UploadPart(id=part_id, created_at=now, upload_id=upload_id)


def ordered_parts(db: DB, upload_id: str, part_ids: Sequence[str], now: int) -> Row:
    """Return the upload's row when its parts in that order make the whole. Raises InvalidRequest."""
    row = pending(db, upload_id, now)
    sizes: dict[str, int] = {
        p["id"]: p["bytes"] for p in db.execute("SELECT id, bytes FROM part WHERE upload_id = ?", (upload_id,))
    }
    for part_id in part_ids:
        if part_id not in sizes:
            raise InvalidRequest(
                f"No part '{part_id}' in upload '{upload_id}'.",
                "Pass the ids that adding parts gave.",
                param="part_ids",
            )
    total = sum(sizes[p] for p in part_ids)
    if total != row["bytes"]:
        raise InvalidRequest(
            f"The parts hold {total} bytes, but the upload was created with {row['bytes']}.",
            "Pass every part once, in order, or create another upload with the right size.",
            param="part_ids",
        )
    return row


def complete(db: DB, upload_id: str, file: File, sha256: str, keep: Callable[[], None], now: int) -> Upload:
    """Enter the File that the parts made, and end the upload."""
    pending(db, upload_id, now)
    enter_file(db, file, sha256, keep)
    db.execute("UPDATE upload SET status = 'completed', file_id = ? WHERE id = ?", (file.id, upload_id))
    db.execute("DELETE FROM part WHERE upload_id = ?", (upload_id,))
    return upload(db, upload_id, now)


def cancel(db: DB, upload_id: str, now: int) -> Upload:
    """Give up an upload."""
    pending(db, upload_id, now)
    db.execute("UPDATE upload SET status = 'cancelled' WHERE id = ?", (upload_id,))
    db.execute("DELETE FROM part WHERE upload_id = ?", (upload_id,))
    return upload(db, upload_id, now)


def _row(db: DB, upload_id: str) -> Row:
    row = db.execute("SELECT * FROM upload WHERE id = ?", (upload_id,)).fetchone()
    if row is None:
        raise UploadNotFound(upload_id)
    return row

"""Successors: which file replaced a file of a store, kept as long as the tombstone of the replaced one."""

from dataclasses import dataclass

from vectorstores_server.engines.local.catalog.dialect import DB
from vectorstores_server.engines.local.catalog.pagination import TOMBSTONE_SECONDS


@dataclass(frozen=True, slots=True)
class SupersededFile:
    """A file that was replaced: by which one, and the hash of its bytes."""

    superseded_by: str
    sha256: str | None


def note_successor(db: DB, store_id: str, file_id: str, sha256: str | None, new_id: str) -> None:
    """Remember the successor of a file that is gone from the store, also for all files that this one had replaced."""
    db.execute(
        "UPDATE tombstone SET superseded_by = ?, sha256 = ? WHERE scope = ? AND id = ?",
        (new_id, sha256, store_id, file_id),
    )
    db.execute(
        "UPDATE tombstone SET superseded_by = ? WHERE scope = ? AND superseded_by = ?", (new_id, store_id, file_id)
    )


def find_successor(db: DB, store_id: str, file_id: str, now: int) -> SupersededFile | None:
    """Return the file's successor; None where there is none, where that is gone too, and after a week."""
    row = db.execute(
        "SELECT superseded_by, tombstone.sha256 FROM tombstone"
        " JOIN attachment ON store_id = scope AND file_id = superseded_by"
        " WHERE scope = ? AND tombstone.id = ? AND gone_at > ?"
        " AND NOT EXISTS (SELECT 1 FROM attachment WHERE store_id = scope AND file_id = tombstone.id)",
        (store_id, file_id, now - TOMBSTONE_SECONDS),
    ).fetchone()
    return SupersededFile(*row) if row is not None else None

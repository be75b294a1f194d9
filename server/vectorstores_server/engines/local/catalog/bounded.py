"""Stores, Files and uploads as callers with bounds see them: what lies outside is not there."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vectorstores_server.engines.local.catalog.attachments import detach_row
from vectorstores_server.engines.local.catalog.dialect import DB, NEVER, marks
from vectorstores_server.engines.local.catalog.files import LIVING, list_files, remove_file
from vectorstores_server.engines.local.catalog.ids import loads
from vectorstores_server.engines.local.catalog.stores import list_stores
from vectorstores_tools.contract.bounds import StoreBounds
from vectorstores_tools.contract.errors import FileNotFound, StoreNotFound, UploadNotFound
from vectorstores_tools.contract.models import Deleted, File, Page, VectorStore
from vectorstores_tools.contract.requests import FilesRequest, PageRequest


@dataclass(frozen=True, slots=True)
class SeenFiles:
    """The condition on rows of `file` that are seen, with its values."""

    sql: str
    values: Sequence[Any]


def seen_stores(db: DB, bounds: StoreBounds) -> list[str]:
    """Return the ids of the stores that are seen."""
    if not bounds.metadata:
        return [store_id for store_id in sorted(bounds.stores) if _is_seen(db, bounds, store_id)]
    # Most stores of others hold no such words, and need not be parsed.
    words = [json.dumps(word, ensure_ascii=False) for pair in bounds.metadata for word in pair]
    holding = " AND ".join(["metadata LIKE ? ESCAPE '!'"] * len(words))
    rows = db.execute(f"SELECT id, metadata FROM store WHERE {holding}", [_anywhere(word) for word in words])  # noqa: S608
    by_pairs = {row["id"] for row in rows if bounds.hold(loads(row["metadata"]))}
    return sorted(by_pairs | {store_id for store_id in bounds.stores if _is_seen(db, bounds, store_id)})


def _anywhere(word: str) -> str:
    """Return the pattern of LIKE for a text that holds the word."""
    return "%" + word.replace("!", "!!").replace("%", "!%").replace("_", "!_") + "%"


def admit_store(db: DB, bounds: StoreBounds, store_id: str) -> None:
    """Raise StoreNotFound unless the store is seen, naming those seen that have the id as their name."""
    if not _is_seen(db, bounds, store_id):
        raise StoreNotFound(store_id, seen_namesakes(db, bounds, store_id))


def seen_namesakes(db: DB, bounds: StoreBounds, name: str, besides: str = "") -> list[str]:
    """Return the ids of the stores of that name that are seen, newest first."""
    rows = db.execute(
        "SELECT id, metadata FROM store WHERE name = ? AND id != ? ORDER BY created_at DESC, id DESC", (name, besides)
    )
    return [row["id"] for row in rows if bounds.admit(row["id"], loads(row["metadata"]))]


def admit_files(db: DB, bounds: StoreBounds, file_ids: Sequence[str], now: int) -> None:
    """Raise FileNotFound for the first File that is not seen, naming those seen that have the id as their name."""
    for file_id in file_ids:
        if not _is_file_seen(db, bounds, file_id, now):
            seen = _seen_files(db, bounds)
            named = db.execute(
                f"SELECT id FROM file WHERE filename = ? AND {seen.sql} ORDER BY created_at DESC, id DESC LIMIT 5",  # noqa: S608
                (file_id, *seen.values),
            )
            raise FileNotFound(file_id, [row["id"] for row in named])


def admit_upload(db: DB, bounds: StoreBounds, upload_id: str) -> None:
    """Raise UploadNotFound for an upload that a caller with other bounds began."""
    row = db.execute(
        "SELECT 1 FROM upload_uploader WHERE upload_id = ? AND bounds = ?", (upload_id, bounds.key)
    ).fetchone()
    if row is None:
        raise UploadNotFound(upload_id)


def list_seen_stores(db: DB, bounds: StoreBounds, request: PageRequest, now: int) -> Page[VectorStore]:
    """Return a page of the stores that are seen."""
    return list_stores(db, request, now, among=seen_stores(db, bounds))


def list_seen_files(db: DB, bounds: StoreBounds, request: FilesRequest, now: int) -> Page[File]:
    """Return a page of the Files that are seen."""
    seen = _seen_files(db, bounds)
    return list_files(db, request, now, (seen.sql, seen.values))


def note_upload(db: DB, bounds: StoreBounds, upload_id: str) -> None:
    """Remember who began an upload."""
    db.execute("INSERT INTO upload_uploader (upload_id, bounds) VALUES (?, ?)", (upload_id, bounds.key))


def note_file(db: DB, bounds: StoreBounds, file_id: str) -> None:
    """Remember who uploaded a File."""
    db.execute(
        "INSERT INTO file_uploader (file_id, bounds) VALUES (?, ?) ON CONFLICT (file_id, bounds) DO NOTHING",
        (file_id, bounds.key),
    )


def note_sources(db: DB, bounds: StoreBounds, store_id: str, file_ids: Sequence[str], since: int) -> None:
    """Remember who uploaded those of these Files that were made since then, for this store alone."""
    for file_id in file_ids:
        new = db.execute(
            "SELECT 1 FROM file WHERE id = ? AND created_at >= ?"
            " AND NOT EXISTS (SELECT 1 FROM attachment WHERE file_id = file.id AND store_id != ?)"
            " AND NOT EXISTS (SELECT 1 FROM file_uploader WHERE file_id = file.id)",
            (file_id, since, store_id),
        ).fetchone()
        if new is not None:
            note_file(db, bounds, file_id)


def delete_seen_file(db: DB, bounds: StoreBounds, file_id: str, now: int) -> Deleted:
    """Take a File out of all stores that are seen, and delete it where nobody else has it."""
    admit_files(db, bounds, [file_id], now)
    attached = db.execute("SELECT * FROM attachment WHERE file_id = ?", (file_id,)).fetchall()
    seen = [row for row in attached if _is_seen(db, bounds, row["store_id"])]
    others = db.execute("SELECT 1 FROM file_uploader WHERE file_id = ? AND bounds != ?", (file_id, bounds.key))
    if len(seen) == len(attached) and others.fetchone() is None:
        remove_file(db, file_id, now)
    else:
        for row in seen:
            detach_row(db, row, now)
        db.execute("DELETE FROM file_uploader WHERE file_id = ? AND bounds = ?", (file_id, bounds.key))
    return Deleted(id=file_id, object="file")


def _is_seen(db: DB, bounds: StoreBounds, store_id: str) -> bool:
    row = db.execute("SELECT id, metadata FROM store WHERE id = ?", (store_id,)).fetchone()
    return row is not None and bounds.admit(row["id"], loads(row["metadata"]))


def _is_file_seen(db: DB, bounds: StoreBounds, file_id: str, now: int) -> bool:
    living = db.execute(f"SELECT 1 FROM file WHERE id = ? AND {LIVING}", (file_id, now)).fetchone()  # noqa: S608
    uploaded = db.execute("SELECT 1 FROM file_uploader WHERE file_id = ? AND bounds = ?", (file_id, bounds.key))
    if living is None or uploaded.fetchone() is not None:
        return living is not None
    holders = db.execute(
        "SELECT store.id, metadata FROM attachment JOIN store ON store.id = store_id WHERE file_id = ?", (file_id,)
    )
    return any(bounds.admit(row["id"], loads(row["metadata"])) for row in holders)


def _seen_files(db: DB, bounds: StoreBounds) -> SeenFiles:
    stores = seen_stores(db, bounds)
    attached = f"store_id IN {marks(stores)}" if stores else NEVER
    return SeenFiles(
        f"(file.id IN (SELECT file_id FROM attachment WHERE {attached})"  # noqa: S608 our own words
        " OR file.id IN (SELECT file_id FROM file_uploader WHERE bounds = ?))",
        (*stores, bounds.key),
    )

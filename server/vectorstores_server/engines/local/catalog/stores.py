"""Stores: made, found, listed, changed, deleted, and kept alive by use."""

from collections.abc import Collection
from typing import Any

from vectorstores_server.engines.local.catalog.dialect import DB, NEVER, Row, marks
from vectorstores_server.engines.local.catalog.ids import dumps, loads, new_id
from vectorstores_server.engines.local.catalog.index_tables import add_table, doom_tables, upgrade_note
from vectorstores_server.engines.local.catalog.pagination import STORES, Listing, Position, buried, bury, page
from vectorstores_tools.contract.errors import StoreExpired, StoreNotFound
from vectorstores_tools.contract.models import Deleted, FileCounts, Page, VectorStore
from vectorstores_tools.contract.requests import ExpiresAfter, PageRequest, StoreCreate, StoreUpdate

DAY = 24 * 3600
TOUCH_SECONDS = 60


def insert_store(db: DB, request: StoreCreate, embedder: str | None, dimensions: int | None, now: int) -> str:
    """Make an empty store whose vectors are `embedder`'s, and return its id."""
    store_id = new_id("vs_")
    days = request.expires_after.days if request.expires_after else None
    metadata = None if request.metadata is None else dumps(request.metadata)
    db.execute(
        "INSERT INTO store (id, name, description, metadata, created_at, last_active_at, expires_days, expires_at,"
        " embedder, dimensions, table_name) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (store_id, request.name, request.description, metadata, now, now, days, _expires_at(now, days),
         embedder, dimensions, f"{store_id}_1"),
    )  # fmt: skip
    add_table(db, f"{store_id}_1", store_id, embedder, dimensions, "live")
    return store_id


def namesakes(db: DB, name: str, besides: str = "") -> list[str]:
    """Return the ids of the stores of that name, newest first."""
    rows = db.execute(
        "SELECT id FROM store WHERE name = ? AND id != ? ORDER BY created_at DESC, id DESC LIMIT 20", (name, besides)
    )
    return [row["id"] for row in rows]


def store_row(db: DB, store_id: str) -> Row:
    """Return the store's row. Raises StoreNotFound, naming the ids where `store_id` is a name."""
    row = db.execute("SELECT * FROM store WHERE id = ?", (store_id,)).fetchone()
    if row is None:
        raise StoreNotFound(store_id, namesakes(db, store_id))
    return row


def usable(db: DB, store_id: str, now: int) -> Row:
    """Return the store's row. Raises StoreNotFound, StoreExpired."""
    row = store_row(db, store_id)
    if is_expired(row, now):
        files = db.execute(
            "SELECT file_id FROM attachment WHERE store_id = ? ORDER BY created_at, file_id LIMIT 4", (store_id,)
        )
        raise StoreExpired(store_id, [f["file_id"] for f in files])
    return row


def is_expired(row: Row, now: int) -> bool:
    """Tell whether the store's time has passed, made final by the worker or not."""
    return bool(row["expired"]) or (row["expires_at"] is not None and row["expires_at"] <= now)


def retrieve_store(db: DB, store_id: str, now: int) -> VectorStore:
    """Return the store."""
    return _store(db, store_row(db, store_id), now)


def list_stores(db: DB, request: PageRequest, now: int, among: Collection[str] | None = None) -> Page[VectorStore]:
    """Return a page of the stores, or of those `among` them."""

    def position(id: str) -> Position | None:
        if among is not None and id not in among:
            return None
        row = db.execute("SELECT created_at FROM store WHERE id = ?", (id,)).fetchone()
        return (row["created_at"], id) if row else buried(db, STORES, id)

    where = () if among is None else [f"id IN {marks(among)}" if among else NEVER]
    listing = Listing("SELECT * FROM store", where, list(among or ()), ("created_at", "id"))
    return page(db, listing, request, position, lambda row: _store(db, row, now), lambda store: store.id)


def update_store(db: DB, store_id: str, request: StoreUpdate, now: int) -> VectorStore:
    """Replace the fields that were set."""
    row = usable(db, store_id, now)
    changes: dict[str, Any] = {"last_active_at": now}
    if "name" in request.model_fields_set:
        changes["name"] = request.name
    if "metadata" in request.model_fields_set:
        changes["metadata"] = None if request.metadata is None else dumps(request.metadata)
    days: int | None = row["expires_days"]
    if "expires_after" in request.model_fields_set:
        days = request.expires_after.days if request.expires_after else None
    changes |= {"expires_days": days, "expires_at": _expires_at(now, days)}
    names = ", ".join(f"{column} = ?" for column in changes)
    db.execute(f"UPDATE store SET {names} WHERE id = ?", (*changes.values(), store_id))  # noqa: S608 our own names
    return retrieve_store(db, store_id, now)


def delete_store(db: DB, store_id: str, now: int) -> Deleted:
    """Delete the store with its attachments and batches; its tables wait to be dropped."""
    row = store_row(db, store_id)
    doom_tables(db, store_id, now)
    db.execute("DELETE FROM store WHERE id = ?", (store_id,))
    db.execute("DELETE FROM tombstone WHERE scope = ?", (store_id,))
    bury(db, STORES, store_id, row["created_at"], now)
    return Deleted(id=store_id, object="vector_store.deleted")


def touch(db: DB, store_id: str, now: int) -> None:
    """Move last_active_at, and with it expires_at, at most once a minute; an expired store stays expired."""
    db.execute(
        "UPDATE store SET last_active_at = ?, expires_at = ? + expires_days * ?"
        " WHERE id = ? AND last_active_at <= ? AND expired = 0 AND (expires_at IS NULL OR expires_at > ?)",
        (now, now, DAY, store_id, now - TOUCH_SECONDS, now),
    )


def _expires_at(now: int, days: int | None) -> int | None:
    return None if days is None else now + days * DAY


def _store(db: DB, row: Row, now: int) -> VectorStore:
    counts = FileCounts(
        in_progress=row["n_in_progress"],
        completed=row["n_completed"],
        failed=row["n_failed"],
        cancelled=row["n_cancelled"],
        total=row["n_in_progress"] + row["n_completed"] + row["n_failed"] + row["n_cancelled"],
    )
    status = "expired" if is_expired(row, now) else "in_progress" if counts.in_progress else "completed"
    days = row["expires_days"]
    return VectorStore(
        id=row["id"],
        created_at=row["created_at"],
        name=row["name"],
        description=row["description"],
        usage_bytes=row["usage_bytes"],
        file_counts=counts,
        status=status,
        expires_after=None if days is None else ExpiresAfter(anchor="last_active_at", days=days).model_dump(),
        expires_at=row["expires_at"],
        last_active_at=row["last_active_at"],
        metadata=loads(row["metadata"]),
        notes=[note] if status != "expired" and (note := upgrade_note(db, row["id"], row["table_name"])) else None,
    )


def live_passages(db: DB) -> list[tuple[int, int]]:
    """Return the number of passages of each store that has any, and of the numbers of their vectors."""
    rows = db.execute(
        "SELECT sum(rows), coalesce(dimensions, 0) FROM attachment JOIN store ON store.id = store_id"
        " WHERE live_rev IS NOT NULL GROUP BY store.id"
    )
    return [(passages, dimensions) for passages, dimensions in rows if passages]

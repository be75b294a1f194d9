"""Pages of a list by key (created_at, id): a cursor is an id, and stays good for a week after its item is gone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from vectorstores_server.engines.local.catalog.dialect import ALWAYS, DB, Row
from vectorstores_tools.contract.errors import BadCursor
from vectorstores_tools.contract.models import Page
from vectorstores_tools.contract.requests import PageRequest

T = TypeVar("T")
Position: TypeAlias = tuple[int, str]
FindPosition: TypeAlias = Callable[[str], Position | None]

TOMBSTONE_SECONDS = 7 * 24 * 3600
STORES = "stores"
FILES = "files"


@dataclass(frozen=True, slots=True)
class Listing:
    """A SELECT with its FROM, the conditions and their values, and the columns that the list is ordered by."""

    select: str
    where: Sequence[str]
    values: Sequence[Any]
    order: tuple[str, str]


def page(
    db: DB,
    listing: Listing,
    request: PageRequest,
    position: FindPosition,
    item: Callable[[Row], T],
    identity: Callable[[T], str],
) -> Page[T]:
    """Return the page that `request` asks for; `position` tells where in the order an id stands, or stood."""
    after, before = _position(request, "after", position), _position(request, "before", position)
    backwards = before is not None and after is None
    ascending = (request.order == "asc") != backwards
    rows = _rows(db, listing, request, (after, before), ascending)
    has_more = len(rows) > request.limit
    items = [item(row) for row in rows[: request.limit]]
    if backwards:
        items.reverse()
    first, last = (identity(items[0]), identity(items[-1])) if items else (None, None)
    return Page[Any](data=items, first_id=first, last_id=last, has_more=has_more)


def bury(db: DB, scope: str, id: str, created_at: int, now: int) -> None:
    """Remember where a deleted item stood, so that a reader who pages by it goes on from there."""
    db.execute(
        "INSERT INTO tombstone (scope, id, created_at, gone_at) VALUES (?, ?, ?, ?) ON CONFLICT (scope, id) DO UPDATE"
        " SET created_at = excluded.created_at, gone_at = excluded.gone_at, superseded_by = NULL, sha256 = NULL",
        (scope, id, created_at, now),
    )


def buried(db: DB, scope: str, id: str) -> Position | None:
    """Return the position where the deleted item stood."""
    row = db.execute("SELECT created_at FROM tombstone WHERE scope = ? AND id = ?", (scope, id)).fetchone()
    return (row["created_at"], id) if row else None


def _position(request: PageRequest, param: str, position: FindPosition) -> Position | None:
    cursor: str | None = getattr(request, param)
    if cursor is None:
        return None
    found = position(cursor)
    if found is None:
        raise BadCursor(param, cursor)
    return found


def _rows(
    db: DB,
    listing: Listing,
    request: PageRequest,
    cursors: tuple[Position | None, Position | None],
    ascending: bool,
) -> list[Row]:
    where, values = list(listing.where), list(listing.values)
    key = f"({', '.join(listing.order)})"
    later, earlier = (">", "<") if request.order == "asc" else ("<", ">")
    for cursor, side in zip(cursors, (later, earlier), strict=True):
        if cursor is not None:
            where.append(f"{key} {side} (?, ?)")
            values.extend(cursor)
    direction = "ASC" if ascending else "DESC"
    order = ", ".join(f"{column} {direction}" for column in listing.order)
    parts = [listing.select, "WHERE", " AND ".join(where or [ALWAYS]), "ORDER BY", order, "LIMIT ?"]
    return db.execute(" ".join(parts), (*values, request.limit + 1)).fetchall()

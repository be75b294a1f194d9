"""The view that a search has of a store: read in one snapshot, so every file is there in exactly one version."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from vectorstores_server.engines.local.catalog.attributes import shown_attributes
from vectorstores_server.engines.local.catalog.dialect import DB, marks
from vectorstores_server.engines.local.catalog.filter_sql import select_revs
from vectorstores_server.engines.local.catalog.index_tables import TABLE_FORMAT, table_format
from vectorstores_server.engines.local.catalog.stores import usable
from vectorstores_tools.contract.filters import Filter

MANY = 1_000
FEW = 100


@dataclass(frozen=True, slots=True)
class StoreView:
    """A store as one snapshot has it.

    `in_progress`: files without a live version; `matching`: the live revisions that the filter meets, None without a
    filter; `unfinished`: revisions that are not live but may have rows in the table, at most MANY + 1 of them;
    `passages`: those of its live files, None where these are more than FEW.
    """

    store_id: str
    table: str
    embedder: str | None
    dimensions: int | None
    total: int
    live: int
    in_progress: int
    failed: int
    matching: list[int] | None
    unfinished: list[int]
    passages: int | None = None
    format: int = TABLE_FORMAT


@dataclass(frozen=True, slots=True)
class CitedFile:
    """A file as its hits show it; `text_version` is that of the parsers which made the text that was indexed.

    `added_at` is the time in Unix seconds at which it was attached.
    """

    rev: int
    file_id: str
    filename: str
    attributes: dict[str, Any]
    sha256: str
    text_version: int = 1
    source: str | None = None
    path: str | None = None
    added_at: int = 0


def view(db: DB, store_id: str, filter: Filter | None, now: int) -> StoreView:
    """Return the store as a search sees it. Raises StoreNotFound, StoreExpired."""
    row = usable(db, store_id, now)
    return StoreView(
        store_id=store_id,
        table=row["table_name"],
        embedder=row["embedder"],
        dimensions=row["dimensions"],
        total=row["n_in_progress"] + row["n_completed"] + row["n_failed"] + row["n_cancelled"],
        live=row["n_live"],
        in_progress=row["n_in_progress"] + row["n_completed"] - row["n_live"],
        failed=row["n_failed"],
        matching=None if filter is None else matching(db, store_id, filter),
        unfinished=_unfinished(db, store_id, row["table_name"]),
        passages=_passages(db, store_id) if row["n_live"] <= FEW else None,
        format=table_format(db, row["table_name"]),
    )


def matching(db: DB, store_id: str, filter: Filter) -> list[int]:
    """Return the live revisions that the filter meets."""
    query, values = select_revs(filter, store_id)
    return [rev for (rev,) in db.execute(query, values)]


def cited(db: DB, store_id: str, revs: Collection[int]) -> dict[int, CitedFile]:
    """Return the files of those of `revs` that are live in this snapshot."""
    if not revs:
        return {}
    rows = db.execute(
        "SELECT live_rev, file_id, coalesce(name, filename) AS filename, attributes, found, attributes_final,"  # noqa: S608 marks only
        " file.sha256, text_version, source, attachment.path, attachment.created_at FROM attachment"
        f" CROSS JOIN file ON file.id = file_id WHERE live_rev IN {marks(revs)} AND store_id = ?",
        (*revs, store_id),
    )
    return {
        row["live_rev"]: CitedFile(
            row["live_rev"],
            row["file_id"],
            row["filename"],
            shown_attributes(row),
            row["sha256"],
            row["text_version"],
            row["source"],
            row["path"],
            row["created_at"],
        )
        for row in rows
    }


def _passages(db: DB, store_id: str) -> int:
    count = "SELECT coalesce(sum(rows), 0) FROM attachment WHERE store_id = ? AND live_rev IS NOT NULL"
    return db.execute(count, (store_id,)).fetchone()[0]


def _unfinished(db: DB, store_id: str, table: str) -> list[int]:
    wanted = db.execute(
        "SELECT want_rev FROM attachment WHERE store_id = ? AND want_rev IS NOT NULL LIMIT ?", (store_id, MANY + 1)
    )
    revs = [row["want_rev"] for row in wanted]
    dead = db.execute("SELECT rev FROM dead_rev WHERE table_name = ? LIMIT ?", (table, MANY + 1 - len(revs)))
    return revs + [row["rev"] for row in dead]

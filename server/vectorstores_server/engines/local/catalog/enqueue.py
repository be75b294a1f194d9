"""Attaching: which files make work for the worker, and which the store already has."""

from collections.abc import Sequence

from vectorstores_server.engines.local.catalog.attachments import find_attachment, retrieve_store_file
from vectorstores_server.engines.local.catalog.attributes import replace_attributes
from vectorstores_server.engines.local.catalog.dialect import DB, Row
from vectorstores_server.engines.local.catalog.places import Origin
from vectorstores_server.engines.local.catalog.revisions import UNREAD, bury_revs, new_rev
from vectorstores_server.engines.local.catalog.stores import (
    insert_store,
    namesakes,
    retrieve_store,
    touch,
    usable,
)
from vectorstores_tools.contract.errors import FileNotFound
from vectorstores_tools.contract.models import VectorStore, VectorStoreFile
from vectorstores_tools.contract.requests import AUTO_CHUNKING, FileAttach, StaticChunking, StoreCreate

BATCHED, FIRST, ALONE = 0, 1, 2
"""Priorities, the highest first: files attached alone, a batch of one file so far, then the others, oldest first."""


def create_store(
    db: DB,
    request: StoreCreate,
    embedder: str | None,
    dimensions: int | None,
    now: int,
    *,
    undecided: bool = False,
) -> tuple[VectorStore, list[str]]:
    """Make a store with its files; return it, and the ids of other stores of that name."""
    require_files(db, request.file_ids, now)
    store_id = insert_store(db, request, embedder, dimensions, now)
    if undecided:
        db.execute("UPDATE store SET undecided = 1 WHERE id = ?", (store_id,))
    for file_id in dict.fromkeys(request.file_ids):
        file_attach = FileAttach(file_id=file_id, chunking_strategy=request.chunking_strategy)
        attach(db, store_id, file_attach, now, ALONE if len(request.file_ids) == 1 else BATCHED)
    others = namesakes(db, request.name, besides=store_id) if request.name else []
    return retrieve_store(db, store_id, now), others


def attach_file(db: DB, store_id: str, request: FileAttach, now: int) -> VectorStoreFile:
    """Attach one File, to be built before those of batches."""
    usable(db, store_id, now)
    require_files(db, [request.file_id], now)
    attach(db, store_id, request, now, ALONE)
    touch(db, store_id, now)
    return retrieve_store_file(db, store_id, request.file_id)


def require_files(db: DB, file_ids: Sequence[str], now: int) -> None:
    """Raise FileNotFound for the first id that is no File."""
    for file_id in file_ids:
        row = db.execute("SELECT expires_at FROM file WHERE id = ?", (file_id,)).fetchone()
        if row is None or (row["expires_at"] is not None and row["expires_at"] <= now):
            named = db.execute("SELECT id FROM file WHERE filename = ? ORDER BY created_at DESC LIMIT 5", (file_id,))
            raise FileNotFound(file_id, [n["id"] for n in named])


def attach(
    db: DB,
    store_id: str,
    request: FileAttach,
    now: int,
    priority: int,
    origin: Origin | None = None,
) -> int | None:
    """Attach an existing File, or one that is attached again; return the revision to wait for, None when there is none.

    Changed chunk sizes, a failure or a cancellation make work; given attributes count at once; options not given stay.
    `priority`: ALONE, FIRST or BATCHED.
    """
    row = find_attachment(db, store_id, request.file_id)
    sizes = request.chunking_strategy.sizes if request.chunking_strategy else None
    if row is None:
        return _first(db, store_id, request, sizes or AUTO_CHUNKING, now, priority, origin)
    if request.attributes is not None:
        replace_attributes(db, row["id"], request.attributes)
    if row["status"] in ("failed", "cancelled") or (sizes is not None and differs(row, sizes)):
        return requeue_row(db, row, now, priority, sizes)
    if row["want_priority"] < priority and row["want_rev"] is not None:
        db.execute("UPDATE attachment SET want_priority = ? WHERE id = ?", (priority, row["id"]))
    return row["want_rev"]


def requeue_row(db: DB, row: Row, now: int, priority: int, sizes: StaticChunking | None = None) -> int:
    """Let an attachment be processed again; those who waited for a former revision wait for the new one."""
    rev = new_rev(db)
    size, overlap = (sizes.max_chunk_size_tokens, sizes.chunk_overlap_tokens) if sizes else target_sizes(row)
    if row["want_rev"] is not None:
        db.execute("UPDATE batch_file SET rev = ? WHERE rev = ?", (rev, row["want_rev"]))
    db.execute(
        "UPDATE attachment SET want_rev = ?, status = 'in_progress', want_size = ?, want_overlap = ?,"
        " built = 0, to_build = 0,"
        " want_priority = CASE WHEN want_priority < ? THEN ? ELSE want_priority END WHERE id = ?",
        (rev, size, overlap, priority, priority, row["id"]),
    )
    if row["want_rev"] is not None:
        table = db.execute("SELECT table_name FROM store WHERE id = ?", (row["store_id"],)).fetchone()[0]
        bury_revs(db, table, (row["want_rev"],), now)
    return rev


def put_off(db: DB, rev: int) -> None:
    """Let a revision wait until pictures of its file are recognised."""
    db.execute("UPDATE attachment SET want_priority = ? WHERE want_rev = ?", (UNREAD, rev))


def resume(db: DB, rev: int) -> None:
    """Let a revision be built that waited for the recognition."""
    db.execute(
        "UPDATE attachment SET want_priority = ?, built = 0, to_build = 0 WHERE want_rev = ? AND want_priority = ?",
        (BATCHED, rev, UNREAD),
    )


def _first(
    db: DB,
    store_id: str,
    request: FileAttach,
    sizes: StaticChunking,
    now: int,
    priority: int,
    origin: Origin | None,
) -> int:
    rev = new_rev(db)
    size, overlap = sizes.max_chunk_size_tokens, sizes.chunk_overlap_tokens
    source, sha256 = (origin.source, origin.sha256) if origin else (None, None)
    db.execute(
        "INSERT INTO attachment (store_id, file_id, created_at, status, want_rev, chunk_size, chunk_overlap,"
        " want_size, want_overlap, want_priority, source, sha256)"
        " VALUES (?, ?, ?, 'in_progress', ?, ?, ?, ?, ?, ?, ?, ?)",
        (store_id, request.file_id, now, rev, size, overlap, size, overlap, priority, source, sha256),
    )
    if request.attributes and (row := find_attachment(db, store_id, request.file_id)) is not None:
        replace_attributes(db, row["id"], request.attributes)
    return rev


def target_sizes(row: Row) -> tuple[int, int]:
    """Return the chunk size and overlap that an attachment has, or is getting."""
    if row["want_size"] is None:
        return row["chunk_size"], row["chunk_overlap"]
    return row["want_size"], row["want_overlap"]


def differs(row: Row, sizes: StaticChunking) -> bool:
    """Tell whether the chunk sizes that the attachment has, or is getting, differ from these."""
    return target_sizes(row) != (sizes.max_chunk_size_tokens, sizes.chunk_overlap_tokens)

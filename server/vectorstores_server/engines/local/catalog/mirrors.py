"""Mirrors: folders that stores follow, one row each, and the walk that a row asks for."""

import json

from vectorstores_server.engines.local.catalog.dialect import DB, Row
from vectorstores_server.engines.local.catalog.ids import dumps, loads
from vectorstores_server.engines.local.catalog.stores import retrieve_store, usable
from vectorstores_tools.contract.engine import AttachOptions
from vectorstores_tools.contract.mirrors import Mirror, WalkReport
from vectorstores_tools.contract.models import StoreSource, VectorStore
from vectorstores_tools.contract.requests import ChunkingStrategy, StaticChunking


def list_mirrors(db: DB, store_id: str | None, now: int) -> list[Mirror]:
    """Return the mirrors of a store, or of all that have not expired."""
    rows = db.execute(
        "SELECT mirror.* FROM mirror JOIN store ON store.id = store_id WHERE expired = 0"
        " AND (store.expires_at IS NULL OR store.expires_at > ?) AND store_id = coalesce(?, store_id)"
        " ORDER BY mirror.id",
        (now, store_id),
    )
    return [_mirror(row) for row in rows]


def find_mirror(db: DB, mirror_id: int, now: int) -> Mirror | None:
    """Return a mirror whose store can be used, or None."""
    row = db.execute("SELECT * FROM mirror WHERE id = ?", (mirror_id,)).fetchone()
    if row is None:
        return None
    return next((mirror for mirror in list_mirrors(db, row["store_id"], now) if mirror.id == mirror_id), None)


def begin_mirror(db: DB, store_id: str, folder: str, options: AttachOptions, confirmed: bool, now: int) -> Mirror:
    """Enter a mirror, or ask for another walk of one; the options given replace those it has."""
    usable(db, store_id, now)
    db.execute(
        "INSERT INTO mirror (store_id, folder, created_at) SELECT ?, ?, ?"
        " WHERE NOT EXISTS (SELECT 1 FROM mirror WHERE store_id = ? AND folder = ?)",
        (store_id, folder, now, store_id, folder),
    )
    attributes = None if options.attributes is None else dumps(options.attributes)
    sizes = options.chunking_strategy.sizes if options.chunking_strategy else None
    db.execute(
        "UPDATE mirror SET asked = asked + 1, confirmed = CASE WHEN ? = 1 THEN 1 ELSE confirmed END,"
        " attributes = coalesce(?, attributes),"
        " chunk_size = coalesce(?, chunk_size), chunk_overlap = coalesce(?, chunk_overlap)"
        " WHERE store_id = ? AND folder = ?",
        (
            int(confirmed),
            attributes,
            sizes.max_chunk_size_tokens if sizes else None,
            sizes.chunk_overlap_tokens if sizes else None,
            store_id,
            folder,
        ),
    )
    row = db.execute("SELECT * FROM mirror WHERE store_id = ? AND folder = ?", (store_id, folder)).fetchone()
    return _mirror(row)


def end_mirror(db: DB, store_id: str, folder: str) -> bool:
    """Forget a mirror; False where there is none."""
    return db.execute("DELETE FROM mirror WHERE store_id = ? AND folder = ?", (store_id, folder)).rowcount > 0


def note_walk(db: DB, mirror_id: int, report: WalkReport, now: int) -> None:
    """Record the result of a walk. The consent to a removal ends with the walk that it was given for."""
    ended = int(report.walked > 0)
    db.execute(
        "UPDATE mirror SET state = ?, note = ?, counts = ?, walked = CASE WHEN walked < ? THEN ? ELSE walked END,"
        " batch_id = coalesce(?, batch_id),"
        " watched = coalesce(?, watched), looked_at = CASE WHEN ? = 1 THEN ? ELSE looked_at END,"
        " confirmed = CASE WHEN ? = 1 AND asked <= ? THEN 0 ELSE confirmed END WHERE id = ?",
        (
            report.state,
            report.note,
            json.dumps(dict(report.counts)),
            report.walked,
            report.walked,
            report.batch_id,
            report.watched,
            ended,
            now,
            ended,
            report.walked,
            mirror_id,
        ),
    )


def store_with_sources(db: DB, store_id: str, now: int) -> VectorStore:
    """Return a store with the folders that it follows."""
    return retrieve_store(db, store_id, now).model_copy(update={"sources": sources_of(db, store_id)})


def sources_of(db: DB, store_id: str) -> list[StoreSource] | None:
    """Return the folders that a store follows, as the store shows them; None where it follows none."""
    rows = db.execute("SELECT * FROM mirror WHERE store_id = ? ORDER BY id", (store_id,)).fetchall()
    return [_source(_mirror(row)) for row in rows] or None


def outermost(db: DB, store_id: str, source: str) -> str | None:
    """Return the outermost folder that the store follows and that holds the source."""
    rows = db.execute("SELECT folder FROM mirror WHERE store_id = ? ORDER BY length(folder)", (store_id,))
    return next((row["folder"] for row in rows if is_below(source, row["folder"])), None)


def is_below(source: str, folder: str) -> bool:
    """Tell whether a source lies below a folder; both are whole, real paths."""
    bare = folder.rstrip("/\\")
    return source.startswith(bare) and source[len(bare) : len(bare) + 1] in ("/", "\\")


def _source(mirror: Mirror) -> StoreSource:
    return StoreSource(
        folder=mirror.folder,
        state=mirror.state,
        note=mirror.note,
        watched=mirror.watched,
        looked_at=mirror.looked_at,
        walking=mirror.due,
        counts=dict(mirror.counts),
    )


def _mirror(row: Row) -> Mirror:
    strategy = None
    if row["chunk_size"] is not None:
        sizes = StaticChunking.model_construct(
            max_chunk_size_tokens=row["chunk_size"], chunk_overlap_tokens=row["chunk_overlap"]
        )
        strategy = ChunkingStrategy(type="static", static=sizes)
    return Mirror(
        id=row["id"],
        store_id=row["store_id"],
        folder=row["folder"],
        state=row["state"],
        note=row["note"],
        watched=row["watched"],
        looked_at=row["looked_at"],
        asked=row["asked"],
        walked=row["walked"],
        confirmed=bool(row["confirmed"]),
        counts=json.loads(row["counts"]),
        batch_id=row["batch_id"],
        options=AttachOptions(loads(row["attributes"]), strategy),
    )

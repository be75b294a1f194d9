"""The files of a store that came from below a folder: found, given another place, taken out and taken back."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePath

from vectorstores_server.engines.local.catalog.attachments import detach_row, find_attachment
from vectorstores_server.engines.local.catalog.dialect import DB, Row, tuples
from vectorstores_server.engines.local.catalog.enqueue import ALONE, BATCHED, attach, requeue_row, target_sizes
from vectorstores_server.engines.local.catalog.ids import loads
from vectorstores_server.engines.local.catalog.mirrors import is_below, outermost
from vectorstores_server.engines.local.catalog.places import Origin, path_below, place_of, put
from vectorstores_server.engines.local.catalog.sources import makes_work
from vectorstores_server.engines.local.catalog.stores import touch, usable
from vectorstores_tools.contract.engine import AttachOptions
from vectorstores_tools.contract.intake import FileStat, KnownStat
from vectorstores_tools.contract.mirrors import MirroredFile, Rename
from vectorstores_tools.contract.requests import ChunkingStrategy, FileAttach, StaticChunking


def stats_below(db: DB, store_id: str, folder: str) -> dict[str, KnownStat]:
    """Return each source below the folder, with the size and times on disk of its newest version."""
    bare = folder.rstrip("/\\")
    rows = tuples(
        db,
        "SELECT source, disk_bytes, modified_ns, inode FROM attachment"
        " WHERE store_id = ? AND source > ? AND source < ? ORDER BY source, id",  # of several versions the last stays
        (store_id, bare, bare + "]"),
    )
    # The range from "/" to "\" also holds other folders, whose names begin with this folder's.
    return {row[0]: row[1:] for row in rows if row[0][len(bare)] in "/\\"}


def untouched_below(db: DB, store_id: str, folder: str, options: AttachOptions) -> dict[str, tuple[str, KnownStat]]:
    """Return the File and what the disk said of each source below the folder of which nothing has to be done."""
    if options.attributes is not None:
        return {}
    bare = folder.rstrip("/\\")
    rows = db.execute(
        "SELECT source, file_id, disk_bytes, modified_ns, inode, folder, status, chunk_size, chunk_overlap, want_size,"
        " want_overlap FROM attachment WHERE store_id = ? AND source > ? AND source < ? ORDER BY source, id",
        (store_id, bare, bare + "]"),
    )
    newest = {row["source"]: row for row in rows}
    return {
        source: (row["file_id"], (row["disk_bytes"], row["modified_ns"], row["inode"]))
        for source, row in newest.items()
        # One that came without a folder gets its path from this one.
        if row["folder"] is not None and source[len(bare)] in "/\\" and not makes_work(row, options)
    }


def files_below(db: DB, store_id: str, folder: str) -> list[MirroredFile]:
    """Return the newest version of each source below the folder."""
    bare = folder.rstrip("/\\")
    rows = db.execute(
        # The character after each separator ends the range of what begins with the folder.
        "SELECT file_id, source, path, folder, sha256, disk_bytes, modified_ns, inode FROM attachment"
        " WHERE store_id = ? AND source > ? AND source < ? ORDER BY source, id",  # of several versions the last stays
        (store_id, bare, bare + "]"),
    )
    newest = {row["source"]: row for row in rows}
    return [_file(row) for source, row in newest.items() if is_below(source, folder)]


def rename(db: DB, store_id: str, renames: Iterable[Rename], now: int) -> None:
    """Give sources their new places, in all of their versions. A changed name is indexed again."""
    for moved in renames:
        rows = db.execute(
            "SELECT attachment.*, filename FROM attachment JOIN file ON file.id = file_id"
            " WHERE store_id = ? AND source = ?",
            (store_id, moved.source),
        ).fetchall()
        for row in rows:
            _move(db, row, moved, now)


def take_out(db: DB, store_id: str, sources: Iterable[str], now: int) -> int:
    """Take sources out of the store; of each the newest version is remembered, its File stays for a while."""
    usable(db, store_id, now)
    parted = 0
    for source in sources:
        rows = db.execute(
            "SELECT * FROM attachment WHERE store_id = ? AND source = ? ORDER BY id", (store_id, source)
        ).fetchall()
        for row in rows:
            _remember(db, row, now)
            detach_row(db, row, now)
        parted += bool(rows)
    if parted:
        touch(db, store_id, now)
    return parted


def is_parted(db: DB, store_id: str, sha256: str) -> bool:
    """Tell whether a File of these bytes was taken out of the store."""
    row = db.execute("SELECT 1 FROM parted WHERE store_id = ? AND sha256 = ? LIMIT 1", (store_id, sha256)).fetchone()
    return row is not None


def apply_options(db: DB, store_id: str, folder: str, options: AttachOptions, now: int) -> None:
    """Give the store's files of a folder the attributes and chunk sizes of a call."""
    if options.attributes is None and options.chunking_strategy is None:
        return
    for file in files_below(db, store_id, folder):
        request = FileAttach.model_construct(
            file_id=file.file_id, attributes=options.attributes, chunking_strategy=options.chunking_strategy
        )
        attach(db, store_id, request, now, BATCHED)


def take_back(db: DB, store_id: str, origin: Origin, name: str, now: int) -> str | None:
    """Attach a File of these bytes that was taken out, as it was attached; None where there is none."""
    usable(db, store_id, now)
    row = db.execute(
        "SELECT parted.* FROM parted JOIN file ON file.id = file_id WHERE store_id = ? AND parted.sha256 = ?"
        " AND (file.expires_at IS NULL OR file.expires_at > ?) ORDER BY source = ? DESC, gone_at DESC",
        (store_id, origin.sha256, now, origin.source),
    ).fetchone()
    if row is None or find_attachment(db, store_id, row["file_id"]) is not None:
        return None
    sizes = StaticChunking.model_construct(
        max_chunk_size_tokens=row["chunk_size"], chunk_overlap_tokens=row["chunk_overlap"]
    )
    request = FileAttach.model_construct(
        file_id=row["file_id"],
        attributes=loads(row["attributes"]),
        chunking_strategy=ChunkingStrategy(type="static", static=sizes),
    )
    attach(db, store_id, request, now, ALONE, origin)
    if (attached := find_attachment(db, store_id, row["file_id"])) is not None:
        top = outermost(db, store_id, origin.source)
        put(db, attached["id"], place_of(replace(origin, folder=top), None, top))
        _call(db, attached, name)
    db.execute("DELETE FROM parted WHERE store_id = ? AND file_id = ?", (store_id, row["file_id"]))
    touch(db, store_id, now)
    return row["file_id"]


def renew_paths(db: DB, store_id: str, folder: str) -> None:
    """Give the files below a folder that the store now follows their path below the outermost followed folder."""
    top = outermost(db, store_id, f"{folder}/") or folder
    for file in files_below(db, store_id, top):
        db.execute(
            "UPDATE attachment SET path = ? WHERE store_id = ? AND source = ?",
            (path_below(top, file.source), store_id, file.source),
        )


def _move(db: DB, row: Row, moved: Rename, now: int) -> None:
    origin = Origin(moved.to, row["sha256"], row["folder"], moved.stat)
    db.execute("UPDATE attachment SET source = ? WHERE id = ?", (moved.to, row["id"]))
    put(db, row["id"], place_of(origin, None, outermost(db, row["store_id"], moved.to)))
    if _call(db, row, PurePath(moved.to).name) and (row["live_rev"] is not None or row["want_rev"] is not None):
        requeue_row(db, row, now, BATCHED)


def _call(db: DB, row: Row, name: str) -> bool:
    """Give an attachment a name that differs from its File's; False where it has that name already."""
    former = row["name"] or row["filename"]
    db.execute("UPDATE attachment SET name = ? WHERE id = ?", (name, row["id"]))
    return former != name


def _remember(db: DB, row: Row, now: int) -> None:
    size, overlap = target_sizes(row)
    db.execute(
        "INSERT INTO parted (store_id, file_id, source, sha256, attributes, chunk_size, chunk_overlap, gone_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (store_id, file_id) DO UPDATE SET source = excluded.source,"
        " sha256 = excluded.sha256, attributes = excluded.attributes, chunk_size = excluded.chunk_size,"
        " chunk_overlap = excluded.chunk_overlap, gone_at = excluded.gone_at",
        (row["store_id"], row["file_id"], row["source"], row["sha256"], row["attributes"], size, overlap, now),
    )


def _file(row: Row) -> MirroredFile:
    stat = None
    if row["disk_bytes"] is not None:
        stat = FileStat(row["disk_bytes"], row["modified_ns"], row["inode"])
    path = row["path"] or PurePath(row["source"]).name
    return MirroredFile(row["file_id"], row["source"], path, row["sha256"], stat, row["folder"] is None)

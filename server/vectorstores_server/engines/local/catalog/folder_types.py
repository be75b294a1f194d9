"""The types of files that each folder gave when it was attached last, so that an upgrade surprises nobody.

A folder that a former version attached has no entry: it is taken to have given the types of that version.
"""

import os
from collections.abc import Collection, Mapping
from pathlib import PurePath

from vectorstores_server.engines.local.catalog.dialect import DB


def are_reviewed(db: DB, store_id: str, folders: Collection[str], now: str) -> bool:
    """Tell whether each folder gave the types that are taken `now`, a list separated by spaces."""
    rows = db.execute("SELECT folder FROM folder_types WHERE store_id = ? AND types = ?", (store_id, now))
    return set(folders) <= {row["folder"] for row in rows}


def review(
    db: DB,
    store_id: str,
    folders: Mapping[str, str],
    kinds: Mapping[str, str],
    now: str,
    first: Collection[str],
) -> list[str]:
    """Return the origins of types that are new to their folder, and note that the folders give the types taken `now`.

    `folders` and `kinds` have the folder and the type of each origin. A file that the store holds already is not new.
    """
    before = {folder: _types_before(db, store_id, folder, first) for folder in set(folders.values())}
    db.executemany(
        "INSERT INTO folder_types (store_id, folder, types) SELECT id, ?, ? FROM store WHERE id = ?"
        " ON CONFLICT (store_id, folder) DO UPDATE SET types = excluded.types",
        [(folder, now, store_id) for folder in before],
    )
    found: list[str] = []
    for origin, folder in folders.items():
        types = before[folder]
        if types is not None and kinds[origin] not in types and not _is_held(db, store_id, origin):
            found.append(origin)
    return found


def _types_before(db: DB, store_id: str, folder: str, first: Collection[str]) -> Collection[str] | None:
    """Return the types that the folder, or one around it, gave before; None for a folder that is new to the store."""
    for around in (folder, *map(str, PurePath(folder).parents)):
        row = db.execute(
            "SELECT types FROM folder_types WHERE store_id = ? AND folder = ?", (store_id, around)
        ).fetchone()
        if row is not None:
            return frozenset(row["types"].split())
    return first if _was_attached(db, store_id, folder) else None


def _was_attached(db: DB, store_id: str, folder: str) -> bool:
    """Tell whether a former version attached something below the folder: it kept no path."""
    below = folder.rstrip(os.sep) + os.sep
    row = db.execute(
        "SELECT 1 FROM attachment WHERE store_id = ? AND source >= ? AND source < ? AND path IS NULL LIMIT 1",
        (store_id, below, below + "\U0010ffff"),
    ).fetchone()
    return row is not None


def _is_held(db: DB, store_id: str, origin: str) -> bool:
    query = "SELECT 1 FROM attachment WHERE store_id = ? AND source = ? LIMIT 1"
    return db.execute(query, (store_id, origin)).fetchone() is not None

"""What the files of a store hold under the keys of a filter that none of them meets."""

import sqlite3

from vectorstores_tools.contract.filters import Filter, comparisons
from vectorstores_tools.contract.models import HeldKey

KEYS = 3
VALUES = 3
OTHERS = 5


def held_keys(db: sqlite3.Connection, store_id: str, filter: Filter) -> list[HeldKey]:
    """Return what is held under the first keys of the filter."""
    named = dict.fromkeys(comparison.key for comparison in comparisons(filter))
    return [_held(db, store_id, key) for key in list(named)[:KEYS]]


def _held(db: sqlite3.Connection, store_id: str, key: str) -> HeldKey:
    live = "FROM attribute WHERE store_id = ? AND rev IS NOT NULL"
    kinds = [kind for (kind,) in db.execute(f"SELECT DISTINCT kind {live} AND key = ?", (store_id, key))]
    if not kinds:
        others = db.execute(f"SELECT DISTINCT key {live} LIMIT ?", (store_id, OTHERS))
        return HeldKey(key=key, instead=[other for (other,) in others])
    frequent = f"SELECT kind, value {live} AND key = ? GROUP BY kind, value ORDER BY count(*) DESC, value LIMIT ?"
    rows = db.execute(frequent, (store_id, key, VALUES))
    values = [bool(value) if kind == "boolean" else value for kind, value in rows]
    return HeldKey(key=key, kinds=kinds, values=values)

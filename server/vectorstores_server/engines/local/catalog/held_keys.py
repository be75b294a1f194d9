"""The values that files of a store hold under the keys of a filter that none of them meets."""

from vectorstores_server.engines.local.catalog.dialect import DB, held
from vectorstores_server.engines.local.catalog.fact_sql import COLUMNS
from vectorstores_tools.contract.filters import FACT_KEYS, Comparison, Filter, comparisons
from vectorstores_tools.contract.models import HeldKey

KEYS = 3
VALUES = 3
OTHERS = 5


def held_keys(db: DB, store_id: str, filter: Filter) -> list[HeldKey]:
    """Return the values held under the first keys of the filter."""
    named = {(comparison.key, comparison.of_file): comparison for comparison in comparisons(filter)}
    return [_held(db, store_id, comparison) for comparison in list(named.values())[:KEYS]]


def keys_named_like_facts(db: DB) -> list[str]:
    """Return keys of attributes that are named like a fact of the file: a filter by such a name reads the fact."""
    marks = ", ".join("?" * len(FACT_KEYS))
    query = f"SELECT DISTINCT key FROM attribute WHERE key IN ({marks}) ORDER BY key"  # noqa: S608 marks alone
    return [key for (key,) in db.execute(query, FACT_KEYS)]


def _held(db: DB, store_id: str, asked: Comparison) -> HeldKey:
    return _fact(db, store_id, asked.key) if asked.of_file else _attribute(db, store_id, asked.key)


def _fact(db: DB, store_id: str, key: str) -> HeldKey:
    fact = COLUMNS[key]
    frequent = (
        f"SELECT held FROM (SELECT {fact.value} AS held FROM {fact.tables} WHERE store_id = ?"  # noqa: S608 constants
        " AND live_rev IS NOT NULL) AS facts WHERE held IS NOT NULL GROUP BY held ORDER BY count(*) DESC, held LIMIT ?"
    )
    values = [value for (value,) in db.execute(frequent, (store_id, VALUES))]
    return HeldKey(key=key, kinds=[fact.kind] if values else [], values=values)


def _attribute(db: DB, store_id: str, key: str) -> HeldKey:
    live = "FROM attribute WHERE store_id = ? AND rev IS NOT NULL"
    kinds = [kind for (kind,) in db.execute(f"SELECT DISTINCT kind {live} AND key = ?", (store_id, key))]
    if not kinds:
        others = db.execute(f"SELECT DISTINCT key {live} LIMIT ?", (store_id, OTHERS))
        return HeldKey(key=key, instead=[other for (other,) in others])
    frequent = f"SELECT kind, value {live} AND key = ? GROUP BY kind, value ORDER BY count(*) DESC, value LIMIT ?"
    rows = db.execute(frequent, (store_id, key, VALUES))
    values = [held(kind, value) for kind, value in rows]
    return HeldKey(key=key, kinds=kinds, values=values)

"""Attribute filters as SQL over the `attribute` table: the same matches as `vectorstores_tools.filters.matches`.

Every comparison is a set of live revisions, read from the index (store_id, key, kind, value, rev) alone; `ne` and
`nin` are what is outside the set of `eq` and `in`, so a file without the key matches them. Where all matches lie in
one such set, that set is what is walked, not the store: .8 ms instead of 16 for 2,800 of 10,000 files.
SQLite compares integers with reals exactly, and text by its UTF-8 bytes, which is the order of code points: as Python
does.
"""

from typing import TypeAlias

from vectorstores_tools.contract.filters import Comparison, Compound, Filter, Scalar, kind

Compiled: TypeAlias = tuple[str, list[Scalar]]

_ORDERINGS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_LIVE = "SELECT live_rev FROM attachment WHERE store_id = ? AND live_rev IS NOT NULL"


def select_revs(filter: Filter, store_id: str) -> Compiled:
    """Return a SELECT of the live revisions that the filter meets, and its values."""
    narrow, rest = _narrowest(filter)
    alone: Compiled = (_LIVE, [store_id])
    walked, values = alone if narrow is None else _set(narrow, store_id)
    column = "live_rev" if narrow is None else "rev"
    for part in rest:
        condition, more = _condition(part, store_id, column)
        walked, values = f"{walked} AND {condition}", [*values, *more]
    return walked, values


def _narrowest(filter: Filter) -> tuple[Comparison | None, list[Filter]]:
    """Return a comparison that every match meets and that is a set, and what else is to be met."""
    parts = list(filter.filters) if isinstance(filter, Compound) and filter.operator == "and" else [filter]
    for part in parts:
        if isinstance(part, Comparison) and part.operator not in ("ne", "nin"):
            return part, [other for other in parts if other is not part]
    return None, parts


def _condition(filter: Filter, store_id: str, column: str) -> Compiled:
    if isinstance(filter, Compound):
        return _compound(filter, store_id, column)
    members, values = _set(filter, store_id)
    outside = "NOT " if filter.operator in ("ne", "nin") else ""
    return f"{column} {outside}IN ({members})", values


def _compound(filter: Compound, store_id: str, column: str) -> Compiled:
    if not filter.filters:
        return ("1" if filter.operator == "and" else "0"), []
    parts = [_condition(f, store_id, column) for f in filter.filters]
    joined = f" {filter.operator.upper()} ".join(condition for condition, _ in parts)
    return f"({joined})", [value for _, values in parts for value in values]


def _set(filter: Comparison, store_id: str) -> Compiled:
    """Return a SELECT of the live revisions with such a value, for `ne` and `nin` those that they exclude."""
    condition, values = _values(filter)
    query = f"SELECT rev FROM attribute WHERE store_id = ? AND key = ? AND rev IS NOT NULL AND {condition}"  # noqa: S608 no value is in it
    return query, [store_id, filter.key, *values]


def _values(filter: Comparison) -> Compiled:
    wanted = filter.value if isinstance(filter.value, tuple) else (filter.value,)
    if filter.operator in _ORDERINGS:
        return f"kind = ? AND value {_ORDERINGS[filter.operator]} ?", [kind(wanted[0]), wanted[0]]
    conditions: list[str] = []
    values: list[Scalar] = []
    for value_kind in sorted({kind(value) for value in wanted}):
        members = [value for value in wanted if kind(value) == value_kind]
        conditions.append(f"kind = ? AND value IN ({', '.join('?' * len(members))})")
        values += [value_kind, *members]
    return f"({' OR '.join(conditions) or '0'})", values

"""Attribute filters as SQL over the `attribute` table: the same matches as `vectorstores_tools.filters.matches`.

Every comparison is a set of attachments, found by the index (store_id, key, kind, value); `ne` and `nin` are what is
outside the set of `eq` and `in`, so a file without the key matches them. SQLite compares integers with reals exactly,
and text by its UTF-8 bytes, which is the order of code points: as Python does.
"""

from typing import TypeAlias

from vectorstores_tools.filters import Comparison, Compound, Filter, Scalar, kind

Compiled: TypeAlias = tuple[str, list[Scalar]]

_ORDERINGS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_SET = "SELECT attachment_id FROM attribute WHERE store_id = ? AND key = ?"


def compile_filter(filter: Filter, store_id: str) -> Compiled:
    """Return a condition on `attachment.id`, and its values."""
    if isinstance(filter, Compound):
        return _compound(filter, store_id)
    condition, values = _comparison(filter)
    outside = "NOT " if filter.operator in ("ne", "nin") else ""
    return f"attachment.id {outside}IN ({_SET} AND {condition})", [store_id, filter.key, *values]


def _compound(filter: Compound, store_id: str) -> Compiled:
    if not filter.filters:
        return ("1" if filter.operator == "and" else "0"), []
    parts = [compile_filter(f, store_id) for f in filter.filters]
    joined = f" {filter.operator.upper()} ".join(condition for condition, _ in parts)
    return f"({joined})", [value for _, values in parts for value in values]


def _comparison(filter: Comparison) -> Compiled:
    if filter.operator in _ORDERINGS:
        value = filter.value
        assert not isinstance(value, tuple)  # noqa: S101 the grammar gives an ordering one value
        return f"kind = ? AND value {_ORDERINGS[filter.operator]} ?", [kind(value), value]
    wanted = filter.value if isinstance(filter.value, tuple) else (filter.value,)
    if not wanted:
        return "0", []
    pairs = ", ".join("(?, ?)" for _ in wanted)
    return f"(kind, value) IN (VALUES {pairs})", [part for value in wanted for part in (kind(value), value)]

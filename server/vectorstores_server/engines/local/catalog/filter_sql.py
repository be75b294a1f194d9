"""Filters as SQL: the same matches as `vectorstores_tools.contract.filters.matches`.

A comparison of an attribute is a set of revisions, read from the index (store_id, key, kind, value, rev) of `attribute`
alone; one of a fact (`$type`) a set read from `attachment` and `file`. `ne` and `nin` are the rows outside the set of
`eq` and `in`, so a file without the key matches them. Where all matches lie in one such set, SQLite walks that set, not
the store: .8 ms instead of 16 for 2,800 of 10,000 files. SQLite compares integers with reals exactly, and text by its
UTF-8 bytes, which is the order of code points: as Python does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from vectorstores_server.engines.local.catalog.dialect import ALWAYS, NEVER, HeldValue, marks
from vectorstores_server.engines.local.catalog.fact_sql import COLUMNS
from vectorstores_tools.contract.filters import Comparison, Compound, Filter, Scalar, kind

Compiled: TypeAlias = tuple[str, list[object]]
Given: TypeAlias = Callable[[Scalar], object]

_ORDERINGS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_LAST = 0x10FFFF
_SURROGATES = (0xD800, 0xDFFF)


@dataclass(frozen=True, slots=True)
class _Selected:
    """The rows that a filter selects: the name of their number in either table, and the condition for having one."""

    of_attribute: str
    of_attachment: str
    attributes: str = ALWAYS
    attachments: str = ALWAYS


_REVS = _Selected("rev", "live_rev", "rev IS NOT NULL", "live_rev IS NOT NULL")
_IDS = _Selected("attachment_id", "attachment.id")


def select_revs(filter: Filter, store_id: str) -> Compiled:
    """Return a SELECT of the live revisions that the filter meets, and its values."""
    return _select(filter, store_id, _REVS)


def select_attachments(filter: Filter, store_id: str) -> Compiled:
    """Return a SELECT of the attachments that the filter meets, live or not, and its values."""
    return _select(filter, store_id, _IDS)


def value_condition(filter: Comparison, value: str, known: str | None, given: Given) -> Compiled:
    """Return the condition on a value and its kind; for `ne` and `nin` that of the values that they exclude.

    `known` is the kind of all values, None where a column holds it; `given` makes the parameter that a value of the
    filter is compared by.
    """
    wanted = filter.value if isinstance(filter.value, tuple) else (filter.value,)
    if filter.operator in _ORDERINGS:
        compared = f"{value} {_ORDERINGS[filter.operator]} ?", [given(wanted[0])]
        return _of_kind(kind(wanted[0]), known, compared)
    if filter.operator == "prefix":
        return _of_kind("string", known, _between(str(wanted[0]), value, given))
    conditions: list[str] = []
    values: list[object] = []
    for known_kind in sorted({kind(member) for member in wanted}):
        members = [member for member in wanted if kind(member) == known_kind]
        among = f"{value} IN {marks(members)}", [given(member) for member in members]
        condition, more = _of_kind(known_kind, known, among)
        conditions.append(condition)
        values += more
    return f"({' OR '.join(conditions) or NEVER})", values


def _of_kind(wanted: str, known: str | None, compiled: Compiled) -> Compiled:
    """Return a condition that only values of the wanted kind meet, which are compared with no other."""
    condition, values = compiled
    if known is None:
        return f"kind = ? AND {condition}", [wanted, *values]
    return compiled if known == wanted else (NEVER, [])


def _select(filter: Filter, store_id: str, selected: _Selected) -> Compiled:
    narrow, rest = _narrowest(filter)
    if narrow is None:
        column = selected.of_attachment
        walked = f"SELECT {column} FROM attachment WHERE store_id = ? AND {selected.attachments}"  # noqa: S608 constants
        values: list[object] = [store_id]
    else:
        column = selected.of_attachment if narrow.of_file else selected.of_attribute
        walked, values = _set(narrow, store_id, selected)
    for part in rest:
        condition, more = _condition(part, store_id, column, selected)
        walked, values = f"{walked} AND {condition}", [*values, *more]
    return walked, values


def _narrowest(filter: Filter) -> tuple[Comparison | None, list[Filter]]:
    """Return a comparison that is a set and that every match meets, and the other conditions."""
    parts = list(filter.filters) if isinstance(filter, Compound) and filter.operator == "and" else [filter]
    sets = [part for part in parts if isinstance(part, Comparison) and part.operator not in ("ne", "nin")]
    if not sets:
        return None, parts
    chosen = min(sets, key=lambda part: part.of_file)  # an attribute's set is read from an index
    return chosen, [other for other in parts if other is not chosen]


def _condition(filter: Filter, store_id: str, column: str, selected: _Selected) -> Compiled:
    if isinstance(filter, Compound):
        return _compound(filter, store_id, column, selected)
    members, values = _set(filter, store_id, selected)
    outside = "NOT " if filter.operator in ("ne", "nin") else ""
    return f"{column} {outside}IN ({members})", values


def _compound(filter: Compound, store_id: str, column: str, selected: _Selected) -> Compiled:
    if not filter.filters:
        return (ALWAYS if filter.operator == "and" else NEVER), []
    parts = [_condition(f, store_id, column, selected) for f in filter.filters]
    joined = f" {filter.operator.upper()} ".join(condition for condition, _ in parts)
    return f"({joined})", [value for _, values in parts for value in values]


def _set(filter: Comparison, store_id: str, selected: _Selected) -> Compiled:
    """Return a SELECT of the rows with such a value; for `ne` and `nin` of the rows that they exclude."""
    if filter.of_file:
        fact = COLUMNS[filter.key]
        condition, values = value_condition(filter, fact.value, fact.kind, lambda value: value)
        query = (
            f"SELECT {selected.of_attachment} FROM {fact.tables}"  # noqa: S608 no value is in it
            f" WHERE store_id = ? AND {selected.attachments} AND {condition}"
        )
        return query, [store_id, *values]
    condition, values = value_condition(filter, "value", None, HeldValue)
    query = (
        f"SELECT {selected.of_attribute} FROM attribute"  # noqa: S608 no value is in it
        f" WHERE store_id = ? AND key = ? AND {selected.attributes} AND {condition}"
    )
    return query, [store_id, filter.key, *values]


def _between(prefix: str, value: str, given: Given) -> Compiled:
    """Return a prefix as a range of texts, which an index answers."""
    end = _after(prefix)
    above: Compiled = (f"{value} >= ?", [given(prefix)])
    return above if end is None else (f"{above[0]} AND {value} < ?", [*above[1], given(end)])


def _after(prefix: str) -> str | None:
    """Return the least text above all that have the prefix; None where there is none."""
    while prefix and ord(prefix[-1]) == _LAST:
        prefix = prefix[:-1]
    if not prefix:
        return None
    code = ord(prefix[-1]) + 1
    return prefix[:-1] + chr(_SURROGATES[1] + 1 if code == _SURROGATES[0] else code)

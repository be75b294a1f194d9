"""Attribute filters: the grammar, its limits, and the one definition of what matches.

A comparison is {type: eq|ne|gt|gte|lt|lte|in|nin, key, value}, a compound {type: and|or, filters: [...]}.
Types never mix: "1" is not 1, true is not 1. A file without the key matches `ne` and `nin` only. An empty `and`
matches all, an empty `or` nothing. Depth is at most 8, nodes at most 200, values in lists at most 10,000 in all. A
member that is null is absent; a JSON string where an object or a list belongs is read as that.
Beyond OpenAI's grammar there are the operator `prefix`, which a string begins with, and FACT_KEYS, which name facts of
a file (where it is from, what it is, since when) before an attribute of that name; what a file does not have is a key
that it does not have.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from vectorstores_tools.contract.characters import json_line
from vectorstores_tools.contract.errors import InvalidFilter

MAX_DEPTH = 8
MAX_NODES = 200
MAX_VALUES = 10_000
MAX_KEY = 64
LONGEST_CORRECTION = 1_500
"""Characters of a corrected filter that an error shows whole; a longer one is not shown."""
MAX_INTEGER = 2**63 - 1
"""Beyond it a database cannot compare exactly; attributes are held to the same range."""

PATH = "$path"
FILENAME = "$filename"
TYPE = "$type"
ADDED_AT = "$added_at"
MODIFIED_AT = "$modified_at"
FACT_KEYS = (PATH, FILENAME, TYPE, ADDED_AT, MODIFIED_AT)

Scalar: TypeAlias = str | int | float | bool
Operator: TypeAlias = Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "prefix"]

ORDERINGS = ("gt", "gte", "lt", "lte")
MEMBERSHIPS = ("in", "nin")
COMPARISONS = ("eq", "ne", *ORDERINGS, *MEMBERSHIPS)
EXTENSIONS = ("prefix",)
NO_EXTENSIONS: tuple[Literal["prefix"], ...] = ()
COMPOUNDS = ("and", "or")
MEMBERS = ("type", "key", "value", "filters")
SPELLINGS = {
    "=": "eq", "==": "eq", "equals": "eq", "equal": "eq", "is": "eq",
    "!=": "ne", "<>": "ne", "not_equals": "ne", "neq": "ne", "not": "ne",
    ">": "gt", ">=": "gte", "ge": "gte", "<": "lt", "<=": "lte", "le": "lte",
    "not_in": "nin", "any": "in", "all": "and", "starts_with": "prefix", "startswith": "prefix",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Comparison:
    """One key against one value, or against several for `in` and `nin`."""

    operator: Operator
    key: str
    value: Scalar | tuple[Scalar, ...]
    of_file: bool = False
    """True where the key is a fact of the file, not one of its attributes."""

    @property
    def is_extension(self) -> bool:
        """True where it goes beyond OpenAI's grammar."""
        return self.of_file or self.operator in EXTENSIONS


@dataclass(frozen=True, slots=True)
class Compound:
    """All (`and`) or any (`or`) of its filters."""

    operator: Literal["and", "or"]
    filters: tuple["Filter", ...]


Filter: TypeAlias = Comparison | Compound


def parse_filter(given: object, *, extended: bool = True) -> Filter | None:
    """Return the filter that `given` (JSON values, or None) means; in OpenAI's own grammar unless `extended`.

    Raises InvalidFilter, showing the corrected JSON.
    """
    if given is None:
        return None
    return _Parser(given, extended).node(given, depth=1)


def matches(
    filter: Filter | None, attributes: Mapping[str, Any] | None, facts: Mapping[str, Any] | None = None
) -> bool:
    """Tell whether a file with these attributes and facts is meant."""
    if filter is None:
        return True
    if isinstance(filter, Compound):
        return (all if filter.operator == "and" else any)(matches(f, attributes, facts) for f in filter.filters)
    held = ((facts if filter.of_file else attributes) or {}).get(filter.key)
    if held is None:
        return filter.operator in ("ne", "nin")
    return _compare(filter, held)


def comparisons(filter: Filter) -> list[Comparison]:
    """Return the comparisons of a filter, in their order."""
    if isinstance(filter, Comparison):
        return [filter]
    return [comparison for part in filter.filters for comparison in comparisons(part)]


def is_extended(filter: Filter) -> bool:
    """Tell whether a filter goes beyond OpenAI's grammar."""
    return any(comparison.is_extension for comparison in comparisons(filter))


def kind(value: object) -> str:
    """Return boolean, number or string: values of different kinds are never equal and have no order."""
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else "string"


def _compare(filter: Comparison, held: Scalar) -> bool:
    wanted = filter.value if isinstance(filter.value, tuple) else (filter.value,)
    equal = any(kind(held) == kind(w) and held == w for w in wanted)
    if filter.operator in ("eq", "in"):
        return equal
    if filter.operator in ("ne", "nin"):
        return not equal
    if filter.operator == "prefix":
        return isinstance(held, str) and held.startswith(str(wanted[0]))
    return kind(held) == kind(wanted[0]) and _ordered(filter.operator, held, wanted[0])


def _ordered(operator: str, held: Any, wanted: Any) -> bool:
    if operator == "gt":
        return held > wanted
    if operator == "gte":
        return held >= wanted
    return held < wanted if operator == "lt" else held <= wanted


class _Parser:
    """Walks one filter as it was given, counting nodes."""

    def __init__(self, given: object, extended: bool) -> None:
        self.given = given
        self.facts = FACT_KEYS if extended else ()
        self.extensions = EXTENSIONS if extended else NO_EXTENSIONS
        self.nodes = 0
        self.values = 0

    def node(self, given: object, depth: int) -> Filter:
        self.nodes += 1
        given = _decoded(given, "{")
        if depth > MAX_DEPTH:
            raise InvalidFilter(f"The filter is nested deeper than {MAX_DEPTH} levels.")
        if self.nodes > MAX_NODES:
            raise InvalidFilter(f"The filter has more than {MAX_NODES} parts.")
        if not isinstance(given, Mapping):
            raise self.wrong(f"A filter is an object, not {_shown(given)}.")
        named = cast("Mapping[str, object]", given).items()
        fields = {name: value for name, value in named if value is not None or name not in MEMBERS}
        operator = fields.get("type")
        if operator in COMPOUNDS:
            return self.compound(operator, fields, depth)
        if operator in COMPARISONS or operator in self.extensions:
            return self.comparison(cast("Operator", operator), fields)
        if "type" not in fields:
            raise self.wrong("A filter needs 'type'.")
        known = ", ".join((*COMPARISONS, *self.extensions, *COMPOUNDS))
        raise self.wrong(f"Unknown filter type {_shown(operator)}; there are {known}.")

    def compound(self, operator: Literal["and", "or"], fields: Mapping[str, object], depth: int) -> Compound:
        self.only(fields, ("type", "filters"))
        parts = _decoded(fields.get("filters"), "[")
        if not isinstance(parts, Sequence) or isinstance(parts, str):
            raise self.wrong(f"'{operator}' needs 'filters', a list of filters.")
        return Compound(operator, tuple(self.node(p, depth + 1) for p in cast("Sequence[object]", parts)))

    def comparison(self, operator: Operator, fields: Mapping[str, object]) -> Comparison:
        self.only(fields, ("type", "key", "value"))
        key, value = fields.get("key"), fields.get("value")
        if not isinstance(key, str) or not 0 < len(key) <= MAX_KEY or not _is_scalar(key):
            raise self.wrong(f"'{operator}' needs 'key', a string of 1 to {MAX_KEY} characters.")
        if operator in MEMBERSHIPS:
            return self.named(operator, key, self.members(operator, value))
        if not _is_scalar(value):
            raise self.wrong(f"'{operator}' needs 'value', a string, number or boolean, not {_shown(value)}.")
        if operator in ORDERINGS and isinstance(value, bool):
            raise self.wrong(f"'{operator}' compares numbers or strings, not {_shown(value)}.")
        if operator == "prefix" and not isinstance(value, str):
            raise self.wrong(f"'prefix' needs 'value', a string, not {_shown(value)}.")
        return self.named(operator, key, (cast("Scalar", value),))

    def named(self, operator: Operator, key: str, values: tuple[Scalar, ...]) -> Comparison:
        """Return the comparison of an attribute, or of a fact of the file."""
        if key in self.facts and key == TYPE:
            values = tuple(type_as_held(value) if isinstance(value, str) else value for value in values)
        return Comparison(operator, key, values if operator in MEMBERSHIPS else values[0], key in self.facts)

    def members(self, operator: str, value: object) -> tuple[Scalar, ...]:
        value = _decoded(value, "[")
        values = cast("Sequence[object]", value)
        if not isinstance(value, list | tuple) or not all(_is_scalar(v) for v in values):
            raise self.wrong(f"'{operator}' needs 'value', a list of strings, numbers or booleans.")
        self.values += len(values)
        if self.values > MAX_VALUES:
            raise InvalidFilter(f"The filter has more than {MAX_VALUES} values in its lists.")
        return tuple(cast("Sequence[Scalar]", values))

    def only(self, fields: Mapping[str, object], known: tuple[str, ...]) -> None:
        unknown = [k for k in fields if k not in known]
        if unknown:
            raise self.wrong(f"A filter of type '{fields['type']}' has no {_shown(unknown[0])}.")

    def wrong(self, fact: str) -> InvalidFilter:
        corrected = _mend(self.given)
        if corrected is None or corrected == self.given:
            return InvalidFilter(fact)
        return InvalidFilter(fact, shown if len(shown := json_line(corrected)) <= LONGEST_CORRECTION else None)


def _decoded(value: object, opening: str) -> object:
    """Return the value of a JSON string where an object ("{") or a list ("[") belongs: some clients encode twice."""
    if not isinstance(value, str) or not value.lstrip().startswith(opening):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _is_scalar(value: object) -> bool:
    if isinstance(value, str):
        return not any("\ud800" <= c <= "\udfff" for c in value)  # half of a surrogate pair is no character
    if isinstance(value, int):
        return abs(value) <= MAX_INTEGER
    return isinstance(value, float) and math.isfinite(value)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _mend(given: object, depth: int = 0) -> Any:
    """Return the filter that was probably meant, or None: the forms that other databases and models use."""
    if depth > MAX_DEPTH:
        return None
    if isinstance(given, list | tuple):
        return _all_of([_mend(g, depth + 1) for g in cast("Sequence[object]", given)])
    if not isinstance(given, Mapping):
        return None
    fields = cast("Mapping[str, Any]", given)
    named = fields.get("type", fields.get("operator", fields.get("op")))
    if isinstance(named, str):
        return _mend_named(fields, named.lower().lstrip("$"), depth)
    if set(fields) == {"key", "value"} and isinstance(fields["key"], str):  # only the type was left out
        return _mend_value("eq", fields["key"], fields["value"])
    return _all_of([_mend_pair(str(k), v, depth) for k, v in fields.items()])


def _mend_named(fields: Mapping[str, Any], named: str, depth: int) -> Any:
    operator = SPELLINGS.get(named, named)
    if operator in COMPOUNDS:
        parts = fields.get("filters", fields.get("conditions", fields.get("value", [])))
        parts = cast("list[object]", parts) if isinstance(parts, list) else [parts]
        mended = [_mend(p, depth + 1) for p in parts]
        return None if None in mended else {"type": operator, "filters": mended}
    key = fields.get("key", fields.get("field", fields.get("property")))
    if operator not in (*COMPARISONS, *EXTENSIONS) or not isinstance(key, str):
        return None
    return _mend_value(operator, key, fields.get("value", fields.get("values")))


def _mend_pair(key: str, value: Any, depth: int) -> Any:
    """`{"topic": "ai"}`, `{"topic": {"$gt": 3}}`, `{"and": [...]}`."""
    bare = key.lower().lstrip("$")
    if bare in COMPOUNDS and isinstance(value, list):
        return _mend_named({"filters": value}, bare, depth)
    if isinstance(value, Mapping):
        inner = cast("Mapping[str, Any]", value)
        return _all_of(
            [_mend_named({"key": key, "value": v}, str(o).lower().lstrip("$"), depth) for o, v in inner.items()]
        )
    return _mend_value("eq", key, value)


def _mend_value(operator: str, key: str, value: object) -> Any:
    if not isinstance(value, list):
        members: list[object] = [value]
    else:
        members = cast("list[object]", value)
        operator = {"eq": "in", "ne": "nin"}.get(operator, operator)
    if not all(_is_scalar(m) for m in members):
        return None
    if operator in MEMBERSHIPS:
        return {"type": operator, "key": key, "value": members}
    return {"type": operator, "key": key, "value": members[0]} if len(members) == 1 else None


def _all_of(parts: list[Any]) -> Any:
    if not parts or None in parts:
        return None
    return parts[0] if len(parts) == 1 else {"type": "and", "filters": parts}


def dump(filter: Filter) -> dict[str, Any]:
    """Return the JSON of a filter, as OpenAI's API takes it."""
    if isinstance(filter, Compound):
        return {"type": filter.operator, "filters": [dump(part) for part in filter.filters]}
    value = list(filter.value) if isinstance(filter.value, tuple) else filter.value
    return {"type": filter.operator, "key": filter.key, "value": value}


def file_type(filename: str) -> str | None:
    """Return a name's ending without the dot, its ASCII letters small; None where there is none."""
    stem, _, ending = filename.rpartition(".")
    return _small(ending) if stem and ending else None


def type_as_held(value: str) -> str:
    """Return an ending as `file_type` writes it: people write `.PDF`, too."""
    return _small(value.removeprefix("."))


def _small(text: str) -> str:
    return "".join(character.lower() if character.isascii() else character for character in text)

"""Filters that are built by clicking: each value that is shown is a link that asks for it as well (pure)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from vectorstores_tools.contract import filters
from vectorstores_tools.contract.errors import InvalidFilter
from vectorstores_tools.contract.filters import Comparison, Compound, Filter

SIGNS = {"eq": "is", "ne": "is not", "gt": ">", "gte": "≥", "lt": "<", "lte": "≤", "in": "is one of",
         "nin": "is none of", "prefix": "begins with"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chip:
    """A value that is shown, and the address that a click on it leads to."""

    label: str
    href: str


@dataclass(frozen=True, slots=True)
class AskedFilter:
    """The filter of an address: `parts` all have to match. `wrong` says why the typed text is no filter."""

    text: str = ""
    parts: tuple[Filter, ...] = ()
    wrong: str = ""

    @property
    def given(self) -> dict[str, Any] | None:
        """The filter as the contract has it; None where there is none."""
        written = [as_json(part) for part in self.parts]
        return written[0] if len(written) == 1 else {"type": "and", "filters": written} if written else None


def read_filter(text: str) -> AskedFilter:
    """Return the filter that an address holds as JSON."""
    if not text.strip():
        return AskedFilter()
    try:
        found = filters.parse_filter(json.loads(text))
    except InvalidFilter as error:
        return AskedFilter(text, wrong=str(error))
    except ValueError as error:
        return AskedFilter(text, wrong=f"The filter is no JSON: {error}.")
    if found is None:
        return AskedFilter()
    parts = found.filters if isinstance(found, Compound) and found.operator == "and" else (found,)
    return AskedFilter(text, tuple(parts))


def as_json(part: Filter) -> dict[str, Any]:
    """Return a filter as the contract writes it."""
    if isinstance(part, Compound):
        return {"type": part.operator, "filters": [as_json(inner) for inner in part.filters]}
    value = list(part.value) if isinstance(part.value, tuple) else part.value
    return {"type": part.operator, "key": part.key, "value": value}


def named(beginning: str) -> Filter:
    """Return the filter of files whose name or path begins so, in capitals or small letters."""
    variants = dict.fromkeys([beginning, beginning.lower(), beginning.upper(), beginning.capitalize()])
    parts = [Comparison("prefix", key, text) for key in ("$filename", "$path") for text in variants]
    return Compound("or", tuple(parts))


class FilterLinks:
    """Addresses of one view with more or less of a filter; `query` is the rest of the address."""

    def __init__(self, path: str, query: Mapping[str, str], asked: AskedFilter) -> None:
        self._path = path
        self._query = {name: value for name, value in query.items() if value}
        self._asked = asked

    def active(self) -> list[Chip]:
        """Return the parts of the filter; a click takes one away."""
        parts = self._asked.parts
        return [Chip(_in_words(part), self._to([*parts[:at], *parts[at + 1 :]])) for at, part in enumerate(parts)]

    def attributes(self, held: Mapping[str, Any] | None) -> list[Chip]:
        """Return a file's attributes; a click asks for those that hold the same."""
        chips: list[Chip] = []
        for key, value in (held or {}).items():
            if isinstance(value, str | int | float) and 0 < len(key) <= filters.MAX_KEY:
                part = Comparison("eq", key, value)
                chips.append(Chip(f"{key}: {_value(value)}", self._with(part)))
        return chips

    def folder(self, path: str | None) -> list[Chip]:
        """Return the folder that a file came from; a click asks for what lies below it."""
        above = (path or "").rpartition("/")[0]
        return [Chip(f"in {above}/", self._with(Comparison("prefix", "$path", f"{above}/")))] if above else []

    def _with(self, part: Filter) -> str:
        return self._to([*(known for known in self._asked.parts if known != part), part])

    def _to(self, parts: Sequence[Filter]) -> str:
        given = AskedFilter(parts=tuple(parts)).given
        query = dict(self._query)
        if given is not None:
            query["filters"] = json.dumps(given, ensure_ascii=False, separators=(",", ":"))
        return f"{self._path}?{urlencode(query)}" if query else self._path


def _in_words(part: Filter) -> str:
    if isinstance(part, Compound):
        return f" {part.operator} ".join(f"({_in_words(inner)})" for inner in part.filters) or f"empty {part.operator}"
    values = part.value if isinstance(part.value, tuple) else (part.value,)
    return f"{part.key} {SIGNS.get(part.operator, part.operator)} {', '.join(map(_value, values))}"


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)

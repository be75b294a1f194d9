"""Properties of a document: its author, its date, its tags. They become attributes where a caller gives none."""

import re
from collections.abc import Iterable, Iterator
from datetime import date
from email.utils import parsedate_to_datetime
from itertools import islice

from vectorstores_tools.contract.characters import line

Properties = tuple[tuple[str, str], ...]
LONGEST_VALUE = 512
"""Characters, as of every attribute."""
_MOST_NAMES = 50
_MOST_FRONT_MATTER = 20_000
_ISO = re.compile(r"(?:D:)?(\d{4})-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])(?!\d{1,2}[-.])")
_FIELD = re.compile(r"^(\w+)[ \t]*[:=][ \t]*(.*)$")
_ITEM = re.compile(r"^[ \t]*-[ \t]+(?:name:[ \t]*)?(.*)$")
_NAMES = {"author": "author", "authors": "author", "date": "date", "tags": "tags", "keywords": "tags"}


def properties(authors: Iterable[str] = (), written: str = "", tags: Iterable[str] = ()) -> Properties:
    """Return the properties that have values, each on a clean line; names and tags separated by commas, each once."""
    found = {"author": _listed(authors), "date": line(day(written), LONGEST_VALUE), "tags": _listed(tags)}
    return tuple((key, value) for key, value in found.items() if value)


def day(written: str) -> str:
    """Return a date as YYYY-MM-DD: of a PDF, of a package, of a mail; a date of another form as it is written."""
    written = written.strip()
    if match := _ISO.match(written):
        return "-".join(match.groups()) if _is_day(*map(int, match.groups())) else ""
    try:
        return parsedate_to_datetime(written).date().isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return written


def _is_day(year: int, month: int, day_of_month: int) -> bool:
    try:
        date(year, month, day_of_month)
    except ValueError:
        return False
    return True


def _listed(names: Iterable[str]) -> str:
    clean = (line(name, LONGEST_VALUE) for name in islice(names, _MOST_NAMES))
    return line(", ".join(dict.fromkeys(filter(None, clean))), LONGEST_VALUE)


def front_matter(block: str) -> Properties:
    """Return the values in the lines between the marks: `key: value`, lists in brackets and below each other.

    No YAML is parsed: a value is text, whatever it holds.
    """
    found: dict[str, list[str]] = {}
    for key, values in _fields(block[:_MOST_FRONT_MATTER]):
        if name := _NAMES.get(key.lower()):
            found.setdefault(name, []).extend(values)
    return properties(found.get("author", ()), next(iter(found.get("date", ())), ""), found.get("tags", ()))


def _fields(block: str) -> Iterator[tuple[str, list[str]]]:
    key, values = "", list[str]()
    for row in block.split("\n"):
        if field := _FIELD.match(row):
            if key:
                yield key, values
            key, values = field[1], list(_values(field[2].strip()))
        elif key and (item := _ITEM.match(row)):
            values.append(_unquoted(item[1]))
    if key:
        yield key, values


def _values(written: str) -> Iterator[str]:
    if written.startswith("[") and written.endswith("]"):
        yield from map(_unquoted, written[1:-1].split(","))
    elif written and written[0] not in "|>{&*!":  # the forms of YAML that are no plain value
        yield _unquoted(written)


def _unquoted(written: str) -> str:
    written = written.strip()
    if len(written) > 1 and written[0] == written[-1] and written[0] in "\"'":
        return written[1:-1]
    return written.partition(" #")[0].rstrip()

"""Ids, times and JSON, as the catalog writes them."""

import json
import secrets
import string
import time
from collections.abc import Mapping, Sequence
from typing import Any

_ALPHABET = string.digits + string.ascii_lowercase


def new_id(prefix: str) -> str:
    """Return `prefix` and 24 lower-case letters or digits: ten tell the microsecond, fourteen are random (72 bits).

    So objects made in one second are listed in the order in which they were made: lists are ordered by second and id.
    """
    return prefix + _written(time.time_ns() // 1000) + "".join(secrets.choice(_ALPHABET) for _ in range(14))


def _written(number: int, digits: int = 10) -> str:
    """Write a number so that numbers sort as their texts do."""
    text = ""
    for _ in range(digits):
        number, digit = divmod(number, len(_ALPHABET))
        text = _ALPHABET[digit] + text
    return text


def clock() -> int:
    """Return the time in Unix seconds."""
    return int(time.time())


def dumps(values: Mapping[str, Any]) -> str:
    """Return the map as compact JSON."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def loads(text: str | None) -> dict[str, Any] | None:
    """Return the map that `dumps` wrote, None for NULL."""
    return None if text is None else json.loads(text)


def dumps_notes(notes: Sequence[str]) -> str | None:
    """Return notes as JSON, NULL for none."""
    return json.dumps(list(notes), ensure_ascii=False, separators=(",", ":")) if notes else None


def loads_notes(text: str | None) -> list[str]:
    """Return the notes that `dumps_notes` wrote."""
    return [] if text is None else json.loads(text)

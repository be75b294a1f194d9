"""Ids, times and JSON, as the catalog writes them."""

import json
import secrets
import string
import time
from collections.abc import Mapping
from typing import Any

_ALPHABET = string.ascii_lowercase + string.digits


def new_id(prefix: str) -> str:
    """Return `prefix` and 24 random lower-case letters or digits (124 bits)."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(24))


def clock() -> int:
    """Return the time in Unix seconds."""
    return int(time.time())


def dumps(values: Mapping[str, Any]) -> str:
    """Return the map as compact JSON."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def loads(text: str | None) -> dict[str, Any] | None:
    """Return the map that `dumps` wrote, None for NULL."""
    return None if text is None else json.loads(text)

"""The answer of a tool: the same facts as an object and as a compact text (clients read one or the other)."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

CHARACTERS_PER_TOKEN = 3.5
"""The length that a token is taken to have when an answer is measured."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image beside an answer's text."""

    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer in both its renderings. `meta` is for a client's app alone, not for a model."""

    structured: dict[str, Any]
    text: str
    picture: Picture | None = None
    meta: dict[str, Any] | None = None


def room(max_tokens: int) -> int:
    """Return how many characters each rendering may have."""
    return int(max_tokens * CHARACTERS_PER_TOKEN)


def compact(value: object) -> str:
    """Return a value as the JSON that is measured and shown."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def largest(low: int, high: int, fits: Callable[[int], bool]) -> int:
    """Return the largest number in low..high that fits, low - 1 if none does; what fits is below what does not."""
    low -= 1
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low

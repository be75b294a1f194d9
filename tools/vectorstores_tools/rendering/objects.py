"""One object, or a short list of them, as an answer: the object itself, and the same as lines of text (pure)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import BaseModel

from vectorstores_tools.contract.characters import line, sentence
from vectorstores_tools.rendering.reply import Reply, compact
from vectorstores_tools.rendering.untrusted_text import Fence, cleaned

WRITTEN_BY_OTHERS = (
    "name",
    "description",
    "filename",
    "path",
    "source",
    "metadata",
    "attributes",
    "last_error",
    "failures",
    "not_opened",
    "skipped_examples",
    "gone",
    "sources",
    "notes",
    "noted_files",
    "newly_supported",
)
"""Keys whose values are somebody's words: in the text form they stand inside the fence.

So does every other value that is not a number or one plain word: a remote may add keys of its own.
"""

_PLAIN = re.compile(r"[\w.:@/+-]{1,256}", re.ASCII)

FIRST = ("object", "id", "status")
MAX_VALUE = 1_000


def described(item: BaseModel | Mapping[str, Any], *sentences: str, **more: Any) -> Reply:
    """Return the answer that is one object; `more` are keys added to it, those that are None left out.

    `sentences` go before the object in the text; they say what `more` says in the object.
    """
    facts = cleaned(item.model_dump(mode="json") if isinstance(item, BaseModel) else dict(item))
    added = {key: cleaned(value, key) for key, value in more.items() if value is not None}
    heads = [sentence(text) for text in sentences]
    return Reply(facts | added, "\n".join([*heads, *_lines(facts | added, frozenset(added))]))


def listed(page: Mapping[str, Any], items: Sequence[Mapping[str, Any]], *sentences: str) -> Reply:
    """Return the answer that is a page: `items` one a line, all of them inside one fence."""
    data = [cleaned(item) for item in items]
    rows = [_row(item) for item in data]
    facts = cleaned(page) | {"data": data}
    heads = [sentence(text) for text in sentences]
    if not rows:
        return Reply(facts, " ".join(heads))
    fence = Fence(rows)
    return Reply(facts, "\n".join([" ".join([*heads, fence.notice]), fence.around("\n".join(rows))]))


def _lines(facts: Mapping[str, Any], ours: frozenset[str]) -> list[str]:
    """Return a line for each fact, those that are not `ours` and may hold somebody's words in a fence."""
    shown = [key for key in facts if _says_something(facts[key])]
    fenced = [key for key in shown if key in WRITTEN_BY_OTHERS or not (key in ours or _is_plain({key: facts[key]}))]
    free = [f"{key}: {_value(facts[key])}" for key in shown if key not in fenced]
    if not fenced:
        return free
    others = [f"{key}: {_value(facts[key])}" for key in fenced]
    fence = Fence(others)
    return [*free, fence.notice, fence.around("\n".join(others))]


def _is_plain(value: Any) -> bool:
    """Tell whether a value holds nothing but numbers and plain words: an id, a status, counts."""
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value).items()
        return all(_PLAIN.fullmatch(key) and _is_plain(item) for key, item in items)
    if isinstance(value, list):
        return all(map(_is_plain, cast("list[Any]", value)))
    return not isinstance(value, str) or bool(_PLAIN.fullmatch(value))


def _row(item: Mapping[str, Any]) -> str:
    head = " ".join(str(item[key]) for key in FIRST[1:] if key in item)
    rest = [f"{key}={_value(value)}" for key, value in item.items() if key not in FIRST and _says_something(value)]
    return " ".join([head, *rest])


def _says_something(value: object) -> bool:
    return value not in (None, {}, [], "")


def _value(value: object) -> str:
    return line(value if isinstance(value, str) else compact(value), MAX_VALUE)

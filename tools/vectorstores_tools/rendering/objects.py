"""One object, or a short list of them, as an answer: the object itself, and the same as lines of text (pure)."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from vectorstores_tools.contract.characters import line
from vectorstores_tools.rendering.reply import Reply, compact
from vectorstores_tools.rendering.untrusted_text import Fence, cleaned

WRITTEN_BY_OTHERS = (
    "name",
    "description",
    "filename",
    "metadata",
    "attributes",
    "last_error",
    "failures",
    "not_opened",
    "skipped_examples",
    "notes",
)
"""Keys whose values are somebody's words: in the text form they stand inside the fence."""

FIRST = ("object", "id", "status")
MAX_VALUE = 1_000


def described(item: BaseModel | Mapping[str, Any], *sentences: str, **more: Any) -> Reply:
    """Return the answer that is one object; `more` are keys added to it, those that are None left out.

    `sentences` go before the object in the text; they say what `more` says in the object.
    """
    facts = cleaned(item.model_dump(mode="json") if isinstance(item, BaseModel) else dict(item))
    facts |= {key: cleaned(value) for key, value in more.items() if value is not None}
    return Reply(facts, "\n".join([*sentences, *_lines(facts)]))


def listed(page: Mapping[str, Any], items: Sequence[Mapping[str, Any]], *sentences: str) -> Reply:
    """Return the answer that is a page: `items` one a line, all of them inside one fence."""
    data = [cleaned(item) for item in items]
    rows = [_row(item) for item in data]
    facts = {**page, "data": data}
    if not rows:
        return Reply(facts, " ".join(sentences))
    fence = Fence(rows)
    return Reply(facts, "\n".join([" ".join([*sentences, fence.notice]), fence.around("\n".join(rows))]))


def _lines(facts: Mapping[str, Any]) -> list[str]:
    trusted = [f"{key}: {_value(facts[key])}" for key in facts if key not in WRITTEN_BY_OTHERS and _told(facts[key])]
    others = [f"{key}: {_value(facts[key])}" for key in facts if key in WRITTEN_BY_OTHERS and _told(facts[key])]
    if not others:
        return trusted
    fence = Fence(others)
    return [*trusted, fence.notice, fence.around("\n".join(others))]


def _row(item: Mapping[str, Any]) -> str:
    head = " ".join(str(item[key]) for key in FIRST[1:] if key in item)
    rest = [f"{key}={_value(value)}" for key, value in item.items() if key not in FIRST and _told(value)]
    return " ".join([head, *rest])


def _told(value: object) -> bool:
    return value not in (None, {}, [], "")


def _value(value: object) -> str:
    return line(value if isinstance(value, str) else compact(value), MAX_VALUE)

"""JSON with comments and trailing commas (JSONC): read, and one member of it written without touching the rest."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

_BETWEEN = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_SCALAR = re.compile(r"[-+.\w]+")
_DEEPEST = 200
_STEP = "  "


class Malformed(ValueError):
    """A file that is not of its client's form, or could not be added to safely."""


@dataclass(slots=True)
class _Value:
    start: int
    end: int
    data: Any
    members: "dict[str, _Value]" = field(default_factory=dict[str, "_Value"])
    comma: bool = False
    """True where a comma follows the last member."""


def loads(text: str) -> Any:
    """Return the object of the text; a text without a value holds an empty object."""
    return _read(text).data


def with_member(text: str, key: str, name: str, member: dict[str, Any]) -> str:
    """Return the text with a member put into the object `key`, both made where they are missing."""
    root = _read(text)
    if not isinstance(root.data, dict):
        raise Malformed("it does not hold an object")
    if root.start == root.end:  # only comments, or nothing
        return f"{text}{dumps({key: {name: member}})}\n"
    outer = root.members.get(key)
    if outer is None:
        return _added(text, root, key, {name: member})
    if not isinstance(outer.data, dict):
        raise Malformed(f"'{key}' is not an object")
    known = outer.members.get(name)
    if known is None:
        return _added(text, outer, name, member)
    return text[: known.start] + dumps(member, _indent(text, known.start), _step(text)) + text[known.end :]


def dumps(value: Any, indent: str = "", step: str = _STEP) -> str:
    """Return a value as JSON, its further lines indented to its own depth."""
    return json.dumps(value, indent=step, ensure_ascii=False).replace("\n", f"\n{indent}")


def _added(text: str, parent: _Value, name: str, value: Any) -> str:
    """Put a member behind the last one of an object."""
    step = _step(text)
    indent = _indent(text, parent.start)
    inner = indent + step
    line = f"\n{inner}{json.dumps(name, ensure_ascii=False)}: {dumps(value, inner, step)}"
    brace = parent.end - 1
    rest = text[:brace].rstrip(" \t\r\n")
    closing = text[len(rest) : brace] if "\n" in text[len(rest) : brace] else f"\n{indent}"
    if parent.members:
        last = max(value.end for value in parent.members.values())
        rest = text[:last] + ("" if parent.comma else ",") + rest[last:]
    return rest + line + closing + text[brace:]


def _indent(text: str, place: int) -> str:
    line = text[text.rfind("\n", 0, place) + 1 : place]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _step(text: str) -> str:
    """Return the indentation of the file's first member."""
    found = re.search(r"\n([ \t]+)\"", text)
    return found[1] if found else _STEP


def _read(text: str) -> _Value:
    """Read a whole text."""
    start = _skip(text, 0)
    if start == len(text):
        return _Value(start, start, {})
    value = _value(text, start, 0)
    if (end := _skip(text, value.end)) != len(text):
        _refuse(text, end, "more than one value")
    return value


def _value(text: str, at: int, depth: int) -> _Value:
    if depth > _DEEPEST:
        _refuse(text, at, "too deep")
    match text[at : at + 1]:
        case "{":
            return _object(text, at, depth)
        case "[":
            return _array(text, at, depth)
        case '"':
            end = _string(text, at)
        case _:
            found = _SCALAR.match(text, at)
            end = found.end() if found else _refuse(text, at, "no value")
    try:
        return _Value(at, end, json.loads(text[at:end], parse_constant=lambda name: _refuse(text, at, name)))
    except json.JSONDecodeError:
        _refuse(text, at, "no value")


def _object(text: str, at: int, depth: int) -> _Value:
    whole = _Value(at, at, {})
    for place in _items(text, whole, "}"):
        end = _string(text, place)
        name = json.loads(text[place:end])
        colon = _skip(text, end)
        if text[colon : colon + 1] != ":":
            _refuse(text, colon, "no colon")
        value = _value(text, _skip(text, colon + 1), depth + 1)
        whole.members[name] = value
        whole.data[name] = value.data
        whole.end = value.end
    return whole


def _array(text: str, at: int, depth: int) -> _Value:
    whole = _Value(at, at, [])
    for place in _items(text, whole, "]"):
        value = _value(text, place, depth + 1)
        whole.data.append(value.data)
        whole.end = value.end
    return whole


def _items(text: str, whole: _Value, closing: str) -> Iterator[int]:
    """Yield the start of each item; the caller sets `whole.end` to its end."""
    at = _skip(text, whole.start + 1)
    while text[at : at + 1] != closing:
        yield at
        at = _skip(text, whole.end)
        whole.comma = text[at : at + 1] == ","
        if whole.comma:
            at = _skip(text, at + 1)
        elif text[at : at + 1] != closing:
            _refuse(text, at, "no comma")
    whole.end = at + 1


def _string(text: str, at: int) -> int:
    found = _STRING.match(text, at)
    return found.end() if found else _refuse(text, at, "no text in quotes")


def _skip(text: str, at: int) -> int:
    """Return the start of the next token, after spaces and comments."""
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


def _refuse(text: str, at: int, what: str) -> NoReturn:
    raise Malformed(f"line {text.count(chr(10), 0, at) + 1}: {what}")

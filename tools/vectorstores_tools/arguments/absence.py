"""Absent values: optional members that a client sends empty, only because its schema has them (pure).

Clients with strict schemas send every parameter, others fill unused ones with null, "", [], {} or 0. Each interface
has its own rule: on /v1 null alone is absent, over MCP all of these. Required members stay, so that an error can
name the value in their place.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias, cast, get_args, get_origin

from annotated_types import Ge
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from vectorstores_tools.contract.filters import COMPOUNDS


@dataclass(frozen=True, slots=True)
class OptionalMember:
    """A member as its type declares it: the model of its object or of its items, its least number, its only choice."""

    known: bool = True
    required: bool = False
    model: type[BaseModel] | None = None
    is_map: bool = False
    """True where the caller chooses the keys."""
    least: float | None = None
    only: object = None


Nothing: TypeAlias = Callable[[Any, OptionalMember], bool]
"""A test whether a value counts as absent in the place of a member."""


def present(model: type[BaseModel], given: Mapping[str, Any], nothing: Nothing) -> dict[str, Any]:
    """Return `given` without its absent members, at any depth."""
    kept: dict[str, Any] = {}
    for name, value in given.items():
        member = _member(model, name)
        if member.required or not nothing(value, member):
            kept[name] = _within(value, member, nothing)
    return kept


def is_null(value: Any, member: OptionalMember) -> bool:
    """Tell whether a value counts as absent on /v1."""
    return value is None and member.known


def is_blank(value: Any, member: OptionalMember) -> bool:
    """Tell whether a value counts as absent over MCP, where some clients cannot leave a parameter out."""
    if value is None or value == "":
        return True
    if isinstance(value, list):
        items = OptionalMember(model=member.model)
        return all(is_blank(item, items) for item in cast("list[Any]", value))
    if isinstance(value, dict):
        return _is_blank_object(cast("dict[str, Any]", value), member)
    return _is_zero(value) and member.least is not None and member.least > 0


def filter_present(given: object) -> object:
    """Return a filter without the members that its kind does not have, where they are blank; None where all are.

    A strict schema shows the members of both kinds, so a comparison comes with `filters`, a compound with `key`.
    """
    if not isinstance(given, dict):
        return given
    fields = cast("dict[str, Any]", given)
    compound = fields.get("type") in COMPOUNDS
    unused = ("key", "value") if compound else ("filters",)
    kept = {n: v for n, v in fields.items() if n not in unused or not is_blank(v, OptionalMember())}
    if not compound and {"key", "value"} <= kept.keys() and is_blank([kept["key"], kept["value"]], OptionalMember()):
        return None
    if compound and isinstance(kept.get("filters"), list):
        parts = [filter_present(part) for part in cast("list[Any]", kept["filters"])]
        kept["filters"] = [part for part in parts if part is not None]
    return kept


def _is_blank_object(value: dict[str, Any], member: OptionalMember) -> bool:
    if member.is_map:
        return all(is_blank(item, OptionalMember()) for item in value.values())
    inner = {name: _member(member.model, name) if member.model else OptionalMember() for name in value}
    return all(
        is_blank(item, inner[name]) or _is_zero(item) or (inner[name].only is not None and item == inner[name].only)
        for name, item in value.items()
    )


def _is_zero(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == 0


def _within(value: Any, member: OptionalMember, nothing: Nothing) -> Any:
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        if member.model is not None:
            return present(member.model, fields, nothing)
        return {name: item for name, item in fields.items() if item is not None} if member.is_map else fields
    if isinstance(value, list) and member.model is not None:
        return [_within(item, member, nothing) for item in cast("list[Any]", value)]
    return cast("Any", value)


@lru_cache(maxsize=256)
def _member(model: type[BaseModel], name: str) -> OptionalMember:
    named = {field.alias or member: field for member, field in model.model_fields.items()}
    field = named.get(name)
    if field is None:
        return OptionalMember(known=False)
    types = _types(field.annotation)
    inner = [part for info in types if isinstance(info, FieldInfo) for part in info.metadata]
    bounds = [part.ge for part in (*field.metadata, *types, *inner) if isinstance(part, Ge)]
    choices = [get_args(part) for part in types if get_origin(part) is Literal]
    return OptionalMember(
        required=field.is_required(),
        model=next((part for part in types if isinstance(part, type) and issubclass(part, BaseModel)), None),
        is_map=any(get_origin(part) is dict for part in types),
        least=min((cast("float", bound) for bound in bounds), default=None),
        only=choices[0][0] if len(choices) == 1 and len(choices[0]) == 1 else None,
    )


def _types(annotation: Any) -> list[Any]:
    """Return a type and the types inside it, the outer ones first; none of a map, whose values are the caller's."""
    inside = () if get_origin(annotation) in (dict, Literal) else get_args(annotation)
    return [annotation, *(part for inner in inside for part in _types(inner))]

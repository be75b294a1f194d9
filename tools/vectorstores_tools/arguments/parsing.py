"""Parsing of a tool's arguments, with errors that say how to correct them.

Clients send lists and objects as JSON strings, one string where a list belongs, and null, "", [], {} or 0 for what they
leave out: all of that is understood. An argument that does not exist is an error with a suggestion.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from vectorstores_tools.arguments.absence import is_blank, present
from vectorstores_tools.arguments.validation import invalid
from vectorstores_tools.contract.errors import InvalidRequest

M = TypeVar("M", bound=BaseModel)
NAMELESS = "Invalid value"


def parse_arguments(model: type[M], schema: Mapping[str, Any], given: Mapping[str, Any]) -> M:
    """Return the arguments. Raises InvalidRequest."""
    properties = cast("dict[str, dict[str, Any]]", schema["properties"])
    sent = {name: _decoded_value(value, properties.get(name, {})) for name, value in given.items()}
    return checked(model, **present(model, sent, is_blank))


def checked(model: type[M], **values: Any) -> M:
    """Return the validated model of a caller's values. Raises InvalidRequest."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        names = tuple(field.alias or name for name, field in model.model_fields.items())
        raise _naming(invalid(error.errors(include_url=False), names)) from None


def exactly_one(given: BaseModel, *names: str) -> str:
    """Return the one of `names` that was given. Raises InvalidRequest for none and for several."""
    present = [name for name in names if getattr(given, name) is not None]
    if len(present) == 1:
        return present[0]
    fact = f"Got {' and '.join(present)} together." if present else "Got none of " + ", ".join(names) + "."
    raise InvalidRequest(fact, f"Give exactly one of {', '.join(names)}.", param=(present or names)[0])


def refuse(given: BaseModel, names: Sequence[str], why: str) -> None:
    """Raise InvalidRequest where one of `names` was given though it means nothing here, which `why` explains."""
    for name in names:
        if getattr(given, name) is not None:
            raise InvalidRequest(f"'{name}' means nothing here: {why}", f"Leave out {name}.", param=name)


def _naming(error: InvalidRequest) -> InvalidRequest:
    """Return an error whose sentence names the argument; OpenAI's words for a wrong choice do not."""
    if not error.param or not error.sentence.startswith(NAMELESS):
        return error
    fact = f"Invalid value for '{error.param}'{error.sentence.removeprefix(NAMELESS)}"
    return InvalidRequest(fact, error.next, param=error.param, code=error.code)


def _decoded_value(value: Any, schema: Mapping[str, Any]) -> Any:
    kinds = {alternative.get("type") for alternative in schema.get("anyOf", [schema])}
    if not isinstance(value, str) or not kinds & {"array", "object"}:
        return value
    decoded = _decoded(value) if value.lstrip()[:1] in ("[", "{") else None
    if ("array" in kinds and isinstance(decoded, list)) or ("object" in kinds and isinstance(decoded, dict)):
        return cast("Any", decoded)
    return [value] if "array" in kinds and value else value


def _decoded(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None

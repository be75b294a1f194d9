"""The JSON schemas that a client sees, small enough to be read by a model at every start.

An input's root is a flat object: parameters inlined, no titles, no null alternatives (an optional parameter is absent).
An output's schema names the top-level keys and allows others: remotes add keys, and an error has `error` alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import BaseModel

NULL = {"type": "null"}
DROPPED = (
    "$ref", "title", "minLength", "maxLength", "minItems", "maxItems",
    "additionalProperties", "maxProperties", "propertyNames",
)  # fmt: skip
REFERENCED = ("type", "properties", "required", "enum")
"""What is kept of a shared definition; its docstring speaks to developers."""


def input_schema(arguments: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of a tool's arguments."""
    schema = arguments.model_json_schema()
    definitions = cast("dict[str, Any]", schema.pop("$defs", {}))
    properties = {name: _slim(of, definitions) for name, of in schema["properties"].items()}
    required = {"required": schema["required"]} if "required" in schema else {}
    return {"type": "object", "properties": properties, **required, "additionalProperties": False}


def _slim(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Return a parameter's schema without references, titles, null and what a call can learn from its error."""
    if "$ref" in schema:
        named = definitions[schema["$ref"].rpartition("/")[2]]
        schema = {key: named[key] for key in REFERENCED if key in named} | dict(schema)
    slim = {k: v for k, v in schema.items() if k not in DROPPED and not (k == "default" and v is None)}
    alternatives = [a for a in cast("Sequence[dict[str, Any]]", slim.pop("anyOf", ())) if a != NULL]
    if len(alternatives) == 1:
        slim = _slim(alternatives[0], definitions) | slim
    elif alternatives:
        slim["anyOf"] = [_slim(a, definitions) for a in alternatives]
    if "items" in slim:
        slim["items"] = _slim(slim["items"], definitions)
    if "properties" in slim:
        slim["properties"] = {name: _slim(of, definitions) for name, of in slim["properties"].items()}
    return slim


def _object(**keys: str) -> dict[str, Any]:
    """Return the schema of an object from a type for each key; one that may be null (`x?`) shows none.

    Several clients take no list of types.
    """
    properties = {name: {} if kind.endswith("?") else {"type": kind} for name, kind in keys.items()}
    return {"type": "object", "properties": properties, "additionalProperties": True}


STORE = _object(
    id="string", object="string", created_at="integer", name="string?", usage_bytes="integer", file_counts="object",
    status="string", expires_at="integer?", last_active_at="integer?", metadata="object?", next="string",
)  # fmt: skip
FILE = _object(
    id="string", object="string", created_at="integer", filename="string", bytes="integer", purpose="string",
    vector_store_id="string", status="string", last_error="object?", attributes="object?", notes="array",
    next="string",
)  # fmt: skip
BATCH = _object(
    id="string", object="string", created_at="integer", vector_store_id="string", status="string",
    file_counts="object", failures="array", noted_files="object", not_uploaded="integer", skipped="object",
    next="string",
)  # fmt: skip
HITS = _object(object="string", data="array", shown="string", not_searched="object", next="string")
LIST = _object(object="string", data="array", first_id="string?", last_id="string?", has_more="boolean", next="string")
ANY = _object(id="string", object="string", created_at="integer", status="string", file_counts="object", next="string")
TEXT = _object(
    object="string", file_id="string", filename="string", text="string", start="integer", end="integer",
    total="integer", page="integer?", pages="integer", notes="array", uri="string", next="string",
)  # fmt: skip
UPDATED = _object(id="string", object="string", created_at="integer", status="string")
DELETED = _object(id="string", object="string", deleted="boolean", message="string")
RESULTS = _object(results="array")
DOCUMENT = _object(id="string", title="string", text="string", url="string", metadata="object")

"""The JSON schemas that a client sees, small enough to be read by a model at every start.

An input's root is a flat object: parameters inlined, no titles, no null alternatives (an optional parameter is absent).
An output's schema names the top-level keys and allows others: remotes add keys, and an error has `error` alone.
"""

from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from vectorstores_tools.contract.models import (
    Deleted,
    File,
    FileBatch,
    Page,
    SearchPage,
    TextSlice,
    VectorStore,
    VectorStoreFile,
)

NULL = {"type": "null"}
DROPPED = (
    "$ref", "title", "minLength", "maxLength", "minItems", "maxItems",
    "additionalProperties", "maxProperties", "propertyNames",
)  # fmt: skip
REFERENCED = ("type", "properties", "required", "enum")
"""The keys of a shared definition that are kept; its docstring, which is for developers, is not."""


def input_schema(arguments: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of a tool's arguments."""
    schema = arguments.model_json_schema()
    definitions = cast("dict[str, Any]", schema.pop("$defs", {}))
    properties = {name: _slim(of, definitions) for name, of in schema["properties"].items()}
    required = {"required": schema["required"]} if "required" in schema else {}
    return {"type": "object", "properties": properties, **required, "additionalProperties": False}


def _slim(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Return a parameter's schema without references, titles, null and limits, which the error of a call explains."""
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


_JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}


def _of(*parts: tuple[type[BaseModel], str], **added: str) -> dict[str, Any]:
    """Return the schema of an answer: keys of the contract's objects, and the types of those that the tool adds."""
    taken = {key: _type(model.model_fields[key]) for model, keys in parts for key in keys.split()}
    return {
        "type": "object",
        "properties": taken | {key: {"type": kind} for key, kind in added.items()},
        "additionalProperties": True,
    }


def _type(field: FieldInfo) -> dict[str, str]:
    """Return the type of a key; one that may be null shows none, because several clients take no list of types."""
    kind: Any = field.annotation
    if get_origin(kind) in (Union, UnionType):
        if field.exclude_if is None:
            return {}
        kind = next(choice for choice in get_args(kind) if choice is not NoneType)  # it is left out instead of null
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    kind = get_origin(kind) or kind
    return {"type": _JSON_TYPES.get(kind) or ("array" if issubclass(kind, Sequence) else "object")}


STORE = _of(
    (VectorStore, "id object created_at name usage_bytes file_counts status expires_at last_active_at metadata"),
    next="string",
)
FILE = _of(
    (File, "id object created_at filename bytes purpose"),
    (VectorStoreFile, "vector_store_id status last_error attributes notes"),
    next="string",
)
BATCH = _of(
    (FileBatch, "id object created_at vector_store_id status file_counts noted_files"),
    failures="array",
    not_uploaded="integer",
    skipped="object",
    next="string",
)
HITS = _of((SearchPage, "object data"), shown="string", not_searched="object", next="string")
LIST = _of((Page[Any], "object data first_id last_id has_more"), next="string")
ANY = _of((VectorStore, "id object created_at status file_counts"), next="string")
TEXT = _of(
    (TextSlice, "file_id filename text start end total page pages notes"), object="string", uri="string", next="string"
)
UPDATED = _of((VectorStore, "id object created_at status"))
DELETED = _of((Deleted, "id object deleted"), message="string")
RESULTS = _of(results="array")
DOCUMENT = _of(id="string", title="string", text="string", url="string", metadata="object")

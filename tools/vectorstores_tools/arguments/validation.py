"""Validation errors: one sentence for each mistake that pydantic finds, in the words of OpenAI's API.

Source of the sentences: replies of OpenAI's API to the same mistakes.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from vectorstores_tools.contract.errors import InvalidRequest, UnknownArgument

NOT_PARAMETERS = frozenset({"body", "query", "path", "header", "static"})
EXPECTED = {
    "string": "a string", "str": "a string", "int": "an integer", "float": "a number", "bool": "a boolean",
    "list": "an array", "dict": "an object", "model": "an object", "tuple": "an array",
}  # fmt: skip
_BRANCH = re.compile(r"(constrained-)?(str|int|float|bool)|(list|dict)\[.*\]")
"""Pydantic's name for a branch of a union, as it stands in the location of an error."""
OF_STRINGS = frozenset({"file_ids", "part_ids", "paths"})
SYNONYMS = {
    "top_k": "max_num_results", "k": "max_num_results", "n": "max_num_results", "num_results": "max_num_results",
    "max_results": "max_num_results", "store_id": "vector_store_id", "store": "vector_store_id",
    "vector_store": "vector_store_id", "vector_store_ids": "vector_store_id", "threshold": "ranking_options",
    "score_threshold": "ranking_options", "filter_by": "filters", "where": "filters", "page_size": "limit",
    "cursor": "after", "q": "query", "content": "text", "file_path": "path", "file": "path", "file_paths": "paths",
    "timeout": "wait_seconds", "title": "name", "tags": "attributes",
}  # fmt: skip


def invalid(errors: Sequence[Mapping[str, Any]], known: Sequence[str] = ()) -> InvalidRequest:
    """Return the error for the first of pydantic's `errors()`; `known` are the arguments that the call has."""
    first = _telling(errors)
    name = parameter(first["loc"], known)
    rule = _RULES.get(first["type"])
    if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return UnknownArgument(name, known, nearest(str(first["loc"][-1]), known))
    if rule is not None:
        return rule(name, first)
    if first["type"].endswith("_type") or first["type"].endswith("_parsing"):
        return _wrong_type(name, first)
    return InvalidRequest(f"Invalid '{name}': {_sentence(first['msg'])}", param=name)


def nearest(name: str, known: Sequence[str]) -> str | None:
    """Return the argument that was probably meant by an unknown `name`."""
    if (synonym := SYNONYMS.get(name)) in known:
        return synonym
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    return close[0] if close else None


def parameter(loc: Sequence[int | str], known: Sequence[str] = ()) -> str:
    """Return the dotted name of a place: ('body', 'files', 0, 'file_id') is files[0].file_id."""
    name = ""
    for step in loc[1:] if loc and loc[0] in NOT_PARAMETERS and loc[0] not in known else loc:
        name += f"[{step}]" if isinstance(step, int) else f".{step}" if name else step
    return name or "body"


def kind_of(value: object) -> str:
    """Return the JSON type of a value, with its article."""
    if value is None:
        return "null"
    return EXPECTED.get(type(value).__name__, "an object")


def _telling(errors: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the error that says most: of a union's branches the one whose type fits, else one that names all types."""
    first = errors[0]
    place, depth = first["loc"][:-1], len(first["loc"])
    within = [e for e in errors if len(e["loc"]) >= depth and e["loc"][: len(place)] == place]
    branches = [e for e in within if depth and _BRANCH.fullmatch(str(e["loc"][depth - 1]))]
    if len(branches) < 2 or first is not branches[0]:
        return first
    for error in branches:
        if len(error["loc"]) > depth or not error["type"].endswith("_type"):
            return {**error, "loc": (*place, *error["loc"][depth:])}
    return {**first, "loc": place, "wanted": [_wanted(e) for e in branches]}


def _wanted(error: Mapping[str, Any]) -> str:
    if error["type"] == "list_type" and error["loc"][-1] in OF_STRINGS:
        return "an array of strings"
    return EXPECTED.get(error["type"].split("_")[0], "another type")


def _wrong_type(name: str, error: Mapping[str, Any]) -> InvalidRequest:
    wanted = list(dict.fromkeys(error.get("wanted", [_wanted(error)])))
    shown = " or ".join(filter(None, [", ".join(wanted[:-1]), wanted[-1]]))
    return InvalidRequest(
        f"Invalid type for '{name}': expected {shown}, but got {kind_of(error['input'])} instead.",
        param=name,
        code="invalid_type",
    )


def _missing(name: str, _error: Mapping[str, Any]) -> InvalidRequest:
    return InvalidRequest(f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")


def _enum(name: str, error: Mapping[str, Any]) -> InvalidRequest:
    allowed = error["ctx"]["expected"].replace(" or ", " and ")
    return InvalidRequest(
        f"Invalid value: {_shown(error['input'])}. Supported values are: {allowed}.", param=name, code="invalid_value"
    )


def _bound(side: str, sign: str, key: str) -> Callable[[str, Mapping[str, Any]], InvalidRequest]:
    def rule(name: str, error: Mapping[str, Any]) -> InvalidRequest:
        kind = "integer" if isinstance(error["ctx"][key], int) else "decimal"
        given = error["input"]  # a string where it came in a query or a form
        got = given if isinstance(given, str) else _shown(given)
        return InvalidRequest(
            f"Invalid '{name}': {kind} {side} value. "
            f"Expected a value {sign} {error['ctx'][key]}, but got {got} instead.",
            param=name,
            code=f"{kind}_{side.replace('imum', '').replace(' ', '_')}_value",
        )

    return rule


def _too_long(name: str, error: Mapping[str, Any]) -> InvalidRequest:
    limit, got = error["ctx"]["max_length"], len(error["input"])
    if isinstance(error["input"], str):
        fault, unit, code = "string too long", "characters", "string_above_max_length"
    else:
        fault, unit, code = "too many items", "items", "array_above_max_length"
    return InvalidRequest(
        f"Invalid '{name}': {fault}. Expected at most {limit} {unit}, but got {got} instead.", param=name, code=code
    )


def _too_short(name: str, error: Mapping[str, Any]) -> InvalidRequest:
    fault = "string" if isinstance(error["input"], str) else "list"
    return InvalidRequest(
        f"Invalid '{name}': an empty {fault} means nothing here; give at least {error['ctx']['min_length']}"
        f" {'character' if fault == 'string' else 'item'}.",
        param=name,
        code="empty_string" if fault == "string" else "empty_array",
    )


def _shown(value: object) -> str:
    text = f"'{value}'" if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 80 else text[:77] + "..."


def _sentence(message: str) -> str:
    text = message.removeprefix("Value error, ")
    return text if text.endswith(".") else text + "."


_RULES: dict[str, Callable[[str, Mapping[str, Any]], InvalidRequest]] = {
    "missing": _missing,
    "missing_argument": _missing,
    "literal_error": _enum,
    "less_than_equal": _bound("above maximum", "<=", "le"),
    "greater_than_equal": _bound("below minimum", ">=", "ge"),
    "string_too_long": _too_long,
    "string_too_short": _too_short,
    "too_long": _too_long,
    "too_short": _too_short,
}

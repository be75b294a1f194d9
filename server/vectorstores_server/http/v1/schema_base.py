"""The base of all objects of /v1: the contract's keys, and values that the contract knows."""

import json
from collections.abc import Collection, Mapping
from typing import Annotated, Any, cast, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, field_validator

from vectorstores_tools.arguments.absence import is_null, present


class ReplyObject(BaseModel):
    """The base of replies of /v1: unknown keys of an engine's answer are dropped."""

    model_config = ConfigDict(extra="ignore")

    @field_validator("object", mode="before", check_fields=False)
    @classmethod
    def _declared(cls, _: Any) -> Any:
        """Return the declared kind of an object, whatever a remote calls it: batches go by two names."""
        return get_args(cls.model_fields["object"].annotation)[0]


def without_nulls(shape: type[BaseModel], given: Any, clears: Collection[str] = ()) -> Any:
    """Return a body without its optional members that are null; those in `clears` stay, which null empties."""
    if not isinstance(given, Mapping):
        return given
    body = cast("Mapping[str, Any]", given)
    emptied = {name: None for name in clears if name in body and body[name] is None}
    return present(shape, {name: value for name, value in body.items() if name not in emptied}, is_null) | emptied


def known(*values: str, otherwise: str) -> BeforeValidator:
    """Return a code or status as one of the contract's `values`, where a remote has a word of its own for it."""
    return BeforeValidator(lambda value: value if value in values else otherwise)


def is_absent(value: Any) -> bool:
    """Tell whether an optional key is left out: OpenAI declares it as a type that has no null."""
    return value is None


def _scalar(value: Any) -> Any:
    return value if isinstance(value, str | bool | int | float) else json.dumps(value)


def _string(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


AttributesOut = dict[str, Annotated[str | bool | int | float, BeforeValidator(_scalar)]]
"""Attributes; what a remote keeps in them beside scalars is written out as JSON."""
MetadataOut = dict[str, Annotated[str, BeforeValidator(_string)]]
"""Metadata; what a remote keeps in it beside strings is written out as JSON."""

"""The way from a remote's replies to the contract's objects."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from vectorstores_tools.contract.errors import Unavailable

T = TypeVar("T", bound=BaseModel)

IDS = frozenset({"id", "file_id", "vector_store_id"})
_ID = re.compile(r"""(?:(?!['"<>`])[!-~]){1,512}""")
"""The characters of an id: it goes into URIs, and into the calls that are advised, as it is."""


def read_as(kind: type[T], body: object) -> T:
    """Return the object; unknown keys are kept, open words taken as they are. Raises Unavailable for another shape."""
    try:
        read = kind.model_validate(body)
    except ValidationError as error:
        place = ".".join(str(step) for step in error.errors(include_url=False, include_input=False)[0]["loc"])
        raise _unlike(f"no {kind.__name__} (see its '{place}')") from None
    for field in IDS & kind.model_fields.keys():
        if (named := getattr(read, field)) and not _ID.fullmatch(named):
            raise _unlike(f"no {kind.__name__} (see its '{field}')")
    return read


def items_of(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the objects of a list, [] where there are none. Raises Unavailable for another shape."""
    data: Any = body.get("data") or []
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in cast("list[Any]", data)):
        raise _unlike("no list of objects")
    return cast("list[dict[str, Any]]", data)


def _unlike(description: str) -> Unavailable:
    return Unavailable(
        f"The remote answered with something that is {description}.",
        "Check that VECTOR_STORES_REMOTE_BASE_URL is the address of an OpenAI-compatible API, "
        "and VECTOR_STORES_REMOTE_DIALECT.",
    )

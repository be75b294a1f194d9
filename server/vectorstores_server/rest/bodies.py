"""How the JSON bodies of /v1 are read: closed, and strict about types, as OpenAI is."""

from typing import TypeVar

from pydantic import BaseModel, WrapValidator

M = TypeVar("M", bound=BaseModel)


def strictly(shape: type[M]) -> WrapValidator:
    """Refuse "10" where 10 belongs. The models themselves are lenient: forms and queries are strings throughout."""
    return WrapValidator(lambda given, _: shape.model_validate(given, strict=True))

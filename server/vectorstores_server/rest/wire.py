"""What all objects of /v1 have in common: the contract's keys, and values that the contract knows."""

from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Wire(BaseModel):
    """What leaves /v1: unknown keys of an engine's answer are dropped."""

    model_config = ConfigDict(extra="ignore")


def known(*values: str, otherwise: str) -> BeforeValidator:
    """Make what a remote calls otherwise (a code, a status) one of the contract's `values`."""
    return BeforeValidator(lambda value: value if value in values else otherwise)


def is_absent(value: Any) -> bool:
    """Tell whether an optional key stays away: OpenAI declares it as a type that has no null."""
    return value is None

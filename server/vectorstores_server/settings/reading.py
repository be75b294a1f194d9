"""Settings as they are read, from the environment and from flags, and the sentences about what is wrong with them."""

import difflib
import os
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, cast

from pydantic import ValidationError

from vectorstores_server.settings.model import FIELDS, PLACES, Settings, flag_of
from vectorstores_server.settings.values import PREFIX
from vectorstores_tools.contract.errors import InvalidRequest

CLOSED_WHEN_EMPTY = frozenset({"file_roots", "tokens"})
"""Settings whose empty value closes something; taken for unset it would open what the operator meant to close."""
EXPECTED = {
    "int_parsing": "a whole number is expected",
    "bool_parsing": "true or false is expected",
    "bool_type": "true or false is expected",
}
"""Kinds of pydantic's errors whose words are replaced."""


def read_settings(flags: Mapping[str, Any]) -> Settings:
    """Read the environment, `flags` on top. Raises InvalidRequest, one sentence for everything that is wrong."""
    try:
        return settings_from({**_variables(os.environ), **flags})
    except ValidationError as error:
        problems = [_problem(cast("Mapping[str, Any]", detail), flags) for detail in error.errors(include_url=False)]
    faults = "; ".join([*problems, *unknown_variables(os.environ)]).rstrip(".?")
    raise InvalidRequest(f"Settings: {faults}.", "`vector-stores-mcp serve --help` lists them.")


def settings_from(values: Mapping[str, Any]) -> Settings:
    """Return the settings of values by the operator's names for them. Raises ValidationError.

    An empty value is none: clients pass on every variable of their form, filled in or not.
    """
    groups: dict[str, dict[str, Any]] = defaultdict(dict)
    for name, value in values.items():
        if name in CLOSED_WHEN_EMPTY or not isinstance(value, str) or value.strip():
            groups[PLACES[name][0]][name] = value
    return Settings.model_validate(groups)


def _variables(environ: Mapping[str, str]) -> dict[str, str]:
    in_capitals = {name.upper(): value for name, value in environ.items()}
    return {name: in_capitals[PREFIX + name.upper()] for name in FIELDS if PREFIX + name.upper() in in_capitals}


def _problem(error: Mapping[str, Any], flags: Mapping[str, Any]) -> str:
    message = EXPECTED.get(error["type"], str(error["msg"]).removeprefix("Value error, "))
    message = message.replace("Input should be", "it must be")
    if len(error["loc"]) < 2:  # several settings together
        return message
    name = str(error["loc"][1])
    return f"{flag_of(name) if name in flags else PREFIX + name.upper()}: {message}"


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Return sentences about variables that look like settings and are none, most likely misspelt."""
    known = [PREFIX + name.upper() for name in FIELDS]
    sentences: list[str] = []
    for name in sorted(environ):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            near = difflib.get_close_matches(name.upper(), known, 1)
            sentences.append(
                f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else "; it is not read.")
            )
    return sentences

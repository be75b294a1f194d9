"""The settings as flags: in groups, and for each command those that mean something to it."""

import argparse
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from vectorstores_server.settings import APP, FIELDS, PREFIX, SECRETS, flag_of, is_list
from vectorstores_server.settings.groups import named
from vectorstores_server.settings.model import GROUPS

NOTE = f"Each is also an environment variable, {PREFIX} and its name in capitals."
MORE = f"{NOTE} `{APP} serve --help` explains all."


def all_settings(*, without: Collection[str] = ()) -> argparse.ArgumentParser:
    """Return a parent parser that has every setting, in groups, each explained."""
    parser = _parent()
    for group in GROUPS.values():
        if wanted := [name for name in named(group) if name not in without]:
            _add(parser.add_argument_group(group.title), wanted)
    return parser


def hidden_settings() -> argparse.ArgumentParser:
    """Return a parent parser that takes every setting and explains none."""
    parser = _parent()
    _add(parser, FIELDS, hidden=True)
    return parser


def settings_for(*shown: str) -> argparse.ArgumentParser:
    """Return a parent parser that explains the settings named, and takes those that every command takes too."""
    parser = _parent()
    if shown:
        _add(parser.add_argument_group("settings", MORE), shown)
    everywhere = [name for group in GROUPS.values() if group.every_command for name in named(group)]
    _add(parser, [name for name in everywhere if name not in shown], hidden=True)
    return parser


class _Secret(argparse.Action):
    """Refuses a secret without repeating it, which argparse does with what it does not know."""

    def __call__(
        self, parser: argparse.ArgumentParser, _namespace: Any, _values: Any, option_string: Any = None
    ) -> None:
        variable = PREFIX + self.dest.upper()
        file = f" or {variable}_FILE" if f"{self.dest}_file" in FIELDS else ""
        parser.error(f"{option_string} is no flag: other users of the machine would see it. Set {variable}{file}.")


def _parent() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for name in sorted(SECRETS):
        options = {flag_of(name), flag_of(name).removesuffix("s")}
        parser.add_argument(
            *options, action=_Secret, nargs="?", dest=name, default=argparse.SUPPRESS, help=argparse.SUPPRESS
        )
    return parser


def _add(group: Any, names: Sequence[str] | Collection[str], *, hidden: bool = False) -> None:
    for name in names:
        if name not in SECRETS:
            _add_flag(group, name, argparse.SUPPRESS if hidden else FIELDS[name].description)


def _add_flag(group: Any, name: str, help: str | None) -> None:
    annotation = FIELDS[name].annotation
    options: dict[str, Any] = {"dest": name, "default": argparse.SUPPRESS, "help": help}
    if annotation is bool:
        options["action"] = argparse.BooleanOptionalAction
    elif get_origin(annotation) is Literal:
        options["choices"] = get_args(annotation)
    else:
        options["metavar"] = _metavar(name)
    if is_list(name):
        options["action"] = "append"
    if "Path" in str(annotation):
        options["type"] = _from_here
    group.add_argument(flag_of(name), **options)


def _metavar(name: str) -> str:
    if name == "http":
        return "HOST:PORT"
    return "N" if "int" in str(FIELDS[name].annotation) else flag_of(name).rpartition("-")[2].upper()


def _from_here(path: str) -> Path:
    """Return the whole path: on the command line a relative one starts at the working directory."""
    return Path(path).expanduser().absolute()

"""The arguments: every setting as a flag, and the commands."""

import argparse
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from vectorstores_server.settings import APP, PREFIX, SECRETS, Settings, flag_of, is_list

CLIENTS = ("claude-desktop", "claude-code", "cursor", "vscode")
NOTE = (
    f"Every setting is also an environment variable: {PREFIX} and its name in capitals. Keys only there or in a file."
)


def parse(argv: Sequence[str]) -> tuple[argparse.Namespace, dict[str, Any]]:
    """Return the command with its own arguments, and the settings that were given as flags."""
    arguments = _parser().parse_args(argv)
    arguments.command = arguments.command or "serve"
    flags = {name: value for name, value in vars(arguments).items() if name in Settings.model_fields}
    return arguments, flags


def _parser() -> argparse.ArgumentParser:
    settings = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    group = settings.add_argument_group("settings", NOTE)
    for name, field in Settings.model_fields.items():
        if name not in SECRETS:
            _add_flag(group, name, field)
    parser = argparse.ArgumentParser(
        prog=APP,
        parents=[settings],
        allow_abbrev=False,
        description="Vector stores for LLM agents over MCP. Without a command it serves MCP on stdin and stdout.",
    )
    parser.add_argument("--version", action="version", version=f"{APP} {version(APP)}")
    _add_commands(parser, settings)
    return parser


def _add_flag(group: Any, name: str, field: FieldInfo) -> None:
    options: dict[str, Any] = {"dest": name, "default": argparse.SUPPRESS, "help": field.description}
    if field.annotation is bool:
        options["action"] = argparse.BooleanOptionalAction
    elif get_origin(field.annotation) is Literal:
        options["choices"] = get_args(field.annotation)
    else:
        options["metavar"] = flag_of(name).rpartition("-")[2].upper()
    if is_list(name):
        options["action"] = "append"
    if "Path" in str(field.annotation):
        options["type"] = _from_here
    group.add_argument(flag_of(name), **options)


def _from_here(path: str) -> Path:
    """On the command line a relative path is meant from where the person stands."""
    return Path(path).expanduser().absolute()


def _add_commands(parser: argparse.ArgumentParser, settings: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    def command(name: str, help: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=help, description=help, parents=[settings], allow_abbrev=False)

    command("serve", "serve MCP on stdin and stdout (what happens without a command)")
    _add_work(command("add", "attach files, folders or URLs to a store"), command("search", "search a store"))
    command("ls", "list the stores, or the files of one").add_argument("store", nargs="?", metavar="STORE")
    command("show", "show a store or a file").add_argument("id", metavar="ID")
    rm = command("rm", "delete a store or a file")
    rm.add_argument("id", metavar="ID")
    rm.add_argument("--yes", action="store_true", help="do not ask")
    doctor = command("doctor", "look at the data directory, the model and the versions")
    doctor.add_argument("--purge", action="store_true", help="take what was deleted off the disk now")
    reindex = command("reindex", "build a store's index anew from its files, with today's embedder")
    reindex.add_argument("store", nargs="?", metavar="STORE", help="its name or id; without it every store")
    command("model", "get the embedding model").add_argument("action", choices=["install"])
    config = command("config", "print the configuration block for a client")
    config.add_argument("client", choices=CLIENTS)
    config.add_argument("--write", action="store_true", help="put it into the client's file, after a backup")


def _add_work(add: argparse.ArgumentParser, search: argparse.ArgumentParser) -> None:
    add.add_argument("--store", metavar="NAME|ID", help="made if the name is new; without it the only store")
    add.add_argument("paths", nargs="+", metavar="PATH", help="file, folder, glob or https URL")
    search.add_argument("--store", metavar="NAME|ID", help="without it the only store")
    search.add_argument("--results", type=int, default=5, metavar="N", help="how many (5)")
    search.add_argument("query", nargs="+", metavar="QUERY")

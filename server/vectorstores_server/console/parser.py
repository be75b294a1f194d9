"""The arguments: the commands, and the settings that each takes as flags."""

import argparse
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from vectorstores_server.clients.known import known_clients
from vectorstores_server.console.flags import NOTE, all_settings, hidden_settings, settings_for
from vectorstores_server.settings import APP, FIELDS
from vectorstores_server.settings.groups import HttpSettings, named
from vectorstores_tools.contract.characters import sentence

STORE = "NAME|ID"


def parse_command_line(argv: Sequence[str]) -> tuple[argparse.Namespace, dict[str, Any]]:
    """Return the command with its own arguments, and the settings that were given as flags."""
    arguments = _parser().parse_args(argv)
    arguments.command = arguments.command or "serve"
    flags = {name: value for name, value in vars(arguments).items() if name in FIELDS}
    return arguments, flags


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, whatever argument they quote."""

    def error(self, message: str) -> NoReturn:
        super().error(sentence(message))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=APP,
        usage=f"{APP} [COMMAND] [SETTING ...]",
        parents=[hidden_settings()],
        allow_abbrev=False,
        description="Vector stores for LLM agents over MCP. Without a command it serves MCP on stdin and stdout.",
        epilog=f"`{APP} COMMAND --help` explains a command, and `{APP} serve --help` every setting. {NOTE}",
    )
    parser.add_argument("--version", action="version", version=f"{APP} {version(APP)}")
    commands = _Commands(parser)
    _add_serving(commands)
    _add_looking(commands)
    _add_work(commands)
    return parser


class _Commands:
    """Adds commands, each with a usage line of its own: argparse's would name all settings at every mistake."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._added = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    def add(self, name: str, usage: str, help: str, settings: argparse.ArgumentParser) -> argparse.ArgumentParser:
        return self._added.add_parser(
            name,
            prog=f"{APP} {name}",
            usage=f"{APP} {name} {usage}".replace("  ", " "),
            help=help,
            description=help[0].upper() + help[1:] + ".",
            parents=[settings],
            allow_abbrev=False,
        )


def _add_serving(commands: _Commands) -> None:
    commands.add(
        "serve", "[SETTING ...]", "serve MCP on stdin and stdout (what happens without a command)", all_settings()
    )
    page = commands.add(
        "open", "[--print] [SETTING ...]", "open the page of the stores in the browser",
        settings_for("data", "embedder", "read_only"),
    )  # fmt: skip
    page.add_argument("--print", action="store_true", help="write the address, good once, instead of opening it")
    config = commands.add(
        "config", "[CLIENT] [--write] [SETTING ...]", "print what a client needs, or list the clients of this machine",
        all_settings(without=named(HttpSettings)),
    )  # fmt: skip
    clients = sorted(known_clients())
    config.add_argument("client", nargs="?", choices=clients, metavar="CLIENT", help=", ".join(clients))
    config.add_argument("--write", action="store_true", help="put it into the client's file, after a backup")


def _add_looking(commands: _Commands) -> None:
    where = settings_for("data", "backend")
    ls = commands.add("ls", "[STORE] [SETTING ...]", "list the stores, or the files of one", where)
    ls.add_argument("store", nargs="?", metavar="STORE", help="its name or id")
    show = commands.add("show", "NAME|ID [SETTING ...]", "show a store or a file", where)
    show.add_argument("id", metavar=STORE, help="of a store or a file")
    rm = commands.add(
        "rm", "NAME|ID [--store NAME|ID] [--yes] [SETTING ...]", "delete a store, or a file from one store or all",
        where,
    )  # fmt: skip
    rm.add_argument("id", metavar=STORE, help="a store's name or id, or a file's id")
    rm.add_argument("--store", metavar=STORE, help="take the file out of this store only, and keep it")
    rm.add_argument("--yes", action="store_true", help="do not ask")
    doctor = commands.add(
        "doctor", "[--check | --repair | --purge [--trash]] [--yes] [SETTING ...]",
        "look at the data directory, the model and the versions",
        settings_for("data", "embedder", "file_roots", "url_hosts"),
    )  # fmt: skip
    doctor.add_argument("--check", action="store_true", help="look at every file, text and table; 1 if one is damaged")
    doctor.add_argument("--repair", action="store_true", help="the same, and mend what can be mended, after a question")
    doctor.add_argument("--purge", action="store_true", help="take what was deleted off the disk now")
    doctor.add_argument("--trash", action="store_true", help="with --purge: empty the trash too, after a question")
    doctor.add_argument("--yes", action="store_true", help="do not ask")


def _add_work(commands: _Commands) -> None:
    add = commands.add(
        "add", "[--store NAME|ID] PATH ... [SETTING ...]", "attach files, folders or URLs to a store",
        settings_for("data", "backend", "embedder", "url_hosts", "max_file_bytes", "encoding"),
    )  # fmt: skip
    add.add_argument("--store", metavar=STORE, help="made if the name is new; without it the only store")
    add.add_argument("paths", nargs="+", metavar="PATH", help="file, folder, glob or https URL")
    asked = settings_for("data", "backend", "embedder")
    search = commands.add("search", "[--store NAME|ID] [--results N] QUERY [SETTING ...]", "search a store", asked)
    search.add_argument("--store", metavar=STORE, help="without it the only store")
    search.add_argument("--results", type=int, default=5, metavar="N", help="how many, at most 50 (5)")
    search.add_argument("query", nargs="+", metavar="QUERY")
    judged = commands.add(
        "eval", "STORE QUESTIONS.jsonl [--also NAME] [SETTING ...]", "ask your own questions, and see what is found",
        asked,
    )  # fmt: skip
    judged.add_argument("store", metavar="STORE", help="its name or id")
    judged.add_argument(
        "questions", type=Path, metavar="QUESTIONS.jsonl",
        help="a line a question: its text as question, the names of the files that answer it as files, [] for none",
    )  # fmt: skip
    judged.add_argument("--also", action="append", metavar="NAME", help="a copy with this model beside it; repeatable")
    reindex = commands.add(
        "reindex", "[STORE] [SETTING ...]", "rebuild a store's index from its files, with today's embedder", asked
    )
    reindex.add_argument("store", nargs="?", metavar="STORE", help="its name or id; without it every store")
    followed = settings_for("data", "embedder", "file_roots", "max_file_bytes", "encoding")
    sync = commands.add(
        "sync", "[STORE] [--dry-run] [--yes] [SETTING ...]", "bring the folders that stores follow into them now",
        followed,
    )  # fmt: skip
    sync.add_argument("store", nargs="?", metavar="STORE", help="its name or id; without it every store")
    sync.add_argument("--dry-run", action="store_true", help="only say what would be done; 4 if there is something")
    sync.add_argument("--yes", action="store_true", help="remove missing files even where they are most of the folder")
    commands.add("watch", "[SETTING ...]", "watch the folders that stores follow, until Ctrl-C", followed)
    kept = settings_for("data")
    backup = commands.add("backup", "DIR [--no-index] [SETTING ...]", "copy the data directory while servers run", kept)
    backup.add_argument("folder", metavar="DIR", help="a new or empty folder outside the data directory")
    backup.add_argument("--no-index", dest="index", action="store_false", help="build the index again after a restore")
    restore = commands.add(
        "restore", "DIR [SETTING ...]", "put a backup in place of a new or empty data directory", kept
    )
    restore.add_argument("folder", metavar="DIR", help="a backup")
    model = commands.add(
        "model", "list | install [NAME] [--from FOLDER] | use NAME", "list, install and choose the embedding models",
        settings_for("embedder"),
    )  # fmt: skip
    model.add_argument("action", choices=["list", "install", "use"])
    model.add_argument("name", nargs="?", metavar="NAME", help="minilm (what is installed without one), ...: see list")
    model.add_argument("--from", dest="source", type=Path, metavar="FOLDER", help="install the files of this folder")

"""`config`: the entry by which a client starts this server, with absolute paths; `--write` adds it to its file."""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import cast

from vectorstores_server.clients.files import block, holds_server, with_server
from vectorstores_server.clients.known import NAME, KnownClient, known_clients
from vectorstores_server.console.terminal import say, table, warn
from vectorstores_server.settings import APP, PREFIX, SECRETS, Settings
from vectorstores_tools.contract.errors import InvalidRequest

BY_HAND = "Paste the block above into it by hand."


async def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Write the block to stdout, or into the client's file; without a client list those of this machine."""
    if arguments.client is None:
        return _list(write=arguments.write)
    client = known_clients()[arguments.client]
    environment = _environment(settings)
    if not arguments.write:
        _print(client, environment)
        _tell_where(client)
        _tell_left_out(settings)
        return 0
    _tell_left_out(settings)
    try:
        _write(client, environment)
    except InvalidRequest:
        _print_block(client, environment)
        raise
    return 0


def _list(*, write: bool) -> int:
    """Say which clients this machine has, and which of them have the server."""
    if write:
        raise InvalidRequest("--write needs a client.", f"{APP} config lists those that this machine has.")
    clients = known_clients()
    found = [client for client in clients.values() if _is_here(client)]
    if not found:
        say(f"None of the known clients was found: {', '.join(clients)}.")
    else:
        rows = [(client.name, _state(client), str(client.file)) for client in found]
        table([("client", "has the server", "file"), *rows], gives_way=0)
    warn(f"`{APP} config CLIENT` prints what a client needs, and --write puts it into the file.")
    return 0


def _is_here(client: KnownClient) -> bool:
    traces = [client.file, client.folder] if client.folder else [client.file.parent]
    return any(trace.exists() for trace in traces) or (
        client.program != "" and shutil.which(client.program) is not None
    )


def _state(client: KnownClient) -> str:
    try:
        return "yes" if client.file.exists() and holds_server(_read(client.file), client) else "no"
    except (OSError, ValueError):
        return "cannot be read"


def _tell_where(client: KnownClient) -> None:
    if client.name == "claude-code":
        warn(f"Run it once, and all of your projects have the server; --write puts it into {client.file} instead.")
    else:
        warn(f"It belongs in {client.file}; --write puts it there.")


def _tell_left_out(settings: Settings) -> None:
    """Name the secrets that are set and stay out of a client's file."""
    secret = [PREFIX + name.upper() for name in sorted(SECRETS & settings.given()) if settings.value(name)]
    kept = [name for name in secret if name.removeprefix(PREFIX).lower() + "_file" not in settings.given()]
    if kept:
        warn(f"Left out, as a secret: {', '.join(kept)}. Add it by hand, or use the variable with _FILE.")


def _print(client: KnownClient, environment: dict[str, str]) -> None:
    if client.name == "claude-code":
        say(_claude_mcp_add(environment))
    else:
        _print_block(client, environment)


def _print_block(client: KnownClient, environment: dict[str, str]) -> None:
    for row in block(client, client.entry(_command(), environment)).splitlines():
        say(row)


def _claude_mcp_add(environment: dict[str, str]) -> str:
    """Return Claude Code's own command. `--env` takes all that follows, so another option stands before the name."""
    pairs = [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]
    words = ["claude", "mcp", "add", *pairs, "--transport", "stdio", "--scope", "user", NAME, "--", _command()]
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def _command() -> str:
    """Return this program's absolute path: a client looks in another PATH than a shell."""
    started = Path(sys.argv[0])
    found = started if started.is_absolute() and started.name.startswith(APP) else shutil.which(APP)
    beside = Path(sys.executable).with_name(APP)
    return str(found or beside)


def _environment(settings: Settings) -> dict[str, str]:
    """Return the given settings as variables: a client passes almost nothing of its environment on. Never a key."""
    given = {name: settings.value(name) for name in settings.given() - SECRETS - {"http"}}
    return {
        PREFIX + name.upper(): _variable(value)
        for name, value in sorted({"data": settings.storage.place, **given}.items())
    }


def _variable(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        items = [str(item) for item in cast("tuple[object, ...]", value)]
        return (os.pathsep if items and Path(items[0]).is_absolute() else ",").join(items)
    return str(value)


def _write(client: KnownClient, environment: dict[str, str]) -> None:
    """Put the server beside the client's other ones; the file as it was is kept next to it."""
    text = _with_server(client, environment)
    client.file.parent.mkdir(parents=True, exist_ok=True)
    if client.file.exists():
        backup = client.file.with_name(f"{client.file.name}.{time.strftime('%Y%m%d-%H%M%S')}.bak")
        shutil.copy2(client.file, backup)
        say(f"The file as it was: {backup}")
    target = client.file.resolve()
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    fresh.write_bytes(text.encode())
    if target.exists():
        shutil.copymode(target, fresh)
    fresh.replace(target)
    say(f"Wrote the server '{NAME}' into {client.file}. Restart the client.")


def _with_server(client: KnownClient, environment: dict[str, str]) -> str:
    """Return the file's new text, with the mark at its beginning and the ends of lines that it had."""
    try:
        text = _read(client.file) if client.file.exists() else ""
        mark = "\ufeff" if text.startswith("\ufeff") else ""
        breaks = "\r\n" if "\r\n" in text else "\n"
        plain = text.removeprefix(mark).replace("\r\n", "\n")
        return mark + with_server(plain, client, client.entry(_command(), environment)).replace("\n", breaks)
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{client.file} cannot be read as {client.syntax} ({error}).", BY_HAND) from None


def _read(file: Path) -> str:
    return file.read_bytes().decode()

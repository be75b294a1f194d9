"""`config`: the block that makes a client start this server, with absolute paths; `--write` puts it into its file."""

import argparse
import json
import os
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from vectorstores_server.console.terminal import say, warn
from vectorstores_server.settings import APP, PREFIX, SECRETS, Settings
from vectorstores_tools.contract.errors import InvalidRequest

NAME = "vector-stores"
BY_HAND = "Paste the block above into it by hand."


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """Where a client keeps its servers, and under which key."""

    file: Path
    key: str = "mcpServers"
    typed: bool = False
    """Whether a server says that it is of type stdio."""


def client_of(name: str) -> ClientConfig:
    """Return what is known of a client. Source: the clients' own pages on MCP, as of 2026."""
    clients = {
        "claude-desktop": ClientConfig(_application_data() / "Claude" / "claude_desktop_config.json"),
        "claude-code": ClientConfig(Path.cwd() / ".mcp.json", typed=True),
        "cursor": ClientConfig(Path.home() / ".cursor" / "mcp.json"),
        "vscode": ClientConfig(Path.cwd() / ".vscode" / "mcp.json", key="servers", typed=True),
    }
    return clients[name]


def _application_data() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", Path.home() / "AppData" / "Roaming"))
    return Path.home() / ".config"


async def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Write the block to stdout, or into the client's file."""
    client = client_of(arguments.client)
    block = _block(client, settings)
    if not arguments.write:
        _print(client, block)
        warn(f"It belongs in {client.file}; --write puts it there.")
        _tell_left_out(settings)
        return 0
    _tell_left_out(settings)
    try:
        _write(client, block)
    except InvalidRequest:
        _print(client, block)
        raise
    return 0


def _tell_left_out(settings: Settings) -> None:
    """Name the secrets that are set and stay out of a client's file."""
    secret = [PREFIX + name.upper() for name in sorted(SECRETS & settings.model_fields_set) if getattr(settings, name)]
    kept = [name for name in secret if name.removeprefix(PREFIX).lower() + "_file" not in settings.model_fields_set]
    if kept:
        warn(f"Left out, as a secret: {', '.join(kept)}. Add it by hand, or use the variable with _FILE.")


def _print(client: ClientConfig, block: dict[str, Any]) -> None:
    for row in json.dumps({client.key: {NAME: block}}, indent=2).splitlines():
        say(row)


def _block(client: ClientConfig, settings: Settings) -> dict[str, Any]:
    kind = {"type": "stdio"} if client.typed else {}
    return {**kind, "command": _command(), "args": [], "env": _environment(settings)}


def _command() -> str:
    """Return this program's absolute path: a client looks in another PATH than a shell."""
    started = Path(sys.argv[0])
    found = started if started.is_absolute() and started.name.startswith(APP) else shutil.which(APP)
    beside = Path(sys.executable).with_name(APP)
    return str(found or beside)


def _environment(settings: Settings) -> dict[str, str]:
    """Return what was set, as variables: a client passes almost nothing of its environment on. Never a key."""
    given = {name: getattr(settings, name) for name in settings.model_fields_set - SECRETS - {"http"}}
    return {PREFIX + name.upper(): _variable(value) for name, value in sorted({"data": settings.data, **given}.items())}


def _variable(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        items = [str(item) for item in cast("tuple[object, ...]", value)]
        return (os.pathsep if items and Path(items[0]).is_absolute() else ",").join(items)
    return str(value)


def _write(client: ClientConfig, block: dict[str, Any]) -> None:
    """Put the block beside the client's other servers; what was there is kept next to it."""
    known = _read(client.file)
    servers = known.setdefault(client.key, {})
    if not isinstance(servers, dict):
        raise InvalidRequest(f"'{client.key}' in {client.file} is not an object.", BY_HAND)
    servers[NAME] = block
    client.file.parent.mkdir(parents=True, exist_ok=True)
    if client.file.exists():
        backup = client.file.with_name(f"{client.file.name}.{time.strftime('%Y%m%d-%H%M%S')}.bak")
        shutil.copy2(client.file, backup)
        say(f"The file as it was: {backup}")
    target = client.file.resolve()
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    fresh.write_text(json.dumps(known, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if target.exists():
        shutil.copymode(target, fresh)
    fresh.replace(target)
    say(f"Wrote the server '{NAME}' into {client.file}. Restart the client.")


def _read(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        known = json.loads(file.read_text(encoding="utf-8-sig") or "{}")
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{file} cannot be read as JSON ({error}).", BY_HAND) from None
    if not isinstance(known, dict):
        raise InvalidRequest(f"{file} does not hold a JSON object.", BY_HAND)
    return cast("dict[str, Any]", known)

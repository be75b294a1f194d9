"""Clients that are known: the file that each keeps its servers in, the form of an entry, and the page that says so."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

NAME = "vector-stores"

Syntax = Literal["JSON", "TOML", "YAML"]
Shape = Literal["plain", "typed", "opencode", "goose"]


@dataclass(frozen=True, slots=True)
class KnownClient:
    """A client, with the place and the form in which it keeps its servers."""

    name: str
    document: str
    """The client's own page on this, where the rest of this entry was read."""
    file: Path
    key: str = "mcpServers"
    syntax: Syntax = "JSON"
    shape: Shape = "plain"
    program: str = ""
    """A command that is on the PATH where the client is installed."""
    folder: Path | None = None
    """A folder that exists once the client has run, where it is not the file's own."""

    def entry(self, command: str, environment: dict[str, str]) -> dict[str, Any]:
        """Return the entry that starts a program, in the form that this client reads."""
        match self.shape:
            case "plain":
                return {"command": command, "args": [], "env": environment}
            case "typed":
                return {"type": "stdio", "command": command, "args": [], "env": environment}
            case "opencode":
                return {"type": "local", "command": [command], "enabled": True, "environment": environment}
            case "goose":
                return {
                    "name": NAME, "type": "stdio", "enabled": True, "timeout": 300,
                    "cmd": command, "args": [], "envs": environment,
                }  # fmt: skip


def known_clients() -> dict[str, KnownClient]:
    """Return the clients by name, with their files on this machine."""
    return {client.name: client for client in (*_applications(), *_of_home(), *_of_project())}


def _applications() -> list[KnownClient]:
    return [
        KnownClient(
            "claude-desktop", "https://modelcontextprotocol.io/docs/develop/connect-local-servers",
            _application_data() / "Claude" / "claude_desktop_config.json",
        ),
        KnownClient(
            "lm-studio", "https://lmstudio.ai/docs/app/mcp",
            _there(Path.home() / ".lmstudio" / "mcp.json", Path.home() / ".cache" / "lm-studio" / "mcp.json"),
        ),
        KnownClient(
            "zed", "https://zed.dev/docs/ai/mcp",
            (_application_data() / "Zed" if sys.platform == "win32" else _configuration() / "zed") / "settings.json",
            key="context_servers", program="zed",
        ),
        KnownClient(
            "cline", "https://docs.cline.bot/getting-started/config",
            _there(Path.home() / ".cline" / "data" / "settings" / _CLINE, _of_vscode() / "settings" / _CLINE),
            program="cline", folder=Path.home() / ".cline",
        ),
        KnownClient(
            "goose", "https://github.com/block/goose/blob/main/documentation/docs/guides/config-files.md",
            (_application_data() / "Block" / "goose" / "config" if sys.platform == "win32" else
             _configuration() / "goose") / "config.yaml",
            key="extensions", syntax="YAML", shape="goose", program="goose",
        ),
    ]  # fmt: skip


def _of_home() -> list[KnownClient]:
    home = Path.home()
    opencode = _configuration() / "opencode"
    return [
        KnownClient(
            "codex", "https://github.com/openai/codex/blob/main/docs/config.md",
            Path(os.environ.get("CODEX_HOME") or home / ".codex") / "config.toml",
            key="mcp_servers", syntax="TOML", program="codex",
        ),
        KnownClient("cursor", "https://cursor.com/docs/context/mcp", home / ".cursor" / "mcp.json", program="cursor"),
        KnownClient(
            "gemini-cli", "https://github.com/google-gemini/gemini-cli/blob/main/docs/tools/mcp-server.md",
            home / ".gemini" / "settings.json", program="gemini",
        ),
        KnownClient(
            "opencode", "https://opencode.ai/docs/mcp-servers",
            _there(opencode / "opencode.json", opencode / "opencode.jsonc"),
            key="mcp", shape="opencode", program="opencode",
        ),
        KnownClient(
            "windsurf", "https://docs.windsurf.com/windsurf/cascade/mcp",
            home / ".codeium" / "windsurf" / "mcp_config.json", program="windsurf",
        ),
    ]  # fmt: skip


def _of_project() -> list[KnownClient]:
    """Return those that keep servers in the folder of a project."""
    return [
        KnownClient(
            "claude-code", "https://code.claude.com/docs/en/mcp", Path.cwd() / ".mcp.json", shape="typed",
            program="claude", folder=Path.home() / ".claude",
        ),
        KnownClient(
            "vscode", "https://code.visualstudio.com/docs/copilot/reference/mcp-configuration",
            Path.cwd() / ".vscode" / "mcp.json", key="servers", shape="typed",
            program="code", folder=Path.home() / ".vscode",
        ),
    ]  # fmt: skip


_CLINE = "cline_mcp_settings.json"


def _of_vscode() -> Path:
    """Return the folder in which Cline's extension for VS Code kept its files before 2026."""
    return _application_data() / "Code" / "User" / "globalStorage" / "saoudrizwan.claude-dev"


def _there(*files: Path) -> Path:
    """Return the first file that is there, else the first."""
    return next((file for file in files if file.exists()), files[0])


def _configuration() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")


def _application_data() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", Path.home() / "AppData" / "Roaming"))
    return _configuration()

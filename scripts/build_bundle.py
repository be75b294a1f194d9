"""The bundle for Claude Desktop (MCPB) and the entry for the MCP registry, made from pyproject.toml into build/.

The bundle holds the sources: the client runs them with uv, which installs what they need. Packed and validated by the
format's own command line, from npm.
"""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build"
CLI = "@anthropic-ai/mcpb@2.1.2"
NAME = "vector-stores-mcp"
TAKEN = ("server", "tools", "pyproject.toml", "README.md", "LICENSE", "NOTICE")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc")
REGISTRY_SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def manifest(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the bundle's manifest; what a person sets becomes the server's environment."""
    environment = {
        "VECTOR_STORES_FILE_ROOTS": "${user_config.folder}",
        "VECTOR_STORES_DATA": "${user_config.data}",
        "VECTOR_STORES_EMBEDDER": "${user_config.model}",
        "VECTOR_STORES_MODEL_DOWNLOAD": "${user_config.download}",
    }
    return {
        "manifest_version": "0.4",
        "name": NAME,
        "display_name": "Vector stores",
        "version": facts["version"],
        "description": facts["description"],
        "author": {"name": facts["authors"][0]["name"]},
        "license": facts["license"],
        "keywords": facts["keywords"],
        "server": {
            "type": "uv",
            "entry_point": "server/vectorstores_server/__main__.py",
            "mcp_config": {
                "command": "uv",
                "args": ["run", "--directory", "${__dirname}", "--no-dev", NAME],
                "env": environment,
            },
        },
        "compatibility": {"runtimes": {"python": facts["requires-python"]}},
        "user_config": {
            "folder": {
                "type": "directory",
                "title": "Folder of documents",
                "description": "The folder that files may be read from, with what lies below it.",
                "required": True,
                "default": "${DOCUMENTS}",
            },
            "data": {
                "type": "directory",
                "title": "Where the stores are kept",
                "description": "Leave it as it is, unless you want the stores on another disk.",
                "required": False,
                "default": "${HOME}/.local/share/vector-stores-mcp",
            },
            "model": {
                "type": "string",
                "title": "What makes the vectors",
                "description": "auto, minilm, openai:MODEL, or none (search by words only).",
                "required": False,
                "default": "auto",
            },
            "download": {
                "type": "boolean",
                "title": "Download the model",
                "description": "all-MiniLM-L6-v2, 91 MB, once; without it search is by words only.",
                "required": False,
                "default": True,
            },
        },
    }


def registry_entry(facts: dict[str, Any]) -> dict[str, Any]:
    """Return server.json; its owner is the one that pyproject.toml names."""
    owner = re.fullmatch(r"https://github\.com/([^/]+)/.*", facts["urls"]["Source"])
    if owner is None:
        raise SystemExit("pyproject.toml names no owner in its Source URL.")
    return {
        "$schema": REGISTRY_SCHEMA,
        "name": f"io.github.{owner[1]}/{NAME}",
        "description": "Vector stores for agents: files, folders, search with citations; local or any OpenAI-style API",
        "version": facts["version"],
        "repository": {"url": facts["urls"]["Source"], "source": "github"},
        "packages": [
            {
                "registryType": "pypi",
                "identifier": NAME,
                "version": facts["version"],
                "runtimeHint": "uvx",
                "transport": {"type": "stdio"},
                "environmentVariables": [
                    {"name": "VECTOR_STORES_DATA", "description": "Where stores and files are kept."},
                    {"name": "VECTOR_STORES_FILE_ROOTS", "description": "Folders that paths may lie in."},
                    {"name": "VECTOR_STORES_EMBEDDER", "description": "auto, minilm, openai:MODEL or none."},
                ],
            }
        ],
    }


def write(folder: Path) -> None:
    """Lay out the bundle's folder, and server.json beside it."""
    bundle = folder / "bundle"
    shutil.rmtree(bundle, ignore_errors=True)
    bundle.mkdir(parents=True)
    for name in TAKEN:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, bundle / name, ignore=LEFT_OUT)
        else:
            shutil.copy2(source, bundle / name)
    facts = project()
    for path, content in ((bundle / "manifest.json", manifest(facts)), (folder / "server.json", registry_entry(facts))):
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    write(BUILD)
    packed = BUILD / f"{NAME}-{project()['version']}.mcpb"
    bundle = BUILD / "bundle"
    for arguments in (["validate", str(bundle / "manifest.json")], ["pack", str(bundle), str(packed)]):
        done = subprocess.run(["npx", "--yes", CLI, *arguments], cwd=BUILD, check=False)
        if done.returncode:
            sys.exit(done.returncode)
    print(f"{packed.relative_to(ROOT)}: {packed.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()

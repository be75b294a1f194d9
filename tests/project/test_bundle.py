"""What other programs install the server by: the bundle, the registry's entry, the plugin, and `uvx`."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from scripts import build_bundle

from support.checkout import ROOT
from vectorstores_server.settings import FIELDS, PREFIX

pytestmark = pytest.mark.process


def test_the_manifest_offers_settings_that_there_are() -> None:
    facts = build_bundle.project()
    manifest: dict[str, Any] = build_bundle.manifest(facts)
    environment = manifest["server"]["mcp_config"]["env"]
    assert {name.removeprefix(PREFIX).lower() for name in environment} <= set(FIELDS)
    asked = {f"${{user_config.{name}}}" for name in manifest["user_config"]}
    assert asked == set(environment.values())
    assert manifest["version"] == facts["version"]
    assert (ROOT / manifest["server"]["entry_point"]).exists()


def test_the_entry_for_the_registry_has_its_form_and_invents_nobody() -> None:
    facts = build_bundle.project()
    entry = build_bundle.registry_entry(facts)
    jsonschema.validate(entry, REGISTRY_FORM)
    [package] = entry["packages"]
    assert (entry["version"], package["version"]) == (facts["version"], facts["version"])
    owner = entry["name"].removeprefix("io.github.").partition("/")[0]
    assert f"github.com/{owner}/" in facts["urls"]["Source"]
    assert {variable["name"].removeprefix(PREFIX).lower() for variable in package["environmentVariables"]} <= set(
        FIELDS
    )


REGISTRY_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["$schema", "name", "description", "version", "packages"],
    "properties": {
        "name": {"type": "string", "pattern": r"^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$", "maxLength": 200},
        "description": {"type": "string", "minLength": 1, "maxLength": 100},
        "version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
        "packages": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["registryType", "identifier", "version", "transport"],
                "properties": {"transport": {"type": "object", "required": ["type"]}},
            },
        },
    },
}
"""What is known of the registry's schema, which lies on a host of its own: names, lengths and what is required."""


def test_the_plugin_is_of_this_version_and_starts_this_program() -> None:
    facts = build_bundle.project()
    plugin = json.loads((ROOT / ".claude-plugin" / "plugin.json").read_text(encoding="utf-8"))
    assert (plugin["version"], plugin["description"]) == (facts["version"], facts["description"])
    [server] = plugin["mcpServers"].values()
    assert [server["command"], *server["args"]] == ["uvx", facts["name"]]


def test_the_bundle_is_validated_and_packed_by_the_command_line_of_its_format(tmp_path: Path) -> None:
    npx = shutil.which("npx")
    if npx is None:
        pytest.skip("no npx on the path; Node.js brings it")
    build_bundle.write(tmp_path)
    packed = tmp_path / "packed.mcpb"
    environment = {**os.environ, "npm_config_update_notifier": "false"}
    for arguments in (["validate", tmp_path / "bundle" / "manifest.json"], ["pack", tmp_path / "bundle", packed]):
        done = subprocess.run(
            [npx, "--yes", build_bundle.CLI, *map(str, arguments)],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(packed) as archive:
        names = set(archive.namelist())
    assert {"manifest.json", "pyproject.toml", "server/vectorstores_server/cli.py"} <= names
    assert not [name for name in names if "__pycache__" in name]


def built_wheel(folder: Path) -> Path:
    """Build the wheel into a folder, and return it."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True,
        capture_output=True,
    )  # fmt: skip
    [wheel] = folder.glob("*.whl")
    return wheel


def test_uvx_runs_the_built_wheel(tmp_path: Path) -> None:
    uvx = shutil.which("uvx") or shutil.which("uvx", path=str(Path(sys.executable).parent))
    if uvx is None:
        pytest.skip("no uvx on the path; `pip install uv` brings it")
    wheel = built_wheel(tmp_path)
    done = subprocess.run(
        [uvx, "--python", sys.executable, "--from", str(wheel), "vector-stores-mcp", "--version"],
        capture_output=True, text=True, timeout=580, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("vector-stores-mcp ")


def test_pipx_installs_the_built_wheel(tmp_path: Path) -> None:
    wheel = built_wheel(tmp_path)
    homes = {"PIPX_HOME": str(tmp_path / "pipx"), "PIPX_BIN_DIR": str(tmp_path / "bin")}
    command = [sys.executable, "-m", "pipx", "install", "--backend", "uv", "--python", sys.executable, str(wheel)]
    subprocess.run(command, check=True, capture_output=True, timeout=580, env=os.environ | homes, cwd=tmp_path)
    program = tmp_path / "bin" / "vector-stores-mcp"
    done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("vector-stores-mcp ")

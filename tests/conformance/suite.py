"""The official conformance suite: installed once per checkout from npm, run with a Node of its own if need be."""

import json
import platform
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

PACKAGE = "@modelcontextprotocol/conformance"
STABLE, NEXT = "0.1.16", "0.2.0-alpha.12"
NODE = 22
"""The oldest major version that the suite runs on."""
CHECKOUT = Path(__file__).parents[2]
FOLDER = CHECKOUT / ".node"
SECONDS_TO_INSTALL = 240
SECONDS_TO_RUN = 120
MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


class NotToBeHad(Exception):
    """Why the suite cannot be run here."""


@dataclass(frozen=True, slots=True)
class Suite:
    """An installed suite, in each of its versions."""

    node: str
    folder: Path

    async def run(self, url: str, version: str, arguments: Sequence[str], results: Path) -> dict[str, list[str]]:
        """Return the scenarios that were run, each with the ids of the checks that it failed."""
        script = self.folder / "node_modules" / _alias(version) / "dist" / "index.js"
        command = [self.node, str(script), "server", "--url", url, "-o", str(results), *arguments]
        with anyio.fail_after(SECONDS_TO_RUN):
            done = await anyio.run_process(command, check=False, stderr=subprocess.STDOUT)
        found = _read(results)
        assert found, done.stdout.decode()
        return found


def _read(results: Path) -> dict[str, list[str]]:
    return {
        _scenario(folder): _failed(json.loads((folder / "checks.json").read_bytes()))
        for folder in sorted(results.iterdir())
    }


def _scenario(folder: Path) -> str:
    """Return the name in server-NAME-2026-11-21T16-24-26-744Z."""
    return folder.name.removeprefix("server-").rsplit("-", 6)[0]


def _failed(checks: list[dict[str, Any]]) -> list[str]:
    return sorted(check["id"] for check in checks if check["status"] == "FAILURE")


def _alias(version: str) -> str:
    return f"conformance-{version}"


def installed() -> Suite:
    """Return the suite, installing it first where this checkout has none. Raises NotToBeHad."""
    npm = shutil.which("npm")
    if npm is None:
        raise NotToBeHad("npm is not on this machine")
    own_node = None if _new_enough(shutil.which("node")) else _node_package()
    packages = [f"{_alias(version)}@npm:{PACKAGE}@{version}" for version in (STABLE, NEXT)]
    packages += [f"{own_node}@{NODE}"] if own_node else []
    marker = FOLDER / "installed.json"
    if not marker.exists() or json.loads(marker.read_text()) != packages:
        _install(npm, packages)
        marker.write_text(json.dumps(packages))
    node = str(FOLDER / "node_modules" / own_node / "bin" / "node") if own_node else shutil.which("node")
    assert node
    return Suite(node, FOLDER)


def _new_enough(node: str | None) -> bool:
    if node is None:
        return False
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, timeout=20).stdout
    major = said.strip().removeprefix("v").partition(".")[0]
    return major.isdigit() and int(major) >= NODE


def _node_package() -> str:
    machine = MACHINES.get(platform.machine().lower())
    if platform.system() != "Linux" or machine is None:
        raise NotToBeHad(f"Node {NODE} or newer is not on this machine")
    return f"node-linux-{machine}"


def _install(npm: str, packages: Sequence[str]) -> None:
    """Install into a new folder and rename it, so that a half-made one is never used."""
    made = FOLDER.with_name(".node-new")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    (made / "package.json").write_text('{"private": true}')
    quiet = ("--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error", "--ignore-scripts")
    command = [npm, "install", "--prefix", str(made), *quiet, *packages]
    try:
        subprocess.run(command, cwd=made, capture_output=True, text=True, check=True, timeout=SECONDS_TO_INSTALL)
    except subprocess.TimeoutExpired:
        raise NotToBeHad(f"npm did not install it in {SECONDS_TO_INSTALL} s") from None
    except subprocess.CalledProcessError as error:
        raise NotToBeHad(f"npm could not install it: {error.stderr.strip()[-300:]}") from None
    shutil.rmtree(FOLDER, ignore_errors=True)
    made.rename(FOLDER)

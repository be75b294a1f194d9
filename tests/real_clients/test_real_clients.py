"""The tool layers of real clients, each with packages of its own (`make clients`): list, call, error, progress, cancel.

Each program connects over stdio twice: to a server that works, and to one whose data another process holds, so that a
call waits until it is cancelled.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.commands import lock_held
from vectorstores_tools.toolset import TOOL_NAMES

pytestmark = pytest.mark.slow

PROGRAMS = Path(__file__).parent / "programs"
INSTALLED = Path(__file__).parents[2] / ".clients"
SERVER = ("-m", "vectorstores_server")
PATIENCE = 600


def spoken_to(runs: list[str | Path], directory: Path) -> dict[str, Any]:
    """Run a client against both servers; return what it reports."""
    assert Path(runs[0]).exists(), "`make clients` installs what this needs"
    held = directory / "held"
    environment = {**os.environ, "VECTOR_STORES_EMBEDDER": "none"}
    subprocess.run([sys.executable, *SERVER, "ls", "--data", held], env=environment, check=True, timeout=PATIENCE)

    def spec(data: Path) -> str:
        return json.dumps({"command": sys.executable, "args": [*SERVER, "--embedder", "none", "--data", str(data)]})

    with lock_held(held / "worker.lock"):
        done = subprocess.run(
            [*runs, spec(directory / "data"), spec(held)],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env=environment,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def check(report: dict[str, Any]) -> None:
    assert set(report["tools"]) == set(TOOL_NAMES)
    assert "object: vector_store" in report["made"]
    assert "status: completed" in report["uploaded"]
    assert "Bees make honey." in report["found"]
    assert "No vector store found with id 'vs_none'" in report["error"]
    assert report["progress"], "no progress came"
    assert all(float(done).is_integer() for done in report["progress"])
    assert report["progress"] == sorted(report["progress"])
    assert report["cancelled"]
    assert "in_progress" in report["after"], "the work goes on, and the server answers"


def test_openai_agents_in_strict_mode_sends_every_parameter_and_is_understood(tmp_path: Path) -> None:
    report = spoken_to([INSTALLED / "agents" / "bin" / "python", PROGRAMS / "agents_strict.py"], tmp_path)
    check(report)
    # A map of the caller's own names cannot be strict: the client serves such tools as they are, and so they work too.
    assert set(report["strict"]) >= {"cancel_batch", "delete", "read", "retrieve"}


def test_fastmcp_is_understood(tmp_path: Path) -> None:
    check(spoken_to([INSTALLED / "fastmcp" / "bin" / "python", PROGRAMS / "fastmcp_client.py"], tmp_path))


def test_the_typescript_sdk_is_understood(tmp_path: Path) -> None:
    node = shutil.which("node")
    assert node, "node is needed"
    program = INSTALLED / "typescript" / "typescript_sdk.mjs"
    shutil.copyfile(PROGRAMS / program.name, program)  # a module finds the packages beside it
    check(spoken_to([node, program], tmp_path))

"""The examples of the README and the docs are run: their commands, and the demo."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from support.checkout import PAGES, ROOT
from support.commands import Run

NOT_HERE = (["model", "install"], ["serve"])
"""What fetches from elsewhere, and what goes on until it is stopped (tests/http/test_webserver.py starts that)."""


def commands(page: Path) -> list[list[str]]:
    """The lines of a page's shell blocks that call the program, without its name."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    lines = [shlex.split(line, comments=True) for line in "\n".join(blocks).splitlines()]
    calls = [line[1:] for line in lines if line[:1] == ["vector-stores-mcp"]]
    return [call for call in calls if not any(call[: len(start)] == start for start in NOT_HERE)]


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.name)
def test_every_command_of_a_page_runs_in_its_order(
    page: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    papers = tmp_path / "Documents" / "papers"
    papers.mkdir(parents=True)
    (papers / "tides.md").write_text("# Tides\n\nThe moon moves the tides twice a day.\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    calls = commands(page)
    assert calls
    for command in calls:
        with subtests.test(" ".join(command)):
            code, out, err = run(*command)
            assert code == 0, err
            assert "vector-stores-mcp: " not in err
            assert command[0] != "search" or "tides.md" in out


@pytest.mark.slow
def test_the_demo_stores_asks_and_cites() -> None:
    demo = subprocess.run(
        [sys.executable, ROOT / "examples" / "demo.py", "Which function tells whether the ledge is under water?"],
        check=True,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert re.search(r"^ +(\d+) of \1 files are searchable after", demo.stdout, re.MULTILINE)
    assert re.search(r"^   \.\.\. .*file", demo.stdout, re.MULTILINE)
    assert re.search(r"^   0\.\d\d  tide_table\.py, def landing_is_covered, lines \d+-\d+$", demo.stdout, re.MULTILINE)
    assert "| def landing_is_covered" in demo.stdout
    assert demo.stderr == ""

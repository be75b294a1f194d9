"""The examples of the README and the docs are run: their commands, and the demo."""

import re
import shlex
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

from support.checkout import PAGES, README, ROOT
from support.commands import Run
from support.webserver import web

pytestmark = pytest.mark.process

PROGRAM = "vector-stores-mcp"
NOT_HERE = (["serve"], ["open"])
"""What goes on until it is stopped; ELSEWHERE says where these run."""
ELSEWHERE = {
    "make demo": "docs/test_commands.py",
    "make test": "docs/test_commands.py",
    "pip install vector-stores-mcp": "project/test_install.py",
    "pipx install vector-stores-mcp": "project/test_bundle.py",
    "vector-stores-mcp open": "page/test_open.py",
    "vector-stores-mcp serve --http": "http/test_webserver.py",
    "printf": "http/test_webserver.py",
}
"""How a line of the README begins that is not run here, and the tests that run it."""
OPENAI = "https://api.openai.com/v1"


def lines(page: Path) -> list[list[list[str]]]:
    """The shell blocks of a page, each as its lines, each as its words; comments are left out."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [[words for line in block.splitlines() if (words := shlex.split(line, comments=True))] for block in blocks]


def arguments(words: list[str]) -> list[str] | None:
    """What a line gives the program; None where it calls another, or what does not run here."""
    called = words[1:] if words[0] == "uvx" else words
    given = called[1:]
    return given if called[0] == PROGRAM and not any(given[: len(start)] == start for start in NOT_HERE) else None


def steps(page: Path) -> list[tuple[dict[str, str], list[str]]]:
    """The calls of the program on a page, each with the variables that its block has set before it."""
    found: list[tuple[dict[str, str], list[str]]] = []
    for block in lines(page):
        variables: dict[str, str] = {}
        for words in block:
            if variable := exported(words):
                variables |= [variable]
            elif (given := arguments(words)) is not None:
                found.append((dict(variables), given))
    return found


def exported(words: list[str]) -> tuple[str, str] | None:
    """The variable that a line sets, and its value."""
    name, _, value = words[1].partition("=") if words[0] == "export" else ("", "", "")
    return (name, value) if name else None


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the pages take for granted: documents, a project with questions, a key; it is the folder they run in."""
    samples = {
        "Documents/papers/tides.md": "# Tides\n\nThe moon moves the tides twice a day.\n",
        "docs/tides.md": "# Tides\n\nThe moon moves the tides twice a day.\n",
        "project/tides.py": "def tide(moon):\n    '''Return where tides are computed to be.'''\n    return moon * 2\n",
        "questions.jsonl": '{"question": "what moves the tides?", "files": ["tides.md"]}\n',
        ".config/openai-key": "sk-planted\n",
    }
    for name, text in samples.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / ".config/openai-key").chmod(0o600)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The address of a service that stands for OpenAI: another server of ours."""
    folder = tmp_path_factory.mktemp("service")
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(web(folder)) as (url, _):
        yield f"{url}/v1"


@pytest.mark.parametrize("page", [page for page in PAGES if steps(page)], ids=lambda page: page.name)
def test_every_command_of_a_page_runs_in_its_order(
    page: Path, run: Run, home: Path, service: str, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    calls = steps(page)
    assert calls
    for variables, given in calls:
        with monkeypatch.context() as shell, subtests.test(" ".join(given)):
            for name, value in variables.items():
                shell.setenv(name, value.replace(OPENAI, service).replace("~", str(home), 1))
            code, out, err = run(*given)
            assert code == 0, err
            assert "vector-stores-mcp: " not in err
            assert given[0] != "search" or "tides." in out


def test_every_line_of_the_readme_is_run_by_a_test() -> None:
    every = [words for block in lines(ROOT / "README.md") for words in block]
    others = [words for words in every if arguments(words) is None and exported(words) is None]
    assert others
    unknown = [" ".join(words) for words in others if not _where(words)]
    assert unknown == []
    assert [name for name in ELSEWHERE.values() if not (ROOT / "tests" / name).exists()] == []


def _where(words: list[str]) -> str:
    return next((test for start, test in ELSEWHERE.items() if words[: len(start.split())] == start.split()), "")


def test_the_readme_has_its_parts_in_their_order() -> None:
    parts = ["docs/pictures/page-search.png", "make demo", "## Install", "uvx vector-stores-mcp", "pip install"]
    parts += ["pipx install", "## Connect", "## Tools", "## Recipes", "### A folder of papers", "### Code"]
    parts += ["### A server for a team", "### In front of OpenAI", "### In CI", "## Settings", "## More"]
    places = [README.index(part) for part in parts]
    assert places == sorted(places)


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

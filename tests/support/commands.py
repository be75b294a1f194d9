"""Commands run in this process, and another process in their way."""

import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vectorstores_server import cli
from vectorstores_server.settings import FIELDS

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process, on data of its own and by words alone; return code, stdout and stderr."""
    for name in FIELDS:
        monkeypatch.delenv(f"VECTOR_STORES_{name.upper()}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("VECTOR_STORES_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("VECTOR_STORES_EMBEDDER", "none")
    monkeypatch.setenv("VECTOR_STORES_OCR_PAGES", "0")  # else what is taken depends on the machine

    def run(*argv: object) -> tuple[int, str, str]:
        code = cli.run([str(one) for one in argv])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


@contextmanager
def lock_held(path: Path) -> Generator[int]:
    """Hold a lock as another process that works on the data does; yield its id."""
    holds = (
        "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute('BEGIN EXCLUSIVE'); print(1,flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holds, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        yield holder.pid
        holder.kill()

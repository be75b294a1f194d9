"""An error of the machine is never taken for damage: over every errno and every place that reads."""

import errno
import os
import resource
import sqlite3
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from support.local import Words, add, opened, search, settled, store
from vectorstores_server.engines.local.catalog.database import SqliteCatalog
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.engines.local.index import Index, IndexUnavailable, IndexUnreachable
from vectorstores_server.engines.local.index.errors import TableMissing, translated
from vectorstores_server.engines.local.parsing import ParseFailure
from vectorstores_server.engines.local.parsing.parser_process import ParserProcess
from vectorstores_server.engines.local.worker.reconciliation import reconcile
from vectorstores_server.system.machine_errors import ERRNOS, is_of_the_machine, tells_of_the_machine
from vectorstores_tools.contract.requests import StoreFilesRequest

FRESH_LOOPS = True

MACHINE = sorted(ERRNOS)
FOX = "The quick brown fox jumps over the lazy dog."


@pytest.mark.parametrize("number", MACHINE, ids=lambda number: errno.errorcode[number])
def test_lancedb_text_with_an_errno_of_the_machine_is_unreachable(number: int):
    text = f"LanceError(IO): Generic LocalFileSystem error: {os.strerror(number)} (os error {number}), src/local.rs:1"
    with pytest.raises(IndexUnreachable), translated("t"):
        raise RuntimeError(text)
    with pytest.raises(IndexUnreachable), translated("t"):
        raise OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    "text",
    [
        "LanceError(IO): file size is too small: 12 bytes",
        "lance error: Object at location /data/x.lance not found: No such file or directory (os error 2)",
        "Invalid argument error: corrupt page",
    ],
)
def test_what_was_read_and_is_wrong_is_not_the_machine(text: str):
    assert not tells_of_the_machine(text)
    with pytest.raises(IndexUnavailable) as caught, translated("t"):
        raise RuntimeError(text)
    assert not isinstance(caught.value, IndexUnreachable)


@pytest.mark.parametrize(
    ("error", "of_the_machine"),
    [
        (MemoryError(), True),
        (TimeoutError(), True),
        (OSError("image file is truncated"), False),
        (FileNotFoundError(errno.ENOENT, "gone"), False),
        (IsADirectoryError(errno.EISDIR, "is a directory"), False),
        (ValueError("not JSON"), False),
        (ExceptionGroup("both", [OSError(errno.EMFILE, "x"), ValueError()]), False),
        (ExceptionGroup("both", [OSError(errno.EMFILE, "x"), TimeoutError()]), True),
    ],
)
def test_an_error_is_the_machines_by_its_kind_and_not_by_being_an_oserror(error: Exception, of_the_machine: bool):
    assert is_of_the_machine(error) is of_the_machine


def test_sqlite_says_by_its_code_whether_the_machine_failed(tmp_path: Path):
    (tmp_path / "no.db").write_bytes(b"this is no database at all" * 100)
    with pytest.raises(sqlite3.DatabaseError) as wrong:
        sqlite3.connect(tmp_path / "no.db").execute("SELECT * FROM sqlite_master")
    with pytest.raises(sqlite3.OperationalError) as unreachable:
        sqlite3.connect(tmp_path / "missing" / "no.db")
    assert (is_of_the_machine(wrong.value), is_of_the_machine(unreachable.value)) == (False, True)


@asynccontextmanager
async def few_descriptors() -> AsyncGenerator[None]:
    """Leave this process no descriptor to open anything with."""
    held: list[int] = []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        try:
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            assert error.errno == errno.EMFILE  # noqa: PT017 the loop ends by it
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in held:
            os.close(descriptor)


async def live(engine: LocalEngine, id: str) -> list[str]:
    return [file.status for file in (await engine.list_store_files(id, StoreFilesRequest())).data]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
async def test_a_sound_table_is_kept_when_no_file_can_be_opened(tmp_path: Path):
    async with opened(tmp_path, Words()) as engine:
        id = await store(engine)
        for number in range(3):
            await add(engine, id, f"{FOX} {number}", f"{number}.txt")
        tables = sorted(path.name for path in (tmp_path / "index").iterdir())
    catalog, index = SqliteCatalog(tmp_path), Index(tmp_path / "index")
    await catalog.read(lambda db: None)
    await index.tables()
    with pytest.raises(IndexUnavailable):  # LanceDB is imported and connected while there are descriptors
        await index.revs(f"vs_{'0' * 24}_1")
    async with few_descriptors():
        with pytest.raises((IndexUnreachable, OSError)):
            await reconcile(catalog, index)
    await reconcile(catalog, index)
    assert sorted(path.name for path in (tmp_path / "index").iterdir()) == tables
    await catalog.aclose()
    await index.aclose()
    async with opened(tmp_path, Words()) as engine:
        assert await live(engine, id) == ["completed"] * 3
        assert len((await search(engine, id, "fox")).data) == 3


async def test_a_table_that_was_read_and_is_wrong_is_built_again(tmp_path: Path):
    async with opened(tmp_path, Words()) as engine:
        id = await store(engine)
        await add(engine, id, FOX)
    for manifest in (tmp_path / "index").glob("*/_versions/*.manifest"):
        manifest.write_bytes(b"damaged")
    catalog, index = SqliteCatalog(tmp_path), Index(tmp_path / "index")
    await reconcile(catalog, index)
    await catalog.aclose()
    await index.aclose()
    async with opened(tmp_path, Words()) as engine:
        await settled(engine, id)
        assert len((await search(engine, id, "fox")).data) == 1


async def test_a_table_without_files_is_missing_and_not_unreachable(tmp_path: Path):
    index = Index(tmp_path / "index")
    with pytest.raises(TableMissing):
        await index.revs(f"vs_{'0' * 24}_1")
    await index.aclose()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
async def test_a_parser_that_cannot_be_started_fails_no_file(tmp_path: Path):
    path = tmp_path / "note"
    path.write_text(FOX)
    parser = ParserProcess()
    async with few_descriptors():
        with pytest.raises(Exception) as caught:  # noqa: PT011 which of the two depends on where descriptors ran out
            await parser.parse(path, "note.md")
        assert not isinstance(caught.value, ParseFailure)
    assert (await parser.parse(path, "note.md")).text == FOX
    await parser.end_child()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
async def test_the_limit_of_descriptors_is_raised_at_the_start() -> None:
    code = (
        "import resource; from vectorstores_server.system import posix;"
        "hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1];"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard)); posix.raise_descriptor_limit();"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    done = await anyio.run_process([sys.executable, "-c", code])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert int(done.stdout) == (min(hard, 65_536) if hard != resource.RLIM_INFINITY else 65_536)

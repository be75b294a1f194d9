"""An index that is away, at every call and by every file: nothing is built again, and all goes on when it is back."""

import os
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import anyio
import pytest
from anyio.from_thread import start_blocking_portal

from support.local import HASTY, Words, add, held, opened, search, settled, store, upload
from vectorstores_server.engines.local.catalog import Catalog, expiry, reconciliation
from vectorstores_server.engines.local.catalog.database import SqliteCatalog
from vectorstores_server.engines.local.catalog.ids import clock
from vectorstores_server.engines.local.checking.check import DataCheck
from vectorstores_server.engines.local.components import Components
from vectorstores_server.engines.local.files.blob_folder import BlobFolder
from vectorstores_server.engines.local.index import Index, IndexUnavailable, IndexUnreachable, Rows
from vectorstores_server.engines.local.index.errors import translated
from vectorstores_server.engines.local.leader import WORK
from vectorstores_server.engines.local.storage import in_directory
from vectorstores_server.engines.local.worker.reconciliation import reconcile
from vectorstores_server.engines.local.worker.session import WorkerState, WorkSession
from vectorstores_tools.contract.requests import FileAttach

FRESH_LOOPS = True
FOX = "The quick brown fox jumps over the lazy dog."
CALLS = {
    "create", "add", "delete", "drop", "discard", "tables", "revs", "stored", "keep_sums", "rows", "candidates",
    "optimize", "settle", "unsettled", "purge",
}  # fmt: skip

FIRST_CALLS = 14
NEVER = sys.maxsize


class AwayIndex(Index):
    """An index that is away from its n-th call on, until it is `back`."""

    def __init__(self, directory: Path, away_from: int) -> None:
        super().__init__(directory)
        self.away_from = away_from
        self.calls: list[str] = []

    @property
    def back(self) -> bool:
        return len(self.calls) < self.away_from

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in CALLS:
            return found

        async def call(*args: Any, **options: Any) -> Any:
            if not self.back:
                raise IndexUnreachable("t")
            self.calls.append(name)
            return await found(*args, **options)

        return call


async def live_revs(catalog: Catalog) -> set[tuple[int, str]]:
    rows = await catalog.read(
        lambda db: db.execute(
            "SELECT live_rev, table_name FROM attachment JOIN store ON store.id = store_id WHERE live_rev IS NOT NULL"
        ).fetchall()
    )
    return {(row["live_rev"], row["table_name"]) for row in rows}


async def prepare(directory: Path) -> str:
    """A store with two live files, one deleted, one to be built, whose last worker was killed."""
    async with opened(directory, Words()) as engine:
        id = await store(engine)
        gone = await add(engine, id, "a cat sleeps", "cat.txt")
        for number in range(2):
            await add(engine, id, f"{FOX} {number}", f"{number}.txt")
        await engine.delete_file(gone)
    with held(directory):
        async with opened(directory, Words()) as engine:
            await engine.attach_file(id, FileAttach(file_id=await upload(engine, "A third fox.", "third.txt")))
    catalog = SqliteCatalog(directory)
    await catalog.write(reconciliation.mark_worker, clean=False, boot_id="")
    await catalog.write(lambda db: db.execute("UPDATE dead_rev SET died_at = ?", (clock() - 2 * expiry.GRACE,)))
    await catalog.aclose()
    return id


async def session(directory: Path, catalog: Catalog, index: Index, words: Words) -> None:
    components = Components(replace(in_directory(directory), catalog=catalog), words)
    components.index = index
    await words.prepare()
    state = WorkerState(components, HASTY)
    await state.identify()
    lock = components.storage.lock(WORK)
    assert await lock.take()
    try:
        await WorkSession(state, lock, anyio.sleep).run()
    finally:
        await lock.close()
    await components.preparer.rest()


@pytest.mark.process
@pytest.mark.parametrize("away_from", [*range(FIRST_CALLS), NEVER])
async def test_a_session_whose_index_goes_away_at_any_call_loses_nothing_and_embeds_nothing_again(
    tmp_path: Path, template: tuple[Path, str], away_from: int
):
    directory, (made, id) = tmp_path / "data", template
    shutil.copytree(made, directory)
    catalog, words, index = SqliteCatalog(directory), Words(), AwayIndex(directory / "index", away_from)
    before = await live_revs(catalog)
    assert len(before) == 2
    try:
        await session(directory, catalog, index, words)
    except* IndexUnreachable:
        assert not index.back
    assert before <= await live_revs(catalog)
    done_by_then = words.embedded
    if away_from == NEVER:
        assert set(index.calls) == set(index.calls[:FIRST_CALLS]), "calls of a kind that the parameters leave out"
    index.away_from = NEVER
    await session(directory, catalog, index, words)
    await catalog.aclose()
    await index.aclose()
    assert words.embedded <= max(done_by_then, 1) + 1, "only what was in hand is embedded once more"
    async with opened(directory, Words()) as engine:
        assert [file.status for file in await settled(engine, id)] == ["completed"] * 3
        assert len((await search(engine, id, "fox")).data) == 3


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    directory = tmp_path_factory.mktemp("template") / "data"
    with start_blocking_portal() as portal:
        return directory, portal.call(prepare, directory)


@pytest.mark.parametrize("away_from", range(4))
async def test_a_check_whose_index_goes_away_at_any_call_finds_no_damage(
    tmp_path: Path, template: tuple[Path, str], away_from: int
):
    directory = tmp_path / "data"
    shutil.copytree(template[0], directory)
    catalog, index = SqliteCatalog(directory), AwayIndex(directory / "index", away_from)
    found: list[str] = []
    with suppress(IndexUnreachable):
        check = DataCheck(catalog, BlobFolder(directory), index)
        found.extend([finding.name async for finding in check.findings(lambda _: None)])
    assert found == []
    assert index.calls == ["revs", "candidates"][:away_from]
    await catalog.aclose()
    await index.aclose()


# Files that the system does not let be read


@contextmanager
def unprivileged() -> Generator[None]:
    """Give up root's right to read everything, where the tests have it."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Generator[Path]:
    """A folder that everybody may read."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


class CatalogOfOneTable:
    """The answers of a catalog with one live revision, and what a reconcile has it write."""

    def __init__(self, table: str) -> None:
        self.table = table
        self.written: list[str] = []

    async def read(self, fn: Callable[..., Any], *args: Any) -> Any:
        del args
        answers: dict[str, Any] = {
            "known_tables": {self.table: "live"},
            "live_rows": {1: 1},
            "kept_revs": {1},
            "still_wanted": set(),
        }
        return answers[fn.__name__]

    async def write(self, fn: Callable[..., Any], *args: Any) -> Any:
        del args
        self.written.append(fn.__name__)
        return True


def row() -> Rows:
    return Rows(1, [0], [0], [3], [0], [3], ["fox"], None)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
async def test_whatever_part_of_a_table_may_not_be_read_nothing_is_built_again(open_folder: Path):
    directory, table = open_folder / "index", f"vs_{'0' * 24}_1"
    index, catalog = Index(directory), CatalogOfOneTable(table)
    await index.create(table, None)
    await index.add(table, [row()])
    await index.aclose()
    parts = [directory, *sorted(directory.rglob("*"))]
    for part in parts:
        part.chmod(0o777)
    refused = 0
    for part in parts:
        part.chmod(0)
        with unprivileged():
            index = Index(directory)
            try:
                await reconcile(cast("Catalog", catalog), index)
            except (IndexUnreachable, OSError):
                refused += 1
            await index.aclose()
        part.chmod(0o777)
        assert catalog.written == [], part
    assert refused >= 5
    await reconcile(cast("Catalog", catalog), index)
    assert await index.revs(table) == {1: 1}
    assert catalog.written == []
    await index.aclose()


@pytest.mark.skipif(sys.platform == "win32", reason="links take a right of their own")
async def test_an_index_on_a_disk_that_is_away_is_not_an_index_without_tables(tmp_path: Path):
    disk, index, catalog = tmp_path / "disk", Index(tmp_path / "index"), CatalogOfOneTable(f"vs_{'0' * 24}_1")
    disk.mkdir()
    (tmp_path / "index").symlink_to(disk)
    await index.create(catalog.table, None)
    await index.add(catalog.table, [row()])
    disk.rename(tmp_path / "elsewhere")
    with pytest.raises(IndexUnreachable):
        await reconcile(cast("Catalog", catalog), index)
    (tmp_path / "elsewhere").rename(disk)
    await reconcile(cast("Catalog", catalog), index)
    assert catalog.written == []
    await index.aclose()


# An object store that does not answer as it should


class Failing(BaseHTTPRequestHandler):
    """Answers every request with the status that its server has."""

    def answer(self) -> None:
        self.send_response(cast("Any", self.server).status)
        self.send_header("content-length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_PUT = do_POST = answer

    def log_message(self, format: str, *args: object) -> None:
        del format, args


@contextmanager
def failing(status: int) -> Generator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Failing) as server:
        cast("Any", server).status = status
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def silent() -> Generator[str]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def at(url: str) -> Generator[str]:
    yield url


OUTAGES: dict[str, Callable[[], Any]] = {
    "refused": lambda: at("http://127.0.0.1:1"),
    "no such host": lambda: at("http://nosuchhost.invalid"),
    "silent": silent,
    **{str(status): lambda status=status: failing(status) for status in (403, 500, 503)},
}


async def open_table(url: str) -> None:
    import lancedb

    options = {
        "aws_endpoint": url, "aws_access_key_id": "a", "aws_secret_access_key": "b", "aws_region": "us-east-1",
        "allow_http": "true", "client_max_retries": "0", "client_retry_timeout": "1", "timeout": "1s",
        "connect_timeout": "1s",
    }  # fmt: skip
    connect = lancedb.connect_async  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] no type info
    database = await connect("s3://bucket/prefix", storage_options=options)
    await database.open_table("t")


@pytest.mark.parametrize("outage", OUTAGES)
async def test_an_object_store_that_is_away_is_unreachable_and_not_damaged(outage: str):
    with OUTAGES[outage]() as url, pytest.raises(IndexUnavailable) as caught, translated("t"):
        await open_table(url)
    assert isinstance(caught.value, IndexUnreachable), caught.value.__cause__

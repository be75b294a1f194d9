"""What is the local engine's own: who may write, what survives a close, what it imports, how stores expire."""

import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from support.engine_calls import (
    SMALL,
    add,
    attach,
    finished,
    found,
    ingest,
    new_store,
    search,
    settled,
    source,
    until,
    upload,
)
from vectorstores_server.engines.local.catalog.connection import connect, prepare
from vectorstores_server.engines.local.catalog.migrations import MIGRATIONS
from vectorstores_server.engines.local.embedding import EmbedderChoice
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_tools.contract.engine import NewUpload, TextRequest
from vectorstores_tools.contract.errors import (
    DirectoryUpgraded,
    FileNotFound,
    InvalidRequest,
    NotAllowed,
    StoreExpired,
    StoreNotFound,
    Unavailable,
)
from vectorstores_tools.contract.requests import FileAttach, PageRequest, StoreCreate, StoreUpdate

Open = Callable[..., LocalEngine]


@pytest.fixture
async def open_engine(tmp_path: Path) -> AsyncGenerator[Open]:
    opened: list[LocalEngine] = []

    def opening(*, read_only: bool = False, embedder: str = "none") -> LocalEngine:
        choice = EmbedderChoice(name=embedder, cache=tmp_path / "cache")
        opened.append(LocalEngine(tmp_path / "data", choice, read_only=read_only))
        return opened[-1]

    yield opening
    for engine in opened:
        await engine.aclose()


def change(data: Path, sql: str, *values: object) -> None:
    """Change the catalog as time would."""
    with closing(connect(data / "catalog.db")) as db:
        db.execute(sql, values)


def test_the_first_calls_import_nothing_heavy(tmp_path: Path):
    program = """
import sys, anyio
from pathlib import Path
from vectorstores_server.engines.local.embedding import EmbedderChoice
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_tools.contract.requests import PageRequest, StoreCreate

async def main():
    engine = LocalEngine(Path(sys.argv[1]), EmbedderChoice(name="auto", cache=Path(sys.argv[1])))
    await engine.create_store(StoreCreate(name="a"))
    await engine.list_stores(PageRequest())
    await engine.aclose()

anyio.run(main)
heavy = {
    "lancedb", "pyarrow", "numpy", "psycopg", "obstore", "onnxruntime", "tokenizers",
    "pypdfium2", "docx", "httpx", "mcp",
}
print(sorted(heavy & sys.modules.keys()))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "data"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


async def test_an_engine_that_made_no_call_touches_nothing(tmp_path: Path, open_engine: Open):
    await open_engine().aclose()
    assert not (tmp_path / "data").exists()


async def test_what_is_unfinished_at_the_end_is_finished_by_the_next_process(open_engine: Open):
    engine = open_engine()
    store = await new_store(engine)
    files = [await upload(engine, f"walrus number {n}") for n in range(30)]
    batch = await engine.create_batch(store, [FileAttach(file_id=f) for f in files])
    await engine.aclose()
    again = open_engine()
    assert (await finished(again, store, batch.id)).file_counts.completed == 30
    assert len(await found(again, store, "walrus", max_num_results=50)) == 30


async def test_two_processes_share_a_directory(open_engine: Open):
    one, other = open_engine(), open_engine()
    store = await new_store(one)
    first, second = await add(one, store, "a walrus"), await add(other, store, "another walrus")
    assert {first, second} == set(await found(one, store, "walrus")) == set(await found(other, store, "walrus"))
    await one.aclose()
    await attach(other, store, first, chunking=SMALL)
    assert (await settled(other, store, first)).status == "completed"


async def test_an_engine_that_does_not_work_leaves_files_to_another_of_the_same_data(tmp_path: Path, open_engine: Open):
    serving = LocalEngine(tmp_path / "data", None, works=False)
    store = await new_store(serving)
    file = await upload(serving, "a walrus")
    await attach(serving, store, file)
    assert (await serving.retrieve_store_file(store, file)).status == "in_progress"
    assert (await settled(open_engine(), store, file)).status == "completed"
    assert await found(serving, store, "walrus") == [file]
    await serving.aclose()


async def test_a_read_only_engine_reads_and_refuses_to_write(tmp_path: Path, open_engine: Open):
    writer = open_engine()
    store = await new_store(writer)
    file = await add(writer, store, "a walrus")
    await writer.aclose()
    reader = open_engine(read_only=True)
    assert await found(reader, store, "walrus") == [file]
    assert (await reader.read_text(TextRequest(file, store))).text == "a walrus"
    for call in (
        new_store(reader),
        upload(reader, "x"),
        attach(reader, store, file),
        ingest(reader, store, source("/a", "x")),
        reader.update_store(store, StoreUpdate(name="x")),
        reader.delete_store(store),
        reader.delete_file(file),
        reader.create_upload(NewUpload("a", "assistants", 3, "text/plain", None)),
    ):
        with pytest.raises(NotAllowed, match="read-only"):
            await call
    assert list((tmp_path / "data" / "blobs").glob("*.tmp")) == []


async def test_a_directory_that_a_newer_version_upgraded_says_so_at_every_call(tmp_path: Path, open_engine: Open):
    engine = open_engine()
    store = await new_store(engine)
    prepare(tmp_path / "data", "9.9", (*MIGRATIONS, "ALTER TABLE store ADD COLUMN colour TEXT"))
    for call in (
        engine.list_stores(PageRequest()),
        new_store(engine),
        upload(engine, "x"),
        search(engine, store, "x"),
    ):
        with pytest.raises(DirectoryUpgraded, match=r"9\.9; restart this client"):
            await call


async def test_a_data_directory_that_is_none_is_named(tmp_path: Path, open_engine: Open):
    (tmp_path / "data").touch()
    with pytest.raises(Unavailable, match="data"):
        await new_store(open_engine())


async def test_searching_and_reading_move_the_expiry_of_a_store(tmp_path: Path, open_engine: Open):
    engine = open_engine()
    store = await new_store(engine, expires_after={"anchor": "last_active_at", "days": 1})
    file = await add(engine, store, "a walrus")
    uses: list[Callable[[LocalEngine], Awaitable[object]]] = [
        lambda engine: search(engine, store, "walrus"),
        lambda engine: engine.read_text(TextRequest(file, store)),
    ]
    for use in uses:
        fresh = open_engine()
        change(tmp_path / "data", "UPDATE store SET last_active_at = 5, expires_at = expires_at - 1000")
        before = await fresh.retrieve_store(store)
        assert before.last_active_at == 5
        await use(fresh)

        async def moved(engine: LocalEngine = fresh) -> bool:
            return (await engine.retrieve_store(store)).last_active_at != 5

        await until(fresh, moved)
        after = await fresh.retrieve_store(store)
        assert after.expires_at is not None
        assert before.expires_at is not None
        assert after.expires_at > before.expires_at


async def test_looking_at_a_store_does_not_move_its_expiry(tmp_path: Path, open_engine: Open):
    engine = open_engine()
    store = await new_store(engine, expires_after={"anchor": "last_active_at", "days": 1})
    change(tmp_path / "data", "UPDATE store SET last_active_at = 5")
    await engine.list_stores(PageRequest())
    assert (await engine.retrieve_store(store)).last_active_at == 5


async def test_an_expired_store_names_the_way_out_and_its_index_is_dropped(tmp_path: Path, open_engine: Open):
    engine = open_engine()
    store = await new_store(engine, expires_after={"anchor": "last_active_at", "days": 1})
    file = await add(engine, store, "a walrus")
    change(tmp_path / "data", "UPDATE store SET expires_at = 1")
    assert (await engine.retrieve_store(store)).status == "expired"
    for call in (
        search(engine, store, "walrus"),
        engine.read_text(TextRequest(file, store)),
        attach(engine, store, file),
        ingest(engine, store, source("/a", "x")),
        engine.detach_file(store, file),
        engine.update_store(store, StoreUpdate(name="x")),
    ):
        with pytest.raises(StoreExpired, match="create_store"):
            await call

    async def final() -> bool:
        return bool(rows(tmp_path / "data", "SELECT 1 FROM store WHERE expired = 1"))

    await until(engine, final)
    assert rows(tmp_path / "data", "SELECT state FROM store_table") == [("dropping",)]
    revived = await new_store(engine, file_ids=[file])
    await settled(engine, revived, file)
    assert await found(engine, revived, "walrus") == [file]


def rows(data: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(data / "catalog.db")) as db:
        return db.execute(sql).fetchall()


async def test_without_a_model_a_new_store_and_a_search_say_how_to_get_one(tmp_path: Path):
    engine = LocalEngine(tmp_path / "data", None)
    made = await engine.create_store(StoreCreate(name="a"))
    assert "vector-stores-mcp model install" in str(made.notes)
    await add(engine, made.id, "a walrus")
    assert any("vector-stores-mcp model install" in note for note in (await search(engine, made.id, "walrus")).notes)
    await engine.aclose()


async def test_an_operator_who_wants_no_vectors_is_not_told_to_get_a_model(open_engine: Open):
    made = await open_engine(embedder="none").create_store(StoreCreate(name="a"))
    assert "model install" not in str(made.notes)
    assert "EMBEDDER is none" in str(made.notes)


async def test_a_second_store_of_a_name_names_the_first(open_engine: Open):
    engine = open_engine()
    first = await new_store(engine, name="papers")
    assert first in str((await engine.create_store(StoreCreate(name="papers"))).notes)


async def test_a_model_that_was_demanded_and_is_not_there_is_an_error_with_the_command(tmp_path: Path):
    choice = EmbedderChoice(name="minilm", cache=tmp_path, path=tmp_path / "none.safetensors")
    engine = LocalEngine(tmp_path / "data", choice)
    with pytest.raises(Unavailable, match="model install"):
        await new_store(engine)
    await engine.aclose()


async def test_what_is_no_unicode_is_refused_and_the_next_call_works(open_engine: Open):
    engine = open_engine()
    for call in (engine.retrieve_store("vs_\ud800"), engine.retrieve_file("\udcff")):
        with pytest.raises(InvalidRequest, match="surrogate"):
            await call
    with pytest.raises(StoreNotFound):
        await engine.retrieve_store("vs_\0")
    with pytest.raises(FileNotFound):
        await engine.retrieve_file("")


async def test_a_file_name_of_any_bytes_can_be_kept(open_engine: Open):
    engine = open_engine()
    store = await new_store(engine)
    done = await ingest(engine, store, source("/d/caf\udce9.txt", "a walrus"))
    again = await ingest(engine, store, source("/d/caf\udce9.txt", "a walrus"))
    assert (done.uploaded, again.uploaded, again.unchanged) == (1, 0, 1)
    assert (await engine.retrieve_file(done.file_ids[0])).filename == "caf\\udce9.txt"

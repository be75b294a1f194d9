"""Whose a data directory is, and that nothing in it is removed but what is ours."""

import logging
import os
import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Generator
from contextlib import closing, suppress
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.local import Words, add, opened, search, settled, store, upload
from support.traces import traces
from vectorstores_server.engines.local.catalog.migrations import MIGRATIONS
from vectorstores_server.engines.local.directory.names import MARKER, foreign, is_ours
from vectorstores_server.engines.local.directory.ownership import claim
from vectorstores_server.engines.local.directory.removal import TRASH_SECONDS, Removal
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.engines.local.index import Index
from vectorstores_server.engines.local.storage import in_directory
from vectorstores_server.engines.local.worker.garbage_collection import GarbageCollector
from vectorstores_server.engines.local.worker.reconciliation import reconcile
from vectorstores_tools.contract.errors import DiskFull, Unavailable
from vectorstores_tools.contract.requests import FilesRequest, PageRequest, StoreFilesRequest

FOX = "The quick brown fox jumps over the lazy dog."
SHA = "ab" * 32
UPLOAD = f"upload_{'0' * 24}"
TABLE = f"vs_{'0' * 24}_1"


def state(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Every entry below a directory: its mode, and the bytes of a file."""
    entries = [directory, *sorted(directory.rglob("*"))]
    return {
        str(path.relative_to(directory)): (path.stat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in entries
    }


def write(path: Path, content: str = "the user's own") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


async def filled(directory: Path) -> str:
    """Make a data directory with a store of one file."""
    async with opened(directory, Words()) as engine:
        id = await store(engine)
        await add(engine, id, FOX)
    return id


def of_the_version_before(directory: Path) -> None:
    """Take away what the version before did not write."""
    (directory / MARKER).unlink()
    (directory / "reserve.bin").unlink(missing_ok=True)
    with closing(sqlite3.connect(directory / "catalog.db")) as db:
        since = "\n".join(MIGRATIONS[2:])
        for kind, pattern in (("INDEX", r"CREATE INDEX (\w+)"), ("TABLE", r"CREATE TABLE (\w+)")):
            for name in re.findall(pattern, since):
                db.execute(f"DROP {kind} IF EXISTS {name}")
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for table, column in re.findall(r"ALTER TABLE (\w+) ADD COLUMN (\w+)", since):
            if table in tables:
                db.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        db.execute("PRAGMA application_id = 0")
        db.execute("PRAGMA user_version = 2")


def foreign_database(directory: Path, application: int, tables: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(directory / "catalog.db")) as db:
        db.executescript(f"PRAGMA application_id = {application}; PRAGMA user_version = 2; {tables}")


@pytest.mark.parametrize(
    "entry",
    [
        "thesis.docx", "text/chapter1.txt", "blobs/photo.raw", "index/users.lance/data/0.lance", "uploads/form.pdf",
        f"blobs/{SHA}.jpg", f"text/{SHA}", "trash/old.txt", ".hidden", "catalog.db.v1.bak", "worker.lock/x",
        f"index/{TABLE}.lance/notes.txt",
    ],
)  # fmt: skip
async def test_a_folder_that_holds_anything_else_is_refused_and_nothing_in_it_changes(tmp_path: Path, entry: str):
    folder = tmp_path / "mine"
    write(folder / entry)
    folder.chmod(0o755)
    before = state(folder)
    async with opened(folder) as engine:
        for call in (engine.list_stores(PageRequest()), upload(engine, FOX), engine.maintenance.purge(), store(engine)):
            with pytest.raises(Unavailable, match=r"(?s)not a data directory.*VECTOR_STORES_DATA"):
                await call
    assert state(folder) == before


@pytest.mark.parametrize("application", [0, 0x47504B47])
async def test_a_catalog_of_another_program_is_refused_before_it_is_opened_for_writing(
    tmp_path: Path, application: int
):
    foreign_database(tmp_path / "mine", application, "CREATE TABLE store (id); CREATE TABLE file (id);")
    before = state(tmp_path / "mine")
    async with opened(tmp_path / "mine") as engine:
        with pytest.raises(Unavailable, match="not a data directory"):
            await engine.list_stores(PageRequest())
    assert state(tmp_path / "mine") == before


async def test_a_marker_that_is_not_ours_is_refused(tmp_path: Path):
    write(tmp_path / MARKER, '{"product": "another"}')
    before = state(tmp_path)
    async with opened(tmp_path) as engine:
        with pytest.raises(Unavailable, match="marker"):
            await engine.list_stores(PageRequest())
    assert state(tmp_path) == before


@pytest.mark.parametrize(
    "entry", ["lost+found/", ".DS_Store", "Thumbs.db", "desktop.ini", ".nfs0000000000a1", "own.log"]
)
async def test_what_a_system_leaves_in_a_folder_and_our_own_log_count_as_nothing(tmp_path: Path, entry: str):
    data = tmp_path / "data"
    (data / entry).mkdir(parents=True) if entry.endswith("/") else write(data / entry)
    engine = LocalEngine(data, None, own_log=data / "own.log")
    try:
        assert (await engine.list_stores(PageRequest())).data == []
    finally:
        await engine.aclose()
    assert (data / MARKER).exists()
    assert (data / entry).exists()


@pytest.mark.parametrize("early", ["worker.lock", f"blobs/{'0' * 32}.tmp", "catalog.db"])
async def test_what_comes_before_the_catalog_in_a_new_directory_is_ours(tmp_path: Path, early: str):
    write(tmp_path / "data" / early, "")
    async with opened(tmp_path / "data") as engine:
        await store(engine)
    assert (tmp_path / "data" / MARKER).exists()


async def test_many_processes_may_make_the_same_directory_at_once(tmp_path: Path):
    async with anyio.create_task_group() as tasks:
        for _ in range(12):
            tasks.start_soon(anyio.to_thread.run_sync, claim, tmp_path / "data")
    assert [path.name for path in (tmp_path / "data").iterdir()] == [MARKER]


@pytest.mark.parametrize("unclean", [False, True])
async def test_a_directory_of_the_version_before_is_recognised_and_keeps_everything(tmp_path: Path, unclean: bool):
    data = tmp_path / "data"
    id = await filled(data)
    of_the_version_before(data)
    planted = write(data / "blobs" / "holiday.jpg")
    if unclean:  # a process that was killed: the newest pages stand in the log beside the catalog
        with closing(sqlite3.connect(data / "catalog.db")) as db:
            db.executescript("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; UPDATE store SET name = 'wal';")
            for name in ("catalog.db", "catalog.db-wal"):
                shutil.copy(data / name, tmp_path / name)
        for name in ("catalog.db", "catalog.db-wal"):
            shutil.copy(tmp_path / name, data / name)
    async with opened(data, Words()) as engine:
        assert len((await search(engine, id, "fox")).data) == 1
        assert (await engine.retrieve_store(id)).name == ("wal" if unclean else "test")
        await engine.maintenance.purge()
    assert (data / MARKER).exists()
    assert planted.read_text() == "the user's own"
    assert foreign(data, 5) == ["blobs/holiday.jpg"]


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("lost", ["missing", "empty", "another"])
async def test_a_lost_catalog_beside_our_data_is_refused_until_it_is_said_to_begin_a_new_one(
    tmp_path: Path, lost: str, marked: bool
):
    data = tmp_path / "data"
    await filled(data)
    (data / "reserve.bin").unlink(missing_ok=True)
    for path in data.glob("catalog.db*"):
        path.unlink()
    if lost == "empty":
        (data / "catalog.db").touch()
    elif lost == "another":
        with closing(sqlite3.connect(data / "catalog.db")) as db:
            db.execute("PRAGMA journal_mode = WAL")
    if not marked:
        (data / MARKER).unlink()
    before = {name: entry for name, entry in state(data).items() if not name.startswith("catalog.db")}
    async with opened(data, Words()) as engine:
        with pytest.raises(Unavailable, match=r"backup.*--new-catalog|not a data directory"):
            await engine.list_stores(PageRequest())
    assert {name: entry for name, entry in state(data).items() if not name.startswith("catalog.db")} == before
    if lost == "another":
        return
    engine = LocalEngine(data, Words(), new_catalog=True)
    try:
        assert (await engine.list_stores(PageRequest())).data == []
        await engine.maintenance.purge(trash=True)
    finally:
        await engine.aclose()
    [aside] = data.glob("aside-*")
    assert {name: entry for name, entry in state(aside).items() if name.startswith("blobs/")} == {
        name: entry for name, entry in before.items() if name.startswith("blobs/")
    }
    assert foreign(data, 5) == []


async def test_every_file_that_we_did_not_write_outlives_everything_that_removes(tmp_path: Path):
    """Plants a file of each other form in each folder that there is, then deletes, sweeps, repairs and purges all."""
    data = tmp_path / "data"
    names = ["thesis.docx", f"{SHA}.txt", SHA.upper(), "a.tmp", f"{SHA[:32]}.tmp.bak", "x.lance", "0.manifest.old"]
    names += [
        "catalog.db.v1.old",
        "vs_1.deleted",
        ".hidden",
        "worker.lock.1",
        "reserve.bin.1",
        "part_1",
        "1.txn",
        "a.idx~",
    ]
    async with opened(data, Words()) as engine:
        id = await store(engine)
        for number in range(3):
            await add(engine, id, f"{FOX} number {number}", f"{number}.txt")
        orphan = write(data / "blobs" / SHA, "nothing names this")
        part = write(data / "uploads" / UPLOAD / f"part_{'0' * 24}", "a part")
        Removal(data).discard([f"blobs/{SHA}"], 1)
        assert not orphan.exists()
        folders = [data, *(path for path in data.rglob("*") if path.is_dir()), data / "own" / "folder"]
        planted = [write(folder / name, f"{folder} {name}") for folder in folders for name in names]
        for path in planted:
            os.utime(path, (0, 0))
        os.utime(part.parent, (0, 0))
        assert not any(is_ours(str(path.relative_to(data))) for path in planted)
        before = {path: path.read_bytes() for path in planted}
        await engine.maintenance.reindex(None)
        await settled(engine, id)
        for file in (await engine.list_store_files(id, StoreFilesRequest())).data:
            await engine.delete_file(file.id)
        await engine.delete_store(id)
        await engine.maintenance.purge(trash=True)
    storage, index = in_directory(data), Index(data / "index")
    catalog = storage.catalog
    await reconcile(catalog, index)
    collector = GarbageCollector(storage, index, look_every=0)
    await collector.run()
    await catalog.aclose()
    await index.aclose()
    assert {path: path.read_bytes() for path in planted if path.exists()} == before
    left = {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file() and path not in before}
    [kept] = {name for name in left if name.split("/")[0] in ("blobs", "text", "index", "uploads", "trash")}
    assert kept.startswith("trash/")  # the part, which nobody is known to have deleted
    assert kept.endswith(part.name)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=80))
def test_a_name_that_a_person_gives_is_not_ours(name: str):
    assert not is_ours(name)
    assert not is_ours(f"blobs/{name}") or len(name) in (64, 36)


async def test_an_orphan_goes_to_the_trash_for_seven_days(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    await filled(tmp_path)
    orphan = write(tmp_path / "blobs" / SHA, "nothing names this")
    os.utime(orphan, (0, 0))
    storage, index = in_directory(tmp_path), Index(tmp_path / "index")
    catalog = storage.catalog
    with caplog.at_level(logging.INFO):
        await GarbageCollector(storage, index, look_every=0).run()
    [event] = [record.getMessage() for record in caplog.records if getattr(record, "event", "") == "swept"]
    assert SHA in event
    [kept] = (tmp_path / "trash").rglob(SHA)
    assert kept.read_text() == "nothing names this"
    removal = Removal(tmp_path)
    assert removal.empty_trash(time.time() + TRASH_SECONDS - 60) == []
    assert len(removal.empty_trash(time.time() + TRASH_SECONDS + 60)) == 1
    assert not kept.exists()
    await catalog.aclose()
    await index.aclose()


def test_the_trash_is_bounded_by_bytes_and_the_oldest_goes_first(tmp_path: Path):
    removal = Removal(tmp_path)
    for number in range(4):
        write(tmp_path / "blobs" / (f"{number}" * 64), "x" * 100)
        removal.discard([f"blobs/{f'{number}' * 64}"], 1_000 + number)
    assert removal.trash_size() == (4, 400)
    removal.empty_trash(2_000, limit=250)
    assert sorted(path.name[0] for path in (tmp_path / "trash").rglob("*") if path.is_file()) == ["2", "3"]


async def test_what_was_deleted_never_sees_the_trash(tmp_path: Path):
    secret = "Xylophonist Quetzalcoatlus hid the brzeczyszczykiewicz papers."
    async with opened(tmp_path, Words()) as engine:
        id = await store(engine)
        doomed = await add(engine, id, secret, "classified-dossier.txt")
        await engine.delete_file(doomed)
        await engine.maintenance.purge()
        late = write(
            tmp_path / "text" / f"{'cd' * 32}.vs-1", secret
        )  # a text whose File was deleted while it was parsed
        os.utime(late, (0, 0))
    storage, index = in_directory(tmp_path), Index(tmp_path / "index")
    catalog = storage.catalog
    await catalog.write(lambda db: db.execute("INSERT INTO deleted_content VALUES (?, 1)", ("cd" * 32,)) and None)
    await GarbageCollector(storage, index, look_every=0).run()
    await catalog.aclose()
    await index.aclose()
    assert list(traces(tmp_path)) == []
    assert not (tmp_path / "trash").exists()


async def test_one_step_of_a_purge_that_fails_keeps_no_other_from_being_done(tmp_path: Path):
    async with opened(tmp_path, Words()) as engine:
        kept, lost = await store(engine, "kept"), await store(engine, "lost")
        secret = await add(engine, kept, "brzeczyszczykiewicz", "classified-dossier.txt")
        await add(engine, kept, FOX)
        await add(engine, lost, FOX)
        for manifest in (tmp_path / "index").glob(f"{lost}*/_versions/*"):
            manifest.write_bytes(b"unreadable")
        await engine.delete_file(secret)
        with pytest.raises(Unavailable, match=rf"table {lost}"):
            await engine.maintenance.purge()
        assert list(traces(tmp_path)) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """A disk of 96 MB, where this process may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("mounting a small disk takes root on Linux")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(path: Path) -> None:
    """Write until no byte is free."""
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
    with suppress(OSError):
        while os.write(descriptor, bytes(4096)):
            pass
    os.close(descriptor)


async def test_deleting_and_purging_work_when_no_byte_is_free(small_disk: Path):
    data = small_disk / "data"
    async with opened(data, Words()) as engine:
        id = await store(engine)
        first, second = [await add(engine, id, f"{FOX} {number}" * 2_000, f"{number}.txt") for number in range(2)]
        await engine.maintenance.purge()  # keeps the reserve
        assert (data / "reserve.bin").exists()
        fill(small_disk / "filler")
        assert shutil.disk_usage(small_disk).free < 8192
        with pytest.raises(DiskFull):
            await upload(engine, "more " * 100_000)
        await engine.delete_file(first)
        await engine.delete_file(second)
        assert (await engine.list_files(FilesRequest())).data == []
    assert not (data / "reserve.bin").exists()
    async with opened(data, Words()) as engine:
        await engine.maintenance.purge()
        assert not list((data / "blobs").glob("*"))

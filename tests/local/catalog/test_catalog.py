"""catalog.db on disk: who may open it, what several processes see of it, and what a full disk does."""

import os
import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import closing
from pathlib import Path
from threading import Barrier, Thread

import anyio
import pytest

from support.catalogs import make, names, opening_with
from support.memory_catalog import NOW
from vectorstores_server.engines.local.catalog import Catalog, stores
from vectorstores_server.engines.local.catalog.connection import connect, prepare
from vectorstores_server.engines.local.catalog.database import SqliteCatalog
from vectorstores_server.engines.local.catalog.dialect import DB
from vectorstores_server.engines.local.catalog.filesystem import refuse_network
from vectorstores_server.engines.local.catalog.migrations import MIGRATIONS
from vectorstores_tools.contract.errors import DirectoryUpgraded, DiskFull, Unavailable

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes and locks are POSIX's here")

Open = Callable[[], Catalog]


@pytest.fixture
async def open_catalog(tmp_path: Path) -> AsyncGenerator[Open]:
    async with opening_with(lambda: SqliteCatalog(tmp_path / "data", version="1.2")) as once_more:
        yield once_more


async def test_nothing_is_opened_before_the_first_call(tmp_path: Path, open_catalog: Open):
    catalog = open_catalog()
    assert not (tmp_path / "data").exists()
    await names(catalog)
    assert (tmp_path / "data" / "catalog.db").exists()


async def test_directories_are_private_and_files_too(tmp_path: Path, open_catalog: Open):
    await make(open_catalog())
    data = tmp_path / "data"
    assert data.stat().st_mode & 0o777 == 0o700
    found = {f.name: f.stat().st_mode & 0o777 for f in data.iterdir()}
    assert found == {"catalog.db": 0o600, "catalog.db-wal": 0o600, "catalog.db-shm": 0o600, "vector-stores.json": 0o600}


async def test_a_waiter_sleeps_while_nothing_changes(open_catalog: Open):
    catalog = open_catalog()
    mark = await catalog.changed(0)
    with anyio.move_on_after(0.6) as slept:
        await catalog.changed(mark)
    assert slept.cancelled_caught


async def test_a_full_disk_is_an_error_that_names_the_directory_and_loses_nothing(tmp_path: Path, open_catalog: Open):
    catalog = open_catalog()
    await make(catalog)

    def allow(db: DB, pages: int) -> None:
        db.execute(f"PRAGMA max_page_count = {pages}")

    def count(db: DB, name: str) -> int:
        return db.execute("SELECT count(*) FROM store WHERE name = ?", (name,)).fetchone()[0]

    acknowledged = 0

    async def make_many() -> None:
        nonlocal acknowledged
        for _ in range(200):
            await make(catalog, "x")
            acknowledged += 1

    await catalog.write(allow, 1)
    with pytest.raises(DiskFull, match=str(tmp_path / "data")):
        await make_many()
    await catalog.write(allow, 100_000)
    await make(catalog, "after")
    assert [await catalog.read(count, name) for name in ("a", "x", "after")] == [1, acknowledged, 1]


async def test_the_write_ahead_log_is_emptied_when_it_is_long(tmp_path: Path, open_catalog: Open):
    catalog, wal = open_catalog(), tmp_path / "data" / "catalog.db-wal"
    await make(catalog)
    await catalog.checkpoint()
    assert wal.stat().st_size > 0
    await catalog.checkpoint(at_least=0)
    assert wal.stat().st_size == 0


async def test_what_was_deleted_is_not_in_the_files(tmp_path: Path, open_catalog: Open):
    catalog = open_catalog()
    store = await make(catalog, "PLANTEDSECRET")
    await catalog.checkpoint(at_least=0)
    path = tmp_path / "data" / "catalog.db"
    await catalog.write(stores.delete_store, store, NOW)
    await catalog.checkpoint(at_least=0)
    await catalog.aclose()
    assert b"PLANTEDSECRET" not in path.read_bytes()


async def test_a_vacuum_leaves_everything_as_it_was(open_catalog: Open):
    catalog = open_catalog()
    await make(catalog)
    await catalog.vacuum()
    assert await names(catalog) == ["a"]


# Versions

LATER = (*MIGRATIONS, "ALTER TABLE store ADD COLUMN colour TEXT\n\nCREATE INDEX store_colour ON store (colour)")


async def test_an_older_catalog_is_migrated_and_a_copy_kept(tmp_path: Path, open_catalog: Open):
    catalog, data = open_catalog(), tmp_path / "data"
    await make(catalog)
    await catalog.aclose()
    prepare(data, "9.9", LATER)
    with closing(connect(data / "catalog.db")) as db:
        assert [tuple(row) for row in db.execute("SELECT name, colour FROM store")] == [("a", None)]
    with closing(sqlite3.connect(data / f"catalog.db.v{len(MIGRATIONS)}")) as db:
        assert db.execute("SELECT name FROM store").fetchall() == [("a",)]
    assert (data / f"catalog.db.v{len(MIGRATIONS)}").stat().st_mode & 0o777 == 0o600


async def test_a_migration_that_fails_leaves_the_catalog_as_it_was(tmp_path: Path, open_catalog: Open):
    await make(open_catalog())
    with pytest.raises(sqlite3.OperationalError):
        prepare(tmp_path / "data", "9.9", (*LATER, "CREATE TABLE extra (a)\n\nNONSENSE"))
    assert await names(open_catalog()) == ["a"]


async def test_a_catalog_upgraded_before_the_start_says_by_which_version(tmp_path: Path, open_catalog: Open):
    prepare(tmp_path / "data", "9.9", LATER)
    with pytest.raises(DirectoryUpgraded, match=r"upgraded by vector-stores-mcp 9\.9; restart this client"):
        await names(open_catalog())


async def test_a_catalog_upgraded_later_says_so_at_every_call(tmp_path: Path, open_catalog: Open):
    catalog = open_catalog()
    await make(catalog)
    prepare(tmp_path / "data", "9.9", LATER)

    async def in_snapshot() -> None:
        async with catalog.snapshot() as snapshot:
            await snapshot.read(lambda db: None)

    for call in (lambda: make(catalog), lambda: names(catalog), in_snapshot):
        with pytest.raises(DirectoryUpgraded):
            await call()


def test_many_processes_may_make_the_catalog_at_once(tmp_path: Path):
    errors: list[Exception] = []
    together = Barrier(8)

    def start() -> None:
        together.wait()
        try:
            prepare(tmp_path / "data", "1.2")
        except (sqlite3.Error, Unavailable) as error:
            errors.append(error)

    threads = [Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


# Where it may lie


def mountinfo(*mounts: tuple[str, str]) -> str:
    return "".join(f"36 35 98:0 / {point} rw,noatime - {kind} /dev/x rw\n" for point, kind in mounts)


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "smb3", "9p", "fuse.sshfs"])
def test_a_network_file_system_is_refused_by_name(tmp_path: Path, kind: str):
    mounts = tmp_path / "mountinfo"
    mounts.write_text(mountinfo(("/", "ext4"), ("/mnt/my\\040share", kind), ("/mnt/other", "nfs")))
    with pytest.raises(Unavailable, match=rf"network file system \({kind}\)"):
        refuse_network(Path("/mnt/my share/data"), mounts)
    refuse_network(Path("/mnt/my"), mounts)
    refuse_network(Path("/home/ada"), mounts)


async def test_a_damaged_catalog_is_an_error_that_says_so(tmp_path: Path, open_catalog: Open):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "catalog.db").write_bytes(b"not a database at all" * 500)
    with pytest.raises(Unavailable, match="damaged"):
        await names(open_catalog())

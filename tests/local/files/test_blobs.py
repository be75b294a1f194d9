import os
import sqlite3
import time
from collections.abc import AsyncGenerator, AsyncIterator
from hashlib import sha256
from pathlib import Path

import anyio
import pytest

from vectorstores_server.engines.local.catalog import files
from vectorstores_server.engines.local.catalog.database import SqliteCatalog
from vectorstores_server.engines.local.files.blob_folder import BlobFolder
from vectorstores_server.engines.local.files.erasure import erase_deleted, remove_orphans
from vectorstores_server.engines.local.files.part_folder import PartFolder
from vectorstores_server.engines.local.files.receiving import SourceReceiver
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.system.posix import private_directory
from vectorstores_tools.contract.engine import NewFile
from vectorstores_tools.contract.errors import DiskFull, InvalidRequest, TooLarge
from vectorstores_tools.contract.models import File

LIMIT = 5 * 1024 * 1024


async def stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


class House:
    """A catalog with its blobs."""

    def __init__(self, directory: Path) -> None:
        self.catalog = SqliteCatalog(directory)
        self.blobs = BlobFolder(directory)
        self.parts = PartFolder(directory)
        self.arrivals = SourceReceiver(self.catalog, self.blobs, LIMIT, lambda: None)

    async def upload(self, *pieces: bytes) -> File:
        return await self.arrivals.create_file(NewFile("a.txt", stream(*pieces)))

    async def sweep(self, *, later: int = 0) -> int:
        now = time.time() + later
        erased = await erase_deleted(self.catalog, self.blobs.directory, now)
        removed = await remove_orphans(self.catalog, self.blobs.directory, now)
        return len(erased.erased) + len(removed.erased) + len(removed.trashed)

    def names(self) -> set[str]:
        return {p.name for d in (self.blobs.blobs, self.blobs.texts) if d.is_dir() for p in d.iterdir()}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncGenerator[House]:
    house = House(tmp_path / "data")
    yield house
    await house.catalog.aclose()


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


async def test_bytes_are_kept_under_their_hash_and_read_only_by_their_owner(house: House):
    file = await house.upload(b"one ", b"two")
    path = house.blobs.path(digest(b"one two"))
    assert (path.read_bytes(), file.bytes) == (b"one two", 7)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


async def test_the_same_bytes_are_kept_once_for_several_files(house: House):
    first, second = await house.upload(b"same"), await house.upload(b"same")
    assert first.id != second.id
    assert house.names() == {digest(b"same")}


async def test_a_large_file_goes_through_in_blocks(house: House):
    block = os.urandom(64 * 1024)
    file = await house.upload(*[block] * 70)
    assert file.bytes == 70 * len(block)
    assert house.names() == {digest(block * 70)}


async def test_too_many_bytes_are_refused_before_the_rest_is_read(house: House):
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield bytes(1024 * 1024)

    with pytest.raises(TooLarge, match=str(LIMIT)):
        await house.arrivals.create_file(NewFile("big", endless()))
    assert read <= 7
    assert house.names() == set()


async def test_an_empty_file_leaves_nothing_behind(house: House):
    with pytest.raises(InvalidRequest, match="empty"):
        await house.upload()
    assert house.names() == set()


async def test_a_stream_that_breaks_off_leaves_nothing_behind(house: House):
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await house.arrivals.create_file(NewFile("a", broken()))
    assert house.names() == set()


async def test_a_cancelled_upload_leaves_nothing_behind(house: House):
    async def slow() -> AsyncIterator[bytes]:
        yield bytes(2 * 1024 * 1024)
        waiting.set()
        await anyio.sleep_forever()

    waiting = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(house.arrivals.create_file, NewFile("a", slow()))
        await waiting.wait()
        tasks.cancel_scope.cancel()
    assert house.names() == set()


async def test_a_full_disk_names_the_directory(house: House, monkeypatch: pytest.MonkeyPatch):
    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull, match="data"):
        await house.upload(b"x")
    monkeypatch.undo()
    assert house.names() == set()
    await house.upload(b"x")


async def test_parsed_text_is_kept_beside_and_replaced_whole(house: House):
    assert await house.blobs.read_document("0" * 64) is None
    for text in ("first", "second"):
        await house.blobs.write_text("0" * 64, Document(text).dumps())
    assert await house.blobs.read_document("0" * 64) == Document("second")
    assert house.blobs.text_path("0" * 64).stat().st_mode & 0o777 == 0o600
    assert len(house.names()) == 1


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "not ours"])
async def test_a_cached_text_that_is_damaged_is_a_miss(house: House, damage: str):
    whole = Document("The moon moves the tides.", "Tides", (0,), ()).dumps()
    flipped = bytearray(whole)
    flipped[-5] ^= 1
    data = {"truncated": whole[:-3], "flipped": bytes(flipped), "empty": b"", "not ours": b"{}\ntext"}[damage]
    await house.blobs.write_text("0" * 64, data)
    assert await house.blobs.read_document("0" * 64) is None


async def test_a_cached_text_of_the_version_before_has_no_checksum_and_is_taken(house: House):
    await house.blobs.write_text("0" * 64, b'{"title":null,"pages":[],"headings":[]}\nThe moon.')
    assert (await house.blobs.read_document("0" * 64) or Document("")).text == "The moon."


async def test_a_sweep_takes_what_was_deleted_after_a_minute(house: House):
    kept, doomed = await house.upload(b"kept"), await house.upload(b"doomed")
    for data in (b"kept", b"doomed"):
        await house.blobs.write_text(digest(data), b"text")
    await house.catalog.write(files.delete_file, doomed.id, int(time.time()))
    assert await house.sweep() == 0
    assert len(house.names()) == 4
    assert await house.sweep(later=61) == 2
    assert {name[:64] for name in house.names()} == {digest(b"kept")}
    assert kept.id


async def test_a_sweep_takes_unfinished_files_after_an_hour_and_copies_of_the_catalog_after_a_week(house: House):
    await house.upload(b"x")
    private_directory(house.blobs.texts)
    (house.blobs.texts / f"{'a' * 32}.tmp").touch()
    copy = house.blobs.directory / "catalog.db.v0"
    copy.touch()
    assert await house.sweep() == 0
    assert await house.sweep(later=3601) == 1
    assert copy.exists()
    assert await house.sweep(later=7 * 24 * 3600 + 1) == 1
    assert not copy.exists()
    assert house.catalog.path.exists()


async def test_bytes_uploaded_again_while_they_are_swept_are_there(house: House):
    """The sweep has looked at the directory; before it gets the writer, the same bytes come in once more."""
    first = await house.upload(b"again")
    await house.catalog.write(files.delete_file, first.id, 0)
    path = house.blobs.path(digest(b"again"))
    os.utime(path, (0, 0))

    def hold(db: sqlite3.Connection) -> None:
        for _ in range(200):
            if swept:
                return
            time.sleep(0.01)

    swept: list[bool] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(house.catalog.write, hold)
        tasks.start_soon(house.upload, b"again")
        await anyio.lowlevel.checkpoint()
        tasks.start_soon(house.sweep)
        await anyio.lowlevel.checkpoint()
        swept.append(True)
    assert path.read_bytes() == b"again"

"""The promises of `Blobs`, `UploadParts` and `ContentSweep`, once for a folder and once for object storage."""

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import anyio
import pytest

from support.buckets import memory_bucket
from vectorstores_server.engines.local.catalog import Catalog, files
from vectorstores_server.engines.local.catalog.database import SqliteCatalog
from vectorstores_server.engines.local.files.blob_folder import BlobFolder
from vectorstores_server.engines.local.files.blobs import Blobs
from vectorstores_server.engines.local.files.erasure import ContentSweep, FolderSweep
from vectorstores_server.engines.local.files.part_folder import PartFolder
from vectorstores_server.engines.local.files.receiving import SourceReceiver
from vectorstores_server.engines.local.files.recognised_pages import PagesRead, RecognisedPages
from vectorstores_server.engines.local.files.upload_parts import UploadParts
from vectorstores_server.engines.local.files.uploads import LocalUploads
from vectorstores_server.engines.local.objects.blob_objects import BlobObjects
from vectorstores_server.engines.local.objects.bucket import ObjectBucket, StoredObject
from vectorstores_server.engines.local.objects.local_files import LocalFiles
from vectorstores_server.engines.local.objects.part_objects import PartObjects
from vectorstores_server.engines.local.objects.sweep import ObjectSweep
from vectorstores_server.engines.local.parsing import VERSION
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_tools.contract.engine import NewFile, NewUpload
from vectorstores_tools.contract.errors import InvalidRequest, TooLarge
from vectorstores_tools.contract.models import File

LIMIT = 5 * 1024 * 1024
LONG = 30 * 24 * 3600
ROOM = 1 << 20


async def stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


class AgedBucket(ObjectBucket):
    """A bucket whose objects of now can be made old; `before` is awaited before each request."""

    def __init__(self) -> None:
        bucket = memory_bucket()
        super().__init__(bucket.place, bucket.connect)
        self.aged: set[str] = set()
        self.requests = 0
        self.before: Callable[[int], Awaitable[None]] | None = None

    async def age(self) -> None:
        self.aged = {stored.name for stored in await super().list("")}

    async def list(self, prefix: str) -> "list[StoredObject]":
        await self._count()
        found = await super().list(prefix)
        return [replace(o, changed=o.changed - LONG) if o.name in self.aged else o for o in found]

    async def put(self, name: str, data: bytes | Path, *, create: bool = False) -> bool:
        await self._count()
        return await super().put(name, data, create=create)

    async def remove(self, names: "Sequence[str]") -> None:
        await self._count()
        await super().remove(names)

    async def copy(self, name: str, target: str) -> None:
        await self._count()
        await super().copy(name, target)

    async def _count(self) -> None:
        self.requests += 1
        if self.before is not None:
            await self.before(self.requests)


@dataclass
class Shelf:
    """A catalog with its bytes. `names` are those of all that is kept but the trash."""

    catalog: Catalog
    blobs: Blobs
    parts: UploadParts
    sweep: ContentSweep
    names: Callable[[], Awaitable[set[str]]]
    age: Callable[[], Awaitable[None]]

    @property
    def receiver(self) -> SourceReceiver:
        return SourceReceiver(self.catalog, self.blobs, LIMIT, lambda: None)

    async def upload(self, *pieces: bytes) -> File:
        return await self.receiver.create_file(NewFile("a.txt", stream(*pieces)))

    async def delete(self, file: File) -> None:
        await self.catalog.write(files.delete_file, file.id, 0)

    async def swept(self) -> None:
        await self.sweep.erase_deleted(time.time(), grace=0)
        await self.sweep.remove_orphans(time.time())

    async def read(self, data: bytes) -> bytes | None:
        async with self.blobs.opened(digest(data)) as opened:
            return None if opened is None else b"".join([b async for b in opened.range(0, opened.size)])


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def folder(directory: Path) -> Shelf:
    catalog = SqliteCatalog(directory)

    async def names() -> set[str]:
        kept = [path for top in ("blobs", "text", "uploads") for path in (directory / top).rglob("*")]
        return {path.relative_to(directory).as_posix() for path in kept if path.is_file()}

    async def age() -> None:
        for path in (directory / "uploads").rglob("*"):
            os.utime(path, (0, 0))
        for name in await names():
            os.utime(directory / name, (0, 0))

    return Shelf(catalog, BlobFolder(directory), PartFolder(directory), FolderSweep(catalog, directory), names, age)


def objects(directory: Path, bucket: AgedBucket | None = None, catalog: Catalog | None = None) -> Shelf:
    bucket, catalog = bucket or AgedBucket(), catalog or SqliteCatalog(directory)
    local = LocalFiles(directory / "copies", ROOM)

    async def names() -> set[str]:
        found = {stored.name for stored in await ObjectBucket.list(bucket, "")} - {"clock"}
        return {name for name in found if not name.startswith("trash/")}

    sweep = ObjectSweep(catalog, bucket, local)
    return Shelf(catalog, BlobObjects(bucket, local), PartObjects(bucket, local), sweep, names, bucket.age)


@pytest.fixture(params=[folder, objects], ids=["folder", "objects"])
async def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shelf]:
    shelf: Shelf = request.param(tmp_path / "data")
    await shelf.delete(await shelf.upload(b"the first, which makes the catalog"))
    await shelf.age()
    await shelf.swept()
    yield shelf
    await shelf.catalog.aclose()


async def test_bytes_are_read_back_whole_in_part_and_as_a_file(shelf: Shelf) -> None:
    data = os.urandom(3 * 1024 * 1024)
    await shelf.upload(data[:1000], data[1000:])
    assert await shelf.read(data) == data
    assert await shelf.blobs.size(digest(data)) == len(data)
    async with shelf.blobs.opened(digest(data)) as opened:
        assert opened is not None
        assert b"".join([block async for block in opened.range(17, 99)]) == data[17:99]
    async with shelf.blobs.files([digest(data), "0" * 64]) as [path, missing]:
        assert path.read_bytes() == data
        assert not missing.exists()
    assert await shelf.blobs.find(digest(data)[:12]) == [digest(data)]
    assert await shelf.blobs.size("0" * 64) is None


async def test_small_files_are_received_together(shelf: Shelf) -> None:
    contents = [f"content {number}".encode() for number in range(20)]
    async with shelf.blobs.receive_all(contents) as received:
        assert [(part.sha256, part.size) for part in received] == [(digest(c), len(c)) for c in contents]
        for part in received:
            shelf.blobs.rename(part)
        shelf.blobs.sync()
    assert [await shelf.read(content) for content in contents] == contents


async def test_what_is_not_named_leaves_nothing(shelf: Shelf) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    async def slow() -> AsyncIterator[bytes]:
        yield bytes(2 * 1024 * 1024)
        waiting.set()
        await anyio.sleep_forever()

    with pytest.raises(TooLarge):
        await shelf.upload(bytes(LIMIT), b"x")
    with pytest.raises(InvalidRequest, match="empty"):
        await shelf.upload()
    with pytest.raises(ConnectionResetError):
        await shelf.receiver.create_file(NewFile("a", broken()))
    waiting = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(shelf.receiver.create_file, NewFile("a", slow()))
        await waiting.wait()
        tasks.cancel_scope.cancel()
    async with shelf.blobs.receive(stream(b"never named"), LIMIT):
        pass
    assert await shelf.names() == set()


async def test_texts_are_kept_replaced_found_by_their_id_and_missed_when_damaged(shelf: Shelf) -> None:
    blobs, of, older = shelf.blobs, "0" * 64, Document("An older text.")
    assert await blobs.read_document(of) is None
    assert not await blobs.has_text(of)
    for text in ("first", "second"):
        await blobs.write_text(of, Document(text).dumps())
    await blobs.write_text(of, older.dumps(), VERSION - 1)
    await blobs.write_texts({"1" * 64: Document("third").dumps()})
    assert await blobs.read_document(of) == Document("second")
    assert await blobs.read_documents([(of, VERSION - 1), ("1" * 64, VERSION), ("2" * 64, VERSION)]) == [
        older, Document("third"), None,
    ]  # fmt: skip
    assert await blobs.find_document(of, older.sha256[:12]) in (older, None)
    await blobs.write_text(of, b"{}\ndamaged")
    assert await blobs.read_document(of) is None
    assert await blobs.has_text(of)


async def test_notes_are_added_to(shelf: Shelf) -> None:
    pages = RecognisedPages(shelf.blobs)
    assert await pages.load("0" * 64) is None
    await pages.begin("0" * 64, [1, 2])
    await pages.add("0" * 64, 1, "A page.")
    await pages.add("0" * 64, 2, None)
    assert await pages.load("0" * 64) == PagesRead([1, 2], {1: "A page.", 2: None})


async def test_parts_make_the_whole_and_go_with_their_upload(shelf: Shelf) -> None:
    uploads = LocalUploads(shelf.catalog, shelf.blobs, shelf.parts, LIMIT)
    upload = await uploads.create(NewUpload("a.txt", "assistants", 8, "text/plain"))
    first, second = (
        await uploads.add_part(upload.id, stream(b"one ")),
        await uploads.add_part(upload.id, stream(b"two ")),
    )
    await uploads.complete(upload.id, [second.id, first.id], None)
    assert await shelf.read(b"two one ") == b"two one "
    assert not any(name.startswith("uploads/") for name in await shelf.names())
    left = await uploads.create(NewUpload("b.txt", "assistants", 8, "text/plain"))
    await uploads.add_part(left.id, stream(b"half"))
    await uploads.cancel(left.id)
    assert not any(name.startswith("uploads/") for name in await shelf.names())


async def test_bytes_that_several_files_share_go_with_the_last_of_them(shelf: Shelf) -> None:
    first, second, kept = await shelf.upload(b"same"), await shelf.upload(b"same"), await shelf.upload(b"kept")
    for data in (b"same", b"kept"):
        await shelf.blobs.write_text(digest(data), Document("text").dumps())
    await shelf.age()
    await shelf.delete(first)
    await shelf.swept()
    assert await shelf.read(b"same") == b"same"
    await shelf.delete(second)
    await shelf.swept()
    assert await shelf.read(b"same") is None
    assert {digest(b"kept") in name for name in await shelf.names()} == {True}
    assert kept.id


async def test_orphans_go_to_the_trash_after_an_hour_and_can_be_erased_from_it(shelf: Shelf) -> None:
    async with shelf.blobs.receive(stream(b"orphan"), LIMIT) as received:
        shelf.blobs.keep(received)
    await shelf.swept()
    assert await shelf.read(b"orphan") == b"orphan"
    await shelf.age()
    removed = await shelf.sweep.remove_orphans(time.time())
    assert len(removed.trashed) == 1
    assert await shelf.read(b"orphan") is None
    assert len((await shelf.sweep.empty_trash()).erased) == 1


async def test_parts_of_uploads_that_ended_are_swept_and_others_stay(shelf: Shelf) -> None:
    uploads = LocalUploads(shelf.catalog, shelf.blobs, shelf.parts, LIMIT)
    pending, ended = [await uploads.create(NewUpload("a", "assistants", 8, "text/plain")) for _ in range(2)]
    for upload in (pending, ended):
        await uploads.add_part(upload.id, stream(b"half"))
    await shelf.catalog.write(
        lambda db: db.execute("UPDATE upload SET status = 'expired' WHERE id = ?", (ended.id,)) and None
    )
    await shelf.swept()
    assert len(await shelf.names()) == 2
    await shelf.age()
    await shelf.swept()
    assert {pending.id in name for name in await shelf.names()} == {True}


async def test_damaged_bytes_are_set_aside_and_not_lost(shelf: Shelf, tmp_path: Path) -> None:
    await shelf.upload(b"damaged")
    await shelf.blobs.set_aside(digest(b"damaged"), tmp_path / "aside-1" / "blobs")
    assert await shelf.read(b"damaged") is None


@pytest.mark.parametrize("named_first", [True, False], ids=["again", "new"])
@pytest.mark.parametrize("at", range(1, 16))
async def test_bytes_that_are_uploaded_at_any_moment_of_a_sweep_are_there_afterwards(
    tmp_path: Path, at: int, named_first: bool
) -> None:
    bucket = AgedBucket()
    shelf = objects(tmp_path, bucket)
    await shelf.delete(await shelf.upload(b"wanted"))
    if named_first:
        await shelf.delete(await shelf.upload(b"wanted"))
    await bucket.age()
    bucket.requests = 0

    async def upload(number: int) -> None:
        if number == at:
            bucket.before = None
            await shelf.upload(b"wanted")

    bucket.before = upload
    await shelf.swept()
    if bucket.before is not None:  # the sweep made fewer requests
        bucket.before = None
        await shelf.upload(b"wanted")
    assert await shelf.read(b"wanted") == b"wanted"
    await shelf.swept()
    assert await shelf.read(b"wanted") == b"wanted"
    await shelf.catalog.aclose()


@pytest.mark.parametrize("at", [1, 2, "naming"])
async def test_a_sweep_at_any_moment_of_an_upload_takes_nothing_of_it(tmp_path: Path, at: int | str) -> None:
    bucket = AgedBucket()
    shelf = objects(tmp_path, bucket)
    await shelf.delete(await shelf.upload(b"wanted"))
    await bucket.age()
    bucket.requests = 0

    async def sweep(number: int) -> None:
        if number == at:
            bucket.before = None
            await shelf.swept()

    bucket.before = sweep
    async with AsyncExitStack() as stack:
        received = await stack.enter_async_context(shelf.blobs.receive(stream(b"wanted"), LIMIT))
        if at == "naming":
            bucket.before = None
            await shelf.swept()
        file = File(id="file-x", bytes=6, created_at=1, filename="a", purpose="assistants", expires_at=None)
        await shelf.catalog.write(files.enter_file, file, received.sha256, lambda: shelf.blobs.keep(received))
    bucket.before = None
    assert await shelf.read(b"wanted") == b"wanted"
    await shelf.swept()
    assert await shelf.read(b"wanted") == b"wanted"
    await shelf.catalog.aclose()


async def test_of_bytes_that_were_uploaded_often_one_copy_is_left(tmp_path: Path) -> None:
    bucket = AgedBucket()
    shelf = objects(tmp_path, bucket)
    for _ in range(3):
        await shelf.upload(b"same")
    assert len(await shelf.names()) == 3
    await bucket.age()
    await shelf.swept()
    assert len(await shelf.names()) == 1
    assert await shelf.read(b"same") == b"same"
    await shelf.catalog.aclose()


async def test_another_server_reads_what_this_one_stored(tmp_path: Path) -> None:
    bucket = AgedBucket()
    one = objects(tmp_path / "one", bucket)
    other = objects(tmp_path / "other", bucket, one.catalog)
    await one.upload(b"shared")
    await one.blobs.write_text(digest(b"shared"), Document("shared text").dumps())
    async with other.blobs.files([digest(b"shared")]) as [path]:
        assert path.read_bytes() == b"shared"
    assert await other.blobs.read_document(digest(b"shared")) == Document("shared text")
    await one.catalog.aclose()


def test_copies_stay_within_their_bound_and_those_in_use_stay(tmp_path: Path) -> None:
    local = LocalFiles(tmp_path, 250)
    for number in range(4):
        local.write(f"{number}", bytes(100))
        os.utime(tmp_path / f"{number}", (number, time.time() - 10 + number))
    taken = local.take("2")
    assert taken is not None
    for number in range(4, 8):
        local.write(f"{number}", bytes(100))
    assert len([path for path in tmp_path.iterdir() if path != taken]) == 2
    assert taken.read_bytes() == bytes(100)
    local.release(taken)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 250

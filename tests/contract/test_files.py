"""What the contract promises of uploaded Files, of reading them back, of uploads in parts, and of ingesting."""

import hashlib
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace

import anyio
import pytest

from support.engine_calls import (
    NOISE,
    SMALL,
    add,
    attach,
    file_ids,
    finished,
    found,
    ingest,
    new_store,
    settled,
    source,
    stream,
    upload,
)
from support.engines import MAX_FILE_BYTES
from support.noted import guessed
from vectorstores_tools.contract.engine import AttachOptions, Engine, NewFile, NewUpload, TextRequest
from vectorstores_tools.contract.errors import (
    BadCursor,
    Conflict,
    FileNotFound,
    InvalidRequest,
    NotReady,
    NotSupported,
    StoreNotFound,
    TooLarge,
    UploadNotFound,
)
from vectorstores_tools.contract.intake import Source
from vectorstores_tools.contract.requests import FileAttach, FileExpiresAfter, FilesRequest, StoreFilesRequest


async def content(engine: Engine, file: str, start: int = 0, end: int | None = None) -> bytes:
    async with engine.read_file(file, start, end) as opened:
        return b"".join([piece async for piece in opened.stream])


async def test_a_file_is_what_was_uploaded(engine: Engine):
    data = bytes(range(256)) * 300
    made = await engine.create_file(NewFile("data.bin", stream(data), purpose="user_data"))
    assert (made.object, made.bytes, made.filename, made.purpose) == ("file", len(data), "data.bin", "user_data")
    assert await engine.retrieve_file(made.id) == made
    assert await content(engine, made.id) == data
    assert await content(engine, made.id, 10, 20) == data[10:20]
    assert await content(engine, made.id, len(data) - 5) == data[-5:]
    async with engine.read_file(made.id, 10, 20) as opened:
        assert (opened.size, opened.file) == (len(data), made)


async def test_an_empty_file_is_refused(engine: Engine):
    with pytest.raises(InvalidRequest, match="empty"):
        await upload(engine, b"")
    assert (await engine.list_files(FilesRequest())).data == []


async def test_a_file_that_is_too_large_leaves_nothing_behind(engine: Engine):
    with pytest.raises(TooLarge) as refused:
        await upload(engine, bytes(MAX_FILE_BYTES + 1))
    assert refused.value.status == 413
    assert (await engine.list_files(FilesRequest())).data == []


async def test_files_are_listed_by_purpose_and_in_pages(engine: Engine):
    made = [await upload(engine, f"{n}") for n in range(3)]
    await engine.create_file(NewFile("x", stream(b"x"), purpose="batch"))
    listed = [f.id for f in (await engine.list_files(FilesRequest(purpose="assistants"))).data]
    assert sorted(listed) == sorted(made)
    rest = await engine.list_files(FilesRequest(purpose="assistants", limit=2, after=listed[0]))
    assert ([f.id for f in rest.data], rest.has_more) == (listed[1:], False)
    with pytest.raises(BadCursor):
        await engine.list_files(FilesRequest(after="file-never"))


async def test_a_file_expires_when_it_was_told_to(engine: Engine):
    expires = FileExpiresAfter(anchor="created_at", seconds=3600)
    made = await engine.create_file(NewFile("x", stream(b"x"), expires_after=expires))
    assert made.expires_at == made.created_at + 3600
    assert (await engine.retrieve_file(made.id)).expires_at == made.expires_at


async def test_a_deleted_file_is_detached_from_every_store(engine: Engine):
    first, second = await new_store(engine), await new_store(engine)
    file = await add(engine, first, "walrus")
    await attach(engine, second, file)
    await settled(engine, second, file)
    gone = await engine.delete_file(file)
    assert (gone.id, gone.object, gone.deleted) == (file, "file", True)
    for store in (first, second):
        assert await file_ids(engine, store) == []
        assert await found(engine, store, "walrus") == []
    with pytest.raises(FileNotFound):
        await engine.retrieve_file(file)


async def test_an_unknown_file_is_not_found_and_a_name_is_answered_with_the_id(engine: Engine):
    file = await upload(engine, "text", "report.txt")

    def read_text(file_id: str) -> Awaitable[object]:
        return engine.read_text(TextRequest(file_id))

    for call in (engine.retrieve_file, engine.delete_file, read_text):
        with pytest.raises(FileNotFound, match="No such File object: file-none"):
            await call("file-none")
        with pytest.raises(FileNotFound, match=file):
            await call("report.txt")
    with pytest.raises(FileNotFound):
        await content(engine, "file-none")


# Text


async def test_text_is_read_by_characters(engine: Engine):
    store = await new_store(engine)
    text = "Grüße, 世界! \U0001f600 and more."
    file = await add(engine, store, text)
    whole = await engine.read_text(TextRequest(file, store))
    assert (whole.text, whole.start, whole.end, whole.total) == (text, 0, len(text), len(text))
    part = await engine.read_text(TextRequest(file, store, start=7, end=9))
    assert (part.text, part.start, part.end, part.total) == ("世界", 7, 9, len(text))
    beyond = await engine.read_text(TextRequest(file, store, start=7, end=10_000))
    assert beyond.end == len(text)
    for start, end in ((-1, None), (len(text) + 1, None), (5, 4)):
        with pytest.raises(InvalidRequest):
            await engine.read_text(TextRequest(file, store, start=start, end=end))


async def test_a_range_of_a_text_that_is_not_there_is_answered_with_the_beginning_and_says_so(engine: Engine):
    store = await new_store(engine)
    file = await add(engine, store, "The fox is quick.")
    part = await engine.read_text(TextRequest(file, store, start=4, end=7))
    assert (part.text, part.same_words, part.outdated) == ("fox", None, None)
    again = await engine.read_text(TextRequest(file, store, start=4, end=7, text_id=part.text_id))
    assert (again.text, again.same_words, again.outdated) == ("fox", None, None)
    for start, end in ((4, 7), (400, 403)):
        gone = await engine.read_text(TextRequest(file, store, start=start, end=end, text_id="0" * 8))
        assert (gone.text, gone.start, gone.same_words, gone.text_id) == ("The", 0, False, part.text_id)


async def test_a_page_of_a_file_without_pages_is_refused(engine: Engine):
    file = await add(engine, await new_store(engine), "no pages here")
    with pytest.raises(InvalidRequest) as refused:
        await engine.read_text(TextRequest(file, page=1))
    assert refused.value.param == "page"


async def test_plain_text_is_read_before_it_is_attached(engine: Engine):
    file = await upload(engine, "one\r\ntwo", "a.txt")
    assert (await engine.read_text(TextRequest(file))).text == "one\ntwo"


async def test_text_that_there_is_not_says_what_to_do(engine: Engine):
    store = await new_store(engine)
    unparsed = await upload(engine, b"%PDF-1.7 \xff\xfe", "a.pdf")
    with pytest.raises(NotReady, match="Attach it to a store"):
        await engine.read_text(TextRequest(unparsed))
    noise = await upload(engine, NOISE, "noise.bin")
    await attach(engine, store, noise)
    await settled(engine, store, noise)
    with pytest.raises(NotReady, match=r"noise\.bin"):
        await engine.read_text(TextRequest(noise, store))


# Uploads in parts


async def test_parts_are_refused_where_files_are_taken_whole_only(engine: Engine):
    if engine.capabilities.uploads:
        pytest.skip("there they are taken")
    for call in (
        engine.create_upload(NewUpload("a", "assistants", 3, "text/plain", None)),
        engine.add_part("upload_1", stream(b"abc")),
        engine.complete_upload("upload_1", ["part_1"], None),
        engine.cancel_upload("upload_1"),
    ):
        with pytest.raises(NotSupported, match="upload the file whole"):
            await call


async def test_a_file_made_of_parts_is_their_bytes_in_the_given_order(engine: Engine):
    if not engine.capabilities.uploads:
        pytest.skip("there are no uploads in parts there")
    data = bytes(range(200)) * 10
    begun = await engine.create_upload(NewUpload("big.bin", "assistants", len(data), "application/octet-stream", None))
    assert (begun.object, begun.status, begun.expires_at) == ("upload", "pending", begun.created_at + 3600)
    second = await engine.add_part(begun.id, stream(data[500:]))
    first = await engine.add_part(begun.id, stream(data[:500]))
    assert (first.object, first.upload_id) == ("upload.part", begun.id)
    md5 = hashlib.md5(data).hexdigest()
    done = await engine.complete_upload(begun.id, [first.id, second.id], md5)
    assert done.status == "completed"
    assert done.file is not None
    assert (done.file.filename, done.file.bytes) == ("big.bin", len(data))
    assert await content(engine, done.file.id) == data
    with pytest.raises(Conflict):
        await engine.add_part(begun.id, stream(b"more"))


async def test_parts_that_do_not_make_the_whole_are_refused_and_can_be_mended(engine: Engine):
    if not engine.capabilities.uploads:
        pytest.skip("there are no uploads in parts there")
    begun = await engine.create_upload(NewUpload("big.bin", "assistants", 6, "text/plain", None))
    first, second = [(await engine.add_part(begun.id, stream(data))).id for data in (b"abc", b"def")]
    for parts, md5 in (([first], None), ([first, "part_x"], None), ([first, second], "0" * 32)):
        with pytest.raises(InvalidRequest):
            await engine.complete_upload(begun.id, parts, md5)
    done = await engine.complete_upload(begun.id, [first, second], None)
    assert done.file is not None
    assert await content(engine, done.file.id) == b"abcdef"


async def test_an_upload_that_was_given_up_takes_no_more(engine: Engine):
    if not engine.capabilities.uploads:
        pytest.skip("there are no uploads in parts there")
    begun = await engine.create_upload(NewUpload("a", "assistants", 3, "text/plain", None))
    part = await engine.add_part(begun.id, stream(b"abc"))
    assert (await engine.cancel_upload(begun.id)).status == "cancelled"
    with pytest.raises(Conflict):
        await engine.complete_upload(begun.id, [part.id], None)
    with pytest.raises(UploadNotFound):
        await engine.add_part("upload_none", stream(b"x"))


# Ingesting


async def test_sources_become_one_batch_of_attached_files(engine: Engine):
    store = await new_store(engine)
    done = await ingest(engine, store, source("/d/a.txt", "apple"), source("/d/b.txt", "pear"), attributes={"k": 1})
    assert (done.uploaded, done.unchanged, len(done.file_ids)) == (2, 0, 2)
    assert done.batch is not None
    assert (await finished(engine, store, done.batch.id)).file_counts.completed == 2
    assert await found(engine, store, "pear") == [done.file_ids[1]]
    assert (await engine.retrieve_store_file(store, done.file_ids[0])).attributes == {"k": 1}
    assert (await engine.retrieve_file(done.file_ids[0])).filename == "a.txt"


async def test_the_same_sources_again_are_not_read_and_give_the_last_batch(engine: Engine):
    store = await new_store(engine)

    async def unread() -> AsyncIterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    first = await ingest(engine, store, source("/d/a.txt", "apple"))
    again = await ingest(engine, store, source("/d/a.txt", "apple", unread()))
    assert (again.uploaded, again.unchanged, again.file_ids) == (0, 1, first.file_ids)
    assert again.batch is not None
    assert first.batch is not None
    assert again.batch.id == first.batch.id
    assert len(await file_ids(engine, store)) == 1


async def test_changed_sources_take_the_place_of_the_old_once_they_are_completed(engine: Engine):
    store = await new_store(engine)
    old = await ingest(engine, store, source("/d/a.txt", "apple"))
    await settled(engine, store, old.file_ids[0])
    new = await ingest(engine, store, source("/d/a.txt", "banana"))
    await settled(engine, store, new.file_ids[0])
    assert await file_ids(engine, store) == list(new.file_ids)
    assert await found(engine, store, "apple") == []
    assert await found(engine, store, "banana") == list(new.file_ids)


async def test_a_source_that_failed_is_tried_again(engine: Engine):
    store = await new_store(engine)
    bad = await ingest(engine, store, source("/d/a.txt", " \n "))
    assert (await settled(engine, store, bad.file_ids[0])).status == "failed"
    again = await ingest(engine, store, source("/d/a.txt", " \n "))
    assert again.batch is not None
    assert bad.batch is not None
    assert again.batch.id != bad.batch.id
    assert (await finished(engine, store, again.batch.id)).status == "failed"


async def test_the_same_source_in_two_stores_is_attached_in_both(engine: Engine):
    stores = [await new_store(engine), await new_store(engine)]
    done = [await ingest(engine, store, source("/d/a.txt", "apple")) for store in stores]
    assert [d.uploaded for d in done] == [1, 1]


@pytest.mark.parametrize("at_hand", [False, True])
async def test_what_was_taken_before_an_interruption_is_attached_and_a_repeat_goes_on(engine: Engine, at_hand: bool):
    store = await new_store(engine)

    async def stuck() -> AsyncIterator[Source]:
        yield replace(source("/d/a.txt", "apple"), at_hand=at_hand)
        yield replace(source("/d/b.txt", "pear"), at_hand=at_hand)
        taken.set()
        await anyio.sleep_forever()

    taken = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(engine.attach_sources, store, stuck(), AttachOptions())
        await taken.wait()
        tasks.cancel_scope.cancel()
    assert len(await file_ids(engine, store)) == 2
    sources = (source("/d/a.txt", "apple"), source("/d/b.txt", "pear"), source("/d/c.txt", "fig"))
    rest = await ingest(engine, store, *sources)
    assert (rest.uploaded, rest.unchanged) == (1, 2)
    assert len(await file_ids(engine, store)) == 3


async def test_an_empty_source_is_passed_over_with_a_note(engine: Engine):
    store = await new_store(engine)
    done = await ingest(engine, store, source("/d/empty.txt", ""), source("/d/a.txt", "apple"))
    assert done.uploaded == 1
    assert any("/d/empty.txt" in note for note in done.notes)


async def test_ingesting_into_no_store_reads_nothing(engine: Engine):
    async def unread() -> AsyncIterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    with pytest.raises(StoreNotFound):
        await ingest(engine, "vs_none", source("/d/a.txt", "apple", unread()))


# Changes


async def test_a_waiter_hears_of_a_change(engine: Engine):
    mark = await engine.changed(0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(new_store, engine)
        with anyio.fail_after(30):
            assert await engine.changed(mark) > mark


async def test_a_new_version_inherits_what_the_call_does_not_give(engine: Engine):
    store = await new_store(engine)
    old = await ingest(engine, store, source("/d/a.txt", "apple"), attributes={"team": "red"}, chunking_strategy=SMALL)
    before = await settled(engine, store, old.file_ids[0])
    new = await ingest(engine, store, source("/d/a.txt", "banana"))
    after = await settled(engine, store, new.file_ids[0])
    assert after.id != before.id
    assert (after.attributes, after.chunking_strategy) == ({"team": "red"}, before.chunking_strategy)
    other = await ingest(engine, store, source("/d/a.txt", "cherry"), attributes={"team": "blue"})
    last = await settled(engine, store, other.file_ids[0])
    assert (last.attributes, last.chunking_strategy) == ({"team": "blue"}, before.chunking_strategy)


# Notes


async def test_notes_are_those_on_the_text_that_is_searched(engine: Engine):
    """A service that does not know notes says nothing of them; none invents any."""
    sample, store = guessed(), await new_store(engine)
    file = await upload(engine, sample.data, sample.name)
    batch = await engine.create_batch(store, [FileAttach(file_id=file)])
    ended = await finished(engine, store, batch.id)
    known = (await engine.retrieve_store_file(store, file)).notes
    assert known == sample.notes or (known is None and engine.capabilities.remote)
    assert [item.notes for item in (await engine.list_store_files(store, StoreFilesRequest())).data] == [known]
    assert [item.notes for item in (await engine.list_batch_files(store, batch.id, StoreFilesRequest())).data] == [
        known
    ]
    assert (await engine.read_text(TextRequest(file, store))).notes == known
    assert [noted.notes for noted in ended.noted_files.files] == [known] if ended.noted_files else known is None

"""What the contract promises of stores, of files in them, and of batches."""

import time

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
    new_store,
    settled,
    store_ids,
    upload,
)
from support.waiting import moment
from vectorstores_server.bounds.engine import BoundedEngine
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.errors import (
    BadCursor,
    BatchNotFound,
    FileNotFound,
    FileNotInStore,
    InvalidRequest,
    NotSupported,
    StoreNotFound,
)
from vectorstores_tools.contract.requests import FileAttach, PageRequest, StoreCreate, StoreFilesRequest, StoreUpdate

BOUND = {"team": "blue"}
"""The metadata that bind the bounded engine of these tests."""


async def test_a_new_store_is_what_was_asked_for(engine: Engine):
    description = "what we read" if engine.capabilities.description else None
    made = await engine.create_store(StoreCreate(name="papers", description=description, metadata={"year": "a"}))
    for store in (made, await engine.retrieve_store(made.id)):
        assert store.object == "vector_store"
        held = {"year": "a"} | (BOUND if isinstance(engine, BoundedEngine) else {})
        assert (store.name, store.description, store.metadata) == ("papers", description, held)
        assert (store.status, store.file_counts.total, store.usage_bytes) == ("completed", 0, 0)
        assert abs(store.created_at - time.time()) < 60
        assert (store.expires_after, store.expires_at) == (None, None)


async def test_what_a_store_cannot_have_is_refused_before_it_is_made(engine: Engine):
    lacks: dict[str, dict[str, object]] = {}
    if not engine.capabilities.description:
        lacks["put it into metadata"] = {"description": "what we read"}
    if not engine.capabilities.expiry:
        lacks["delete the store when it is done"] = {"expires_after": {"anchor": "last_active_at", "days": 2}}
    for instead, fields in lacks.items():
        with pytest.raises(NotSupported, match=instead) as refused:
            await new_store(engine, **fields)
        assert refused.value.param in fields
    assert await store_ids(engine) == []


async def test_a_store_made_with_files_attaches_them(engine: Engine):
    files = [await upload(engine, f"text number {n}") for n in range(3)]
    store = await new_store(engine, file_ids=files)
    for file in files:
        assert (await settled(engine, store, file)).status == "completed"
    assert (await engine.retrieve_store(store)).file_counts.completed == 3


async def test_a_store_with_a_missing_file_is_not_made(engine: Engine):
    file = await upload(engine, "here")
    with pytest.raises(FileNotFound, match="file-none"):
        await new_store(engine, file_ids=[file, "file-none"])
    assert await store_ids(engine) == []


async def test_stores_are_listed_newest_first_unless_asked(engine: Engine):
    made = [await new_store(engine, name=str(n)) for n in range(3)]
    newest = await store_ids(engine)
    assert sorted(newest) == sorted(made)
    assert await store_ids(engine, order="asc") == newest[::-1]


async def test_a_list_is_paged_to_its_end_in_both_directions(engine: Engine):
    for n in range(5):
        await new_store(engine, name=str(n))
    everything = await store_ids(engine)
    first = await engine.list_stores(PageRequest(limit=2))
    assert (first.first_id, first.last_id, first.has_more) == (everything[0], everything[1], True)
    assert await store_ids(engine, limit=2, after=everything[1]) == everything[2:4]
    last = await engine.list_stores(PageRequest(limit=2, after=everything[3]))
    assert ([s.id for s in last.data], last.has_more) == (everything[4:], False)
    assert await store_ids(engine, limit=2, before=everything[4]) == everything[2:4]


async def test_an_empty_list_has_no_ends(engine: Engine):
    page = await engine.list_stores(PageRequest())
    assert (page.object, page.data, page.first_id, page.last_id, page.has_more) == ("list", [], None, None, False)


async def test_a_cursor_outlives_its_item_and_an_unknown_one_is_refused(engine: Engine):
    for n in range(3):
        await new_store(engine, name=str(n))
    everything = await store_ids(engine)
    await engine.delete_store(everything[1])
    if engine.capabilities.lasting_cursors:
        assert await store_ids(engine, after=everything[1]) == everything[2:]
    else:
        with pytest.raises(BadCursor):
            await store_ids(engine, after=everything[1])
    with pytest.raises(BadCursor) as refused:
        await store_ids(engine, after="vs_never")
    assert (refused.value.status, refused.value.param) == (400, "after")


async def test_an_unknown_store_is_not_found_and_a_name_is_answered_with_the_id(engine: Engine):
    store = await new_store(engine, name="papers")
    with pytest.raises(StoreNotFound, match="No vector store found with id 'vs_none'"):
        await engine.retrieve_store("vs_none")
    for call in (
        engine.retrieve_store("papers"),
        engine.delete_store("papers"),
        engine.update_store("papers", StoreUpdate(name="x")),
        engine.list_store_files("papers", StoreFilesRequest()),
        engine.retrieve_store_file("papers", "file-x"),
        engine.attach_file("papers", FileAttach(file_id="file-x")),
        engine.retrieve_batch("papers", "vsfb_x"),
    ):
        with pytest.raises(StoreNotFound, match=store):
            await call


async def test_an_update_replaces_what_was_set_and_none_clears(engine: Engine):
    if isinstance(engine, BoundedEngine):
        pytest.skip("a store of a bound token keeps the metadata that it is seen by")
    store = await new_store(engine, name="a", metadata={"k": "v"})
    changed = await engine.update_store(store, StoreUpdate(metadata={"x": "y"}))
    assert (changed.name, changed.metadata) == ("a", {"x": "y"})
    clearing = StoreUpdate(name=None, metadata=None)
    if not engine.capabilities.clear:
        with pytest.raises(NotSupported, match="give it a new value"):
            await engine.update_store(store, clearing)
        return
    cleared = await engine.update_store(store, clearing)
    assert (cleared.name, cleared.metadata) == (None, None)


async def test_expiry_is_set_and_taken_away(engine: Engine):
    if not engine.capabilities.expiry:
        pytest.skip("stores do not expire there")
    store = await new_store(engine, expires_after={"anchor": "last_active_at", "days": 2})
    kept = await engine.retrieve_store(store)
    assert kept.expires_after == {"anchor": "last_active_at", "days": 2}
    assert kept.last_active_at is not None
    assert kept.expires_at == kept.last_active_at + 2 * 24 * 3600
    assert (await engine.update_store(store, StoreUpdate(expires_after=None))).expires_at is None


async def test_a_deleted_store_is_gone_and_its_files_stay(engine: Engine):
    store = await new_store(engine)
    file = await add(engine, store, "text that stays")
    gone = await engine.delete_store(store)
    assert (gone.id, gone.object, gone.deleted) == (store, "vector_store.deleted", True)
    with pytest.raises(StoreNotFound):
        await engine.retrieve_store(store)
    assert (await engine.retrieve_file(file)).id == file


# Files in a store


async def test_an_attached_file_is_processed_and_counted(engine: Engine):
    store = await new_store(engine)
    file = await upload(engine, "a short text", "note.txt")
    first = await attach(engine, store, file, attributes={"topic": "ai", "year": 2026, "open": True, "rate": 0.5})
    assert (first.id, first.object, first.vector_store_id) == (file, "vector_store.file", store)
    done = await settled(engine, store, file)
    assert (done.status, done.last_error) == ("completed", None)
    assert done.usage_bytes > 0
    assert done.attributes == {"topic": "ai", "year": 2026, "open": True, "rate": 0.5}
    assert done.chunking_strategy == {
        "type": "static",
        "static": {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400},
    }
    counted = await engine.retrieve_store(store)
    assert (counted.file_counts.completed, counted.usage_bytes) == (1, done.usage_bytes)


async def test_attaching_again_keeps_what_is_not_given(engine: Engine):
    store = await new_store(engine)
    file = await add(engine, store, "text", attributes={"a": 1})
    again = await attach(engine, store, file)
    assert (again.status, again.attributes) == ("completed", {"a": 1})
    tagged = await attach(engine, store, file, attributes={"b": 2})
    assert (tagged.status, tagged.attributes) == ("completed", {"b": 2})


async def test_attaching_with_other_sizes_processes_again(engine: Engine):
    store = await new_store(engine)
    file = await add(engine, store, "zebra " * 300)
    await attach(engine, store, file, chunking=SMALL)
    done = await settled(engine, store, file)
    assert done.chunking_strategy is not None
    assert done.chunking_strategy["static"]["max_chunk_size_tokens"] == 100
    assert set(await found(engine, store, "zebra")) == {file}


async def test_a_file_that_cannot_be_read_fails_with_a_reason(engine: Engine):
    store = await new_store(engine)
    file = await upload(engine, NOISE, "noise.bin")
    await attach(engine, store, file)
    bad = await settled(engine, store, file)
    assert bad.status == "failed"
    assert bad.last_error is not None
    codes = ("unsupported_file", "invalid_file") if engine.capabilities.failure_codes else ("server_error",)
    assert bad.last_error.code in codes
    assert "noise.bin" in bad.last_error.message
    assert await file_ids(engine, store, filter="failed") == [file]
    assert await file_ids(engine, store, filter="completed") == []
    assert (await engine.retrieve_store(store)).status == "completed"


async def test_attributes_are_replaced_whole_and_none_clears_them(engine: Engine):
    store = await new_store(engine)
    file = await add(engine, store, "text", attributes={"a": 1, "b": 2})
    assert (await engine.update_store_file(store, file, {"c": True})).attributes == {"c": True}
    assert not (await engine.update_store_file(store, file, None)).attributes


async def test_a_detached_file_is_gone_from_the_store_and_stays_a_file(engine: Engine):
    store = await new_store(engine)
    file = await add(engine, store, "elephant")
    gone = await engine.detach_file(store, file)
    assert (gone.id, gone.object, gone.deleted) == (file, "vector_store.file.deleted", True)
    assert await file_ids(engine, store) == []
    assert await found(engine, store, "elephant") == []
    with pytest.raises(FileNotInStore):
        await engine.retrieve_store_file(store, file)
    assert (await engine.retrieve_file(file)).id == file
    await attach(engine, store, file)
    assert (await settled(engine, store, file)).status == "completed"


async def test_a_file_of_another_store_is_not_in_this_one(engine: Engine):
    store, other = await new_store(engine), await new_store(engine)
    file = await add(engine, other, "text", "report.txt")
    for call in (
        engine.retrieve_store_file(store, file),
        engine.detach_file(store, file),
        engine.update_store_file(store, file, {}),
    ):
        with pytest.raises(FileNotInStore, match=file):
            await call
    with pytest.raises(FileNotInStore, match=file):
        await engine.retrieve_store_file(other, "report.txt")


async def test_attaching_what_is_no_file_is_refused(engine: Engine):
    store = await new_store(engine)
    with pytest.raises(FileNotFound, match="No such File object: file-none"):
        await attach(engine, store, "file-none")
    assert await file_ids(engine, store) == []


async def test_a_cancelled_call_does_not_end_what_it_started(engine: Engine):
    store = await new_store(engine)
    file = await upload(engine, "text")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(attach, engine, store, file)
        with anyio.fail_after(30):
            while not await file_ids(engine, store):
                await moment()
        tasks.cancel_scope.cancel()
    assert (await settled(engine, store, file)).status == "completed"


# Batches


async def test_a_batch_attaches_its_files_and_counts_them(engine: Engine):
    store = await new_store(engine)
    good = [await upload(engine, f"text {n}", f"{n}.txt") for n in range(3)]
    bad = await upload(engine, NOISE, "noise.bin")
    requests = [FileAttach(file_id=f, attributes={"n": n}) for n, f in enumerate([*good, bad])]
    made = await engine.create_batch(store, requests)
    assert (made.object, made.vector_store_id, made.file_counts.total) == ("vector_store.files_batch", store, 4)
    done = await finished(engine, store, made.id)
    assert (done.status, done.file_counts.completed, done.file_counts.failed) == ("completed", 3, 1)
    listed = await engine.list_batch_files(store, made.id, StoreFilesRequest(filter="completed"))
    assert {f.id: f.attributes for f in listed.data} == {f: {"n": n} for n, f in enumerate(good)}
    failed = await engine.list_batch_files(store, made.id, StoreFilesRequest(filter="failed"))
    assert [f.id for f in failed.data] == [bad]
    assert failed.data[0].last_error is not None


async def test_a_batch_of_which_all_files_failed_has_failed(engine: Engine):
    store = await new_store(engine)
    bad = await upload(engine, NOISE, "noise.bin")
    batch = await engine.create_batch(store, [FileAttach(file_id=bad)])
    assert (await finished(engine, store, batch.id)).status == "failed"


async def test_a_batch_takes_one_to_two_thousand_files(engine: Engine):
    store = await new_store(engine)
    for count in (0, 2001):
        with pytest.raises(InvalidRequest, match="1 to 2000"):
            await engine.create_batch(store, [FileAttach(file_id="file-x")] * count)


async def test_a_batch_with_a_missing_file_attaches_nothing(engine: Engine):
    store = await new_store(engine)
    file = await upload(engine, "text")
    with pytest.raises(FileNotFound, match="file-none"):
        await engine.create_batch(store, [FileAttach(file_id=file), FileAttach(file_id="file-none")])
    assert await file_ids(engine, store) == []


async def test_a_batch_that_has_ended_stays_as_it_is_when_it_is_cancelled(engine: Engine):
    store = await new_store(engine)
    batch = await engine.create_batch(store, [FileAttach(file_id=await upload(engine, "text"))])
    done = await finished(engine, store, batch.id)
    assert await engine.cancel_batch(store, batch.id) == done


async def test_a_cancelled_batch_leaves_nothing_in_progress(engine: Engine):
    store = await new_store(engine)
    files = [await upload(engine, f"text {n} " * 500) for n in range(20)]
    batch = await engine.create_batch(store, [FileAttach(file_id=f) for f in files])
    if not engine.capabilities.cancel_batch:
        with pytest.raises(NotSupported, match="delete its files"):
            await engine.cancel_batch(store, batch.id)
        return
    cancelled = await engine.cancel_batch(store, batch.id)
    assert cancelled.file_counts.in_progress == 0
    assert cancelled.file_counts.completed + cancelled.file_counts.cancelled == 20
    assert await file_ids(engine, store, filter="in_progress") == []
    assert (await engine.retrieve_store(store)).status == "completed"


async def test_an_unknown_batch_is_not_found(engine: Engine):
    store = await new_store(engine)
    for call in (
        engine.retrieve_batch(store, "vsfb_none"),
        engine.cancel_batch(store, "vsfb_none"),
        engine.list_batch_files(store, "vsfb_none", StoreFilesRequest()),
    ):
        with pytest.raises(BatchNotFound, match="vsfb_none"):
            await call

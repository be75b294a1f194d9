"""The official SDK, blocking and not, is at home on /v1."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import openai
import pytest

from support.v1_client import STYLES, Sdk, sdk_of


@pytest.fixture(params=STYLES)
async def sdk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Sdk]:
    async with sdk_of(request.param, tmp_path / "data") as sdk:
        yield sdk


async def test_a_store_is_created_retrieved_updated_and_deleted(sdk: Sdk) -> None:
    stores = sdk.client.vector_stores
    expires = {"anchor": "last_active_at", "days": 7}
    made = await sdk.do(
        stores.create, name="Bees", description="What bees do", metadata={"team": "a"}, expires_after=expires
    )
    assert (made.name, made.description, made.metadata) == ("Bees", "What bees do", {"team": "a"})
    assert made.expires_at == made.last_active_at + 7 * 86_400
    again = await sdk.do(stores.retrieve, made.id)
    assert again == made

    changed = await sdk.do(stores.update, made.id, name="Wasps", metadata=None, expires_after=None)
    assert (changed.name, changed.metadata, changed.expires_after, changed.expires_at) == ("Wasps", None, None, None)
    deleted = await sdk.do(stores.delete, made.id)
    assert (deleted.id, deleted.object, deleted.deleted) == (made.id, "vector_store.deleted", True)
    with pytest.raises(openai.NotFoundError):
        await sdk.do(stores.retrieve, made.id)


async def test_pages_follow_each_other_to_the_end_in_both_orders(sdk: Sdk) -> None:
    made = [await sdk.store(name=str(n)) for n in range(5)]
    stores = sdk.client.vector_stores
    down = [store.id for store in await sdk.all(stores.list, limit=2)]
    up = [store.id for store in await sdk.all(stores.list, limit=2, order="asc")]
    assert sorted(down) == sorted(made)
    assert up == down[::-1]
    page = await sdk.do(stores.list, limit=2, before=down[4])
    assert [store.id for store in page.data] == down[2:4]


async def test_deleting_while_paging_skips_nothing(sdk: Sdk) -> None:
    made = {await sdk.store(name=str(n)) for n in range(5)}
    stores = sdk.client.vector_stores
    seen: set[str] = set()
    page = await sdk.do(stores.list, limit=2)
    while page.data:
        for store in page.data:
            seen.add(store.id)
            await sdk.do(stores.delete, store.id)
        if not page.has_next_page():
            break
        page = await sdk.do(page.get_next_page)
    assert seen == made
    assert await sdk.all(stores.list) == []


async def test_a_file_is_uploaded_attached_polled_and_found(sdk: Sdk) -> None:
    store = await sdk.store()
    files = sdk.client.vector_stores.files
    chunking = {"type": "static", "static": {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 50}}
    done = await sdk.do(
        files.upload_and_poll,
        vector_store_id=store,
        file=("bees.txt", b"Bees make honey."),
        attributes={"topic": "insects", "year": 2024, "draft": False},
        chunking_strategy=chunking,
    )
    assert done.status == "completed"
    assert done.attributes == {"topic": "insects", "year": 2024, "draft": False}
    assert done.chunking_strategy.static.max_chunk_size_tokens == 200
    assert done.usage_bytes > 0
    content = await sdk.all(files.content, done.id, vector_store_id=store)
    assert [piece.text for piece in content] == ["Bees make honey."]
    found = await sdk.all(sdk.client.vector_stores.search, store, query="who makes honey")
    assert [(hit.file_id, hit.filename, hit.content[0].text) for hit in found] == [
        (done.id, "bees.txt", "Bees make honey.")
    ]
    removed = await sdk.do(files.delete, done.id, vector_store_id=store)
    assert (removed.object, removed.deleted) == ("vector_store.file.deleted", True)
    assert (await sdk.do(sdk.client.files.retrieve, done.id)).filename == "bees.txt"


async def test_while_a_file_is_in_progress_the_reply_says_when_to_ask_again(sdk: Sdk) -> None:
    store, file = await sdk.store(), await sdk.upload("Bees make honey.")
    raw = sdk.client.vector_stores.files.with_raw_response
    attached = await sdk.do(raw.create, vector_store_id=store, file_id=file)
    assert 0 < int(attached.headers["openai-poll-after-ms"]) <= 1_000
    done = await sdk.do(sdk.client.vector_stores.files.poll, file, vector_store_id=store)
    assert done.status == "completed"
    settled = await sdk.do(raw.retrieve, file, vector_store_id=store)
    assert "openai-poll-after-ms" not in settled.headers


async def test_a_file_that_cannot_be_read_ends_as_failed_with_a_reason(sdk: Sdk) -> None:
    store = await sdk.store()
    batches, files = sdk.client.vector_stores.file_batches, sdk.client.vector_stores.files
    good, bad = await sdk.upload("Bees make honey."), await sdk.upload(" \n ", "blank.txt")
    batch = await sdk.do(batches.create_and_poll, vector_store_id=store, file_ids=[good, bad], poll_interval_ms=20)
    assert (batch.status, batch.file_counts.completed, batch.file_counts.failed) == ("completed", 1, 1)
    failed = await sdk.all(batches.list_files, batch.id, vector_store_id=store, filter="failed")
    assert [file.id for file in failed] == [bad]
    assert failed[0].last_error.code == "unsupported_file"
    assert "blank.txt" in failed[0].last_error.message
    assert [f.id for f in await sdk.all(files.list, store, filter="completed")] == [good]
    assert [f.id for f in await sdk.all(files.list, store, limit=1)] == [f.id for f in await sdk.all(files.list, store)]


async def test_a_batch_takes_files_with_attributes_of_their_own(sdk: Sdk) -> None:
    store = await sdk.store()
    entries: list[Any] = [
        {"file_id": await sdk.upload(f"Bee number {n} makes honey.", f"{n}.txt"), "attributes": {"n": n}}
        for n in range(3)
    ]
    static = {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 0}}
    entries[0]["chunking_strategy"] = static
    batches, files = sdk.client.vector_stores.file_batches, sdk.client.vector_stores.files
    batch = await sdk.do(
        batches.create_and_poll, vector_store_id=store, files=entries, attributes={"n": 99}, poll_interval_ms=20
    )
    assert batch.file_counts.completed == 3
    listed = {f.id: f for f in await sdk.all(files.list, store)}
    assert {f.attributes["n"] for f in listed.values()} == {0, 1, 2}
    sizes = [listed[entry["file_id"]].chunking_strategy.static.max_chunk_size_tokens for entry in entries]
    assert sizes == [100, 800, 800]


async def test_a_batch_of_ids_shares_its_attributes(sdk: Sdk) -> None:
    store = await sdk.store()
    ids = [await sdk.upload(f"Bee number {n}.") for n in range(2)]
    batches = sdk.client.vector_stores.file_batches
    batch = await sdk.do(batches.create, store, file_ids=ids, attributes={"topic": "bees"})
    batch = await sdk.do(batches.poll, batch.id, vector_store_id=store, poll_interval_ms=20)
    listed = await sdk.all(batches.list_files, batch.id, vector_store_id=store)
    assert [f.attributes for f in listed] == [{"topic": "bees"}] * 2


async def test_a_batch_is_uploaded_and_polled_in_one_call(sdk: Sdk) -> None:
    store = await sdk.store()
    files = [(f"{n}.md", f"# Bee {n}\n\nIt makes honey.".encode()) for n in range(4)]
    batches = sdk.client.vector_stores.file_batches
    batch = await sdk.do(batches.upload_and_poll, store, files=files, poll_interval_ms=20)
    assert (batch.status, batch.file_counts.completed) == ("completed", 4)


async def test_a_cancelled_batch_stays_as_it_ended(sdk: Sdk) -> None:
    store = await sdk.store()
    ids = [await sdk.upload(f"Bee number {n} makes honey.") for n in range(30)]
    batches = sdk.client.vector_stores.file_batches
    batch = await sdk.do(batches.create, store, file_ids=ids)
    cancelled = await sdk.do(batches.cancel, batch.id, vector_store_id=store)
    assert cancelled.status in ("cancelled", "completed")
    counts = cancelled.file_counts
    assert (counts.in_progress, counts.completed + counts.cancelled) == (0, 30)
    assert await sdk.do(batches.retrieve, batch.id, vector_store_id=store) == cancelled


async def test_a_search_filters_ranks_and_takes_several_queries(sdk: Sdk) -> None:
    store = await sdk.store()
    await sdk.add(store, "Bees make honey.", "bees.txt", attributes={"kind": "insect", "legs": 6})
    await sdk.add(store, "Bears steal honey.", "bears.txt", attributes={"kind": "mammal", "legs": 4})
    await sdk.add(store, "Granite is hard.", "granite.txt")

    async def found(query: Any, **options: Any) -> list[Any]:
        page = await sdk.do(sdk.client.vector_stores.search, store, query=query, **options)
        assert page.object == "vector_store.search_results.page"
        assert page.search_query == ([query] if isinstance(query, str) else query)
        scores = [hit.score for hit in page.data]
        assert scores == sorted(scores, reverse=True)
        assert all(0 <= score <= 1 for score in scores)
        return [hit.filename for hit in page.data]

    insects = {"type": "eq", "key": "kind", "value": "insect"}
    few_legs = {"type": "and", "filters": [{"type": "lte", "key": "legs", "value": 4}, {**insects, "type": "ne"}]}
    assert set((await found("honey"))[:2]) == {"bees.txt", "bears.txt"}
    assert await found("honey", filters=insects) == ["bees.txt"]
    assert await found("honey", filters=few_legs) == ["bears.txt"]
    assert await found("honey", filters={"type": "in", "key": "kind", "value": ["mammal"]}) == ["bears.txt"]
    assert await found("honey", max_num_results=1) in (["bees.txt"], ["bears.txt"])
    assert (await found(["granite", "bees"], rewrite_query=False))[0] in ("granite.txt", "bees.txt")
    assert await found("honey", ranking_options={"ranker": "auto", "score_threshold": 1.0}) == []
    assert len(await found("bees make honey", ranking_options={"ranker": "none"})) == 3
    weights = {"embedding_weight": 0.0, "text_weight": 1.0}
    assert (await found("granite", ranking_options={"hybrid_search": weights}))[0] == "granite.txt"


async def test_attributes_are_replaced_and_searched_at_once(sdk: Sdk) -> None:
    store = await sdk.store()
    file = await sdk.add(store, "Bees make honey.", attributes={"a": 1})
    files = sdk.client.vector_stores.files
    changed = await sdk.do(files.update, file, vector_store_id=store, attributes={"b": "x"})
    assert changed.attributes == {"b": "x"}
    search = sdk.client.vector_stores.search
    by_old = await sdk.all(search, store, query="honey", filters={"type": "eq", "key": "a", "value": 1})
    by_new = await sdk.all(search, store, query="honey", filters={"type": "eq", "key": "b", "value": "x"})
    assert (by_old, [hit.file_id for hit in by_new]) == ([], [file])
    cleared = await sdk.do(files.update, file, vector_store_id=store, attributes=None)
    assert cleared.attributes is None or cleared.attributes == {}


async def test_files_are_listed_by_purpose_downloaded_and_deleted_everywhere(sdk: Sdk) -> None:
    store = await sdk.store()
    file = await sdk.add(store, "Bees make honey.", "b\u00e4r.txt")
    other = await sdk.do(sdk.client.files.create, file=b"{}", purpose="batch")
    listed = await sdk.all(sdk.client.files.list, purpose="assistants", limit=1)
    assert [f.id for f in listed] == [file]
    assert {f.id for f in await sdk.all(sdk.client.files.list, limit=1, order="asc")} == {file, other.id}
    content = await sdk.do(sdk.client.files.content, file)
    assert content.content == b"Bees make honey."
    deleted = await sdk.do(sdk.client.files.delete, file)
    assert (deleted.id, deleted.object, deleted.deleted) == (file, "file", True)
    assert await sdk.all(sdk.client.vector_stores.files.list, store) == []


async def test_a_file_can_expire(sdk: Sdk) -> None:
    expires = {"anchor": "created_at", "seconds": 3_600}
    file = await sdk.do(sdk.client.files.create, file=b"x", purpose="user_data", expires_after=expires)
    assert file.expires_at == file.created_at + 3_600
    kept = await sdk.do(sdk.client.files.create, file=b"x", purpose="user_data")
    assert kept.expires_at is None
    batch = await sdk.do(sdk.client.files.create, file=b"{}", purpose="batch")
    assert batch.expires_at == batch.created_at + 30 * 86_400


async def test_errors_come_as_the_classes_of_the_sdk_with_code_param_and_type(sdk: Sdk) -> None:
    stores = sdk.client.vector_stores
    with pytest.raises(openai.NotFoundError) as missing:
        await sdk.do(stores.retrieve, "vs_x")
    assert (missing.value.param, missing.value.code, missing.value.type) == (
        "vector_store_id",
        None,
        "invalid_request_error",
    )
    said: Any = missing.value.body
    assert said["message"] == "No vector store found with id 'vs_x'."
    with pytest.raises(openai.BadRequestError) as wrong:
        await sdk.do(stores.list, limit=101)
    assert (wrong.value.param, wrong.value.code) == ("limit", "integer_above_max_value")
    with pytest.raises(openai.BadRequestError) as unknown:
        await sdk.do(stores.create, extra_body={"top_k": 3})
    assert (unknown.value.param, unknown.value.code) == ("top_k", "unknown_parameter")
    upload = await sdk.do(sdk.client.uploads.create, bytes=1, filename="a", mime_type="text/plain", purpose="batch")
    await sdk.do(sdk.client.uploads.cancel, upload.id)
    with pytest.raises(openai.ConflictError) as over:
        await sdk.do(sdk.client.uploads.cancel, upload.id)
    assert over.value.param == "upload_id"


async def test_an_upload_arrives_in_parts(sdk: Sdk) -> None:
    text = "".join(f"Bee number {n} makes honey.\n" for n in range(200)).encode()
    upload = await sdk.do(
        sdk.client.uploads.upload_file_chunked,
        file=text, filename="bees.txt", bytes=len(text), mime_type="text/plain", purpose="assistants", part_size=1_000,
    )  # fmt: skip
    assert (upload.status, upload.file.bytes, upload.file.filename) == ("completed", len(text), "bees.txt")
    assert (await sdk.do(sdk.client.files.content, upload.file.id)).content == text


@pytest.mark.parametrize("style", STYLES)
async def test_the_older_prefix_of_llama_stack_serves_the_same(style: Any, tmp_path: Path) -> None:
    async with sdk_of(style, tmp_path / "data", prefix="/v1/openai/v1") as sdk:
        store = await sdk.store(name="Bees")
        file = await sdk.add(store, "Bees make honey.")
        assert [f.id for f in await sdk.all(sdk.client.vector_stores.files.list, store)] == [file]
        assert [s.id for s in await sdk.all(sdk.client.vector_stores.list)] == [store]
        assert (await sdk.do(sdk.client.files.content, file)).content == b"Bees make honey."


async def test_many_clients_at_once_do_not_disturb_each_other(sdk: Sdk) -> None:
    store = await sdk.store()
    done: list[str] = []

    async def one(n: int) -> None:
        done.append(await sdk.add(store, f"Bee number {n} makes honey.", f"{n}.txt"))

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            for n in range(8):
                tasks.start_soon(one, n)
    assert {f.id for f in await sdk.all(sdk.client.vector_stores.files.list, store)} == set(done)

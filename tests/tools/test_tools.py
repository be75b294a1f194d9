"""The tools that make and change things, through the protocol."""

import anyio
import pytest

from support.clients import Caller, text_of
from support.engine_calls import PATIENCE


async def test_a_new_store_says_how_to_fill_it(caller: Caller) -> None:
    made = await caller.call("create_store", name="Notes", description="of mine", metadata={"team": "a"})
    assert (made["object"], made["name"], made["description"], made["metadata"]) == (
        "vector_store", "Notes", "of mine", {"team": "a"},
    )  # fmt: skip
    assert made["next"].startswith(f"batch_attach(vector_store_id='{made['id']}'")


async def test_a_store_of_a_name_that_is_taken_comes_with_a_note(caller: Caller) -> None:
    first = await caller.store(name="Notes")
    result = await caller.result("create_store", name="Notes")
    assert result.structured_content is not None
    assert first in " ".join(result.structured_content["notes"])
    assert first in text_of(result)


async def test_a_text_is_uploaded_attached_and_found(caller: Caller) -> None:
    store = await caller.store()
    file_id = await caller.add(store, "Cats purr when they are content.", attributes={"topic": "pets"})
    (hit,) = (await caller.call("search", query="why do cats purr"))["data"]
    assert (hit["file_id"], hit["filename"], hit["attributes"]) == (file_id, "note.txt", {"topic": "pets"})
    assert "Cats purr" in hit["text"]


async def test_a_text_without_a_suffix_is_still_text(caller: Caller) -> None:
    file = await caller.call("upload_file", text="plain words", filename="memo")
    assert (file["object"], file["filename"]) == ("file", "memo.txt")


async def test_a_path_attached_twice_is_uploaded_once(caller: Caller) -> None:
    store, path = await caller.store(), caller.write("a.md", "# A\n\nBees make honey.")
    first = await caller.call("upload_file", path=path, vector_store_id=store, wait_seconds=30)
    result = await caller.result("upload_file", path=path, vector_store_id=store, wait_seconds=30)
    assert result.structured_content is not None
    assert result.structured_content["id"] == first["id"]
    assert "unchanged" in text_of(result)
    assert len((await caller.call("list", of="files"))["data"]) == 1


async def test_an_uploaded_file_is_attached_by_its_id(caller: Caller) -> None:
    store = await caller.store()
    file = await caller.call("upload_file", text="Bees make honey.", filename="bees.txt")
    item = await caller.call("upload_file", file_id=file["id"], vector_store_id=store, wait_seconds=0)
    assert (item["object"], item["id"], item["filename"]) == ("vector_store.file", file["id"], "bees.txt")


async def test_upload_file_refuses_what_is_not_clear(caller: Caller, subtests: pytest.Subtests) -> None:
    for arguments, says in (
        ({}, "exactly one of path, text, url, file_id"),
        ({"path": "/a", "text": "b"}, "Got path and text together"),
        ({"text": "b", "attributes": {"a": 1}}, "'attributes' means nothing here"),
        ({"file_id": "file-1"}, "it needs vector_store_id"),
        ({"url": "notes.txt"}, "Use path for a file"),
        ({"path": "notes.txt"}, "notes.txt"),
        ({"path": str(caller.folder / "none.txt")}, "none.txt"),
        ({"path": "/etc/hosts"}, "/etc/hosts"),
        ({"text": "b", "vector_store_id": "vs_nothing"}, "No vector store found with id 'vs_nothing'."),
    ):
        with subtests.test(says):
            error = await caller.refused("upload_file", **arguments)
            assert says in f"{error['message']} {error['next']}"
    assert (await caller.call("list", of="files"))["data"] == []


async def test_a_folder_belongs_to_batch_attach(caller: Caller) -> None:
    caller.write("a.txt", "one")
    caller.write("b.txt", "two")
    error = await caller.refused("upload_file", path=str(caller.folder))
    assert "names 2 files" in error["message"]
    assert "batch_attach" in error["next"]


async def test_a_name_in_the_place_of_an_id_is_answered_with_the_id(caller: Caller) -> None:
    store = await caller.store(name="Notes")
    error = await caller.refused("retrieve", vector_store_id="Notes")
    assert store in error["next"]


async def test_lists_and_objects_may_come_as_json_strings(caller: Caller) -> None:
    store = await caller.store(metadata='{"team": "a"}')
    found = await caller.call("search", query='["honey", "bees"]', vector_store_id=f'["{store}"]', max_num_results="3")
    assert found["data"] == []
    assert (await caller.call("retrieve", vector_store_id=store))["metadata"] == {"team": "a"}


async def test_null_means_left_out(caller: Caller) -> None:
    store = await caller.store(name=None, metadata=None)
    assert (await caller.call("retrieve", vector_store_id=store, file_id=None))["id"] == store


async def test_a_wrong_argument_is_named(caller: Caller, subtests: pytest.Subtests) -> None:
    wrong: list[tuple[str, dict[str, object], str]] = [
        ("search", {"query": "a", "top_k": 3}, "Unknown argument 'top_k'. Did you mean max_num_results?"),
        ("search", {"query": "a", "max_num_results": 51}, "Expected a value <= 50, but got 51"),
        ("search", {"query": "x" * 8_001}, "Expected at most 8000 characters"),
        ("search", {}, "Missing required parameter: 'query'"),
        ("search", {"query": []}, "'query'"),
        ("search", {"query": 7}, "'query': expected an array, but got an integer"),
        ("search", {"query": "a", "filters": {"topic": "ai"}}, '{"type": "eq", "key": "topic", "value": "ai"}'),
        ("list", {"limit": -1}, "Expected a value >= 1, but got -1"),
        ("list", {"order": "up"}, "Invalid value for 'order': 'up'. Supported values are: 'asc' and 'desc'"),
        ("list", {"order": "\u202eup"}, "'order'"),
        ("list", {"after": "vs_never"}, "Invalid 'after'"),
        ("create_store", {"expires_after": {"anchor": "created_at", "days": 1}}, "last_active_at"),
        ("create_store", {"metadata": {"a": 1}}, "metadata"),
        ("create_store", {"metadata": "a=1"}, "expected an object"),
        ("create_store", {"chunking_strategy": {"type": "static"}}, "max_chunk_size_tokens"),
        ("create_store", {"file_ids": ["file-none"]}, "file-none"),
        ("upload_file", {"text": "a", "wait_seconds": 51}, "Expected a value <= 50"),
        ("delete", {"what": "everything"}, "'store', 'file_from_store' and 'file'"),
        ("cancel_batch", {"vector_store_id": "vs_1"}, "Missing required parameter: 'batch_id'"),
        ("retrieve", {}, "Nothing to retrieve"),
        ("retrieve", {"batch_id": "vsfb_1"}, "a batch belongs to a store"),
        ("retrieve", {"file_id": "file-0"}, "file-0"),
    ]
    for tool, arguments, says in wrong:
        with subtests.test(f"{tool}: {says}"):
            error = await caller.refused(tool, **arguments)
            assert says in f"{error['message']} {error['next']}"
    assert (await caller.call("list"))["data"] == []


async def test_update_replaces_maps_and_clears_fields(caller: Caller) -> None:
    store = await caller.store(name="A", metadata={"a": "1", "b": "2"})
    days = {"anchor": "last_active_at", "days": 3}
    changed = await caller.call(
        "update", vector_store_id=store, metadata={"c": "3"}, expires_after=days, clear=["name"]
    )
    assert (changed["name"], changed["metadata"], changed["expires_after"]) == (None, {"c": "3"}, days)
    assert changed["expires_at"] is not None
    cleared = await caller.call("update", vector_store_id=store, clear=["expires_after", "metadata"])
    assert (cleared["expires_after"], cleared["expires_at"]) == (None, None)
    assert not cleared["metadata"]


async def test_update_of_attributes_changes_what_a_filter_finds(caller: Caller) -> None:
    store = await caller.store()
    file_id = await caller.add(store, "Bees make honey.", attributes={"topic": "cars"})
    await caller.call("update", vector_store_id=store, file_id=file_id, attributes={"topic": "insects"})
    topic = {"type": "eq", "key": "topic", "value": "insects"}
    assert len((await caller.call("search", query="honey", filters=topic))["data"]) == 1
    item = await caller.call("update", vector_store_id=store, file_id=file_id, clear=["attributes"])
    assert not item["attributes"]


async def test_update_refuses_what_it_cannot_mean(caller: Caller, subtests: pytest.Subtests) -> None:
    store = await caller.store(name="A")
    for arguments, says in (
        ({}, "Nothing to change"),
        ({"attributes": {"a": 1}}, "pass file_id too"),
        ({"clear": ["attributes"]}, "A store has no attributes"),
        ({"name": "x", "clear": ["name"]}, "both given and in clear"),
        ({"file_id": "file-1", "name": "x"}, "attributes only"),
        ({"file_id": "file-1", "clear": ["name"]}, "has no name"),
    ):
        with subtests.test(says):
            error = await caller.refused("update", vector_store_id=store, **arguments)
            assert says in f"{error['message']} {error['next']}"
    assert (await caller.call("retrieve", vector_store_id=store))["name"] == "A"


async def test_what_is_in_progress_says_how_to_wait_and_waiting_ends_when_it_is_through(caller: Caller) -> None:
    store = await caller.store()
    item = await caller.call("upload_file", text="Bees make honey. " * 400, vector_store_id=store, wait_seconds=0)
    assert item["status"] == "in_progress"
    assert item["next"] == f"retrieve(vector_store_id='{store}', file_id='{item['id']}', wait_seconds=50)"
    with anyio.move_on_after(0.01):  # a call that is given up does not end the processing
        await caller.call("retrieve", vector_store_id=store, file_id=item["id"], wait_seconds=50)
    with anyio.fail_after(PATIENCE):
        done = await caller.call("retrieve", vector_store_id=store, file_id=item["id"], wait_seconds=50)
    assert done["status"] == "completed"
    assert "next" not in done


async def test_an_unknown_tool_is_an_answer(caller: Caller) -> None:
    result = await caller.result("no_such_tool")
    assert result.is_error
    assert "no_such_tool" in text_of(result)

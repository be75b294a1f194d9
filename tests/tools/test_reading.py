"""read and list, through the protocol."""

import pytest

from support.clients import Caller, text_of, unfenced
from vectorstores_tools.rendering.reply import CHARACTERS_PER_TOKEN, compact

LONG = "\n".join(f'Line {n} of a long text with a "quote" and a tab\t.' for n in range(400))


async def test_a_long_text_is_read_to_its_end_by_following_next(caller: Caller) -> None:
    store = await caller.store()
    file_id = await caller.add(store, LONG)
    arguments: dict[str, object] = {"file_id": file_id, "vector_store_id": store}
    read = ""
    for _ in range(30):
        result = await caller.result("read", **arguments, max_tokens=800)
        piece = result.structured_content
        assert piece is not None
        assert max(len(compact(piece)), len(text_of(result))) <= 800 * CHARACTERS_PER_TOKEN
        assert unfenced(piece["text"]) in text_of(result)
        read += unfenced(piece["text"])
        if "next" not in piece:
            break
        assert piece["next"].startswith(f"read(file_id='{file_id}', vector_store_id='{store}', start={piece['end']}")
        arguments |= {"start": piece["end"]}
    assert read == LONG


async def test_a_range_a_page_and_a_uri_name_the_same_text(caller: Caller) -> None:
    store = await caller.store()
    file_id = await caller.add(store, LONG)
    piece = await caller.call("read", file_id=file_id, vector_store_id=store, start=5, end=25)
    assert unfenced(piece["text"]) == LONG[5:25]
    assert (piece["start"], piece["end"], piece["total"]) == (5, 25, len(LONG))
    again = await caller.call("read", uri=piece["uri"])
    assert unfenced(again["text"]) == LONG[5:25]
    whole = await caller.call("read", uri=f"vectorstore://files/{file_id}/content", max_tokens=20_000)
    assert unfenced(whole["text"]) == LONG
    assert "next" not in whole


async def test_read_names_what_it_cannot_read(caller: Caller, subtests: pytest.Subtests) -> None:
    store = await caller.store()
    for arguments, says in (
        ({}, "Pass uri (of a hit) or file_id."),
        ({"uri": "vectorstore://a/b"}, "names nothing here"),
        ({"uri": "https://example.org"}, "names nothing here"),
        ({"uri": f"vectorstore://{store}"}, f"retrieve(vector_store_id='{store}'"),
        ({"uri": f"vectorstore://{store}/files/file-1?start=x"}, "start must be a number"),
        ({"uri": f"vectorstore://{store}/files/file-1"}, "file-1"),
        ({"file_id": "file-1", "page": 1, "start": 3}, "page names the place already"),
        ({"file_id": "file-1", "start": 3, "end": 3}, "3 is not after start 3"),
        ({"file_id": "file-1", "uri": "vectorstore://a/files/b"}, "uri names the file already"),
    ):
        with subtests.test(says):
            error = await caller.refused("read", **arguments)
            assert says in f"{error['message']} {error['next']}"


async def test_lists_are_paged_to_the_end_in_both_directions(caller: Caller) -> None:
    for n in range(5):
        await caller.store(name=f"S{n}")
    ids = [item["id"] for item in (await caller.call("list"))["data"]]
    first = await caller.call("list", limit=2)
    assert [item["id"] for item in first["data"]] == ids[:2]
    assert (first["first_id"], first["last_id"], first["has_more"]) == (ids[0], ids[1], True)
    assert first["next"] == f"the same call with after='{ids[1]}'"
    second = await caller.call("list", limit=2, after=first["last_id"])
    assert [item["id"] for item in second["data"]] == ids[2:4]
    back = await caller.call("list", limit=2, before=second["first_id"])
    assert [item["id"] for item in back["data"]] == ids[:2]
    last = await caller.call("list", limit=2, after=second["last_id"])
    assert ([item["id"] for item in last["data"]], last["has_more"]) == (ids[4:], False)
    oldest = await caller.call("list", limit=1, order="asc")
    assert oldest["data"][0]["id"] == ids[-1]


async def test_a_list_shows_a_stores_files_by_status_and_a_batchs_files(caller: Caller) -> None:
    store = await caller.store()
    good = await caller.add(store, "Words.", "good.txt", attributes={"a": 1})
    bad = await caller.call("upload_file", text=" ", filename="blank.txt")
    batch = await caller.call("batch_attach", vector_store_id=store, file_ids=[bad["id"]], wait_seconds=50)
    failed = await caller.call("list", vector_store_id=store, filter="failed")
    assert [item["id"] for item in failed["data"]] == [bad["id"]]
    assert failed["data"][0]["last_error"]["code"] == "unsupported_file"
    of_batch = await caller.call("list", vector_store_id=store, batch_id=batch["id"])
    assert [item["id"] for item in of_batch["data"]] == [bad["id"]]
    text = await caller.text("list", vector_store_id=store)
    assert f"{good} completed" in text
    assert 'attributes={"a":1}' in text


async def test_an_empty_list_says_what_to_do(caller: Caller, subtests: pytest.Subtests) -> None:
    result = await caller.result("list")
    assert result.structured_content is not None
    assert (result.structured_content["first_id"], result.structured_content["last_id"]) == (None, None)
    assert "create_store" in text_of(result)
    store = await caller.store()
    for arguments, says in (
        ({"of": "files"}, "upload_file"),
        ({"vector_store_id": store}, "batch_attach"),
        ({"vector_store_id": store, "filter": "failed"}, "leave out filter"),
    ):
        with subtests.test(says):
            assert says in await caller.text("list", **arguments)


async def test_list_refuses_what_does_not_go_together(caller: Caller, subtests: pytest.Subtests) -> None:
    store = await caller.store()
    for arguments, says in (
        ({"batch_id": "vsfb_1"}, "batch_id needs vector_store_id"),
        ({"of": "stores", "vector_store_id": store}, "exclude each other"),
        ({"filter": "failed"}, "only a store's files have a status"),
        ({"filters": {"type": "eq", "key": "a", "value": 1}}, "only a store's files have a status and attributes"),
        ({"vector_store_id": store, "filters": {"topic": "ai"}}, "A filter needs 'type'"),
        ({"after": "nothing", "vector_store_id": store}, "Invalid 'after'"),
    ):
        with subtests.test(says):
            assert says in (await caller.refused("list", **arguments))["message"]


async def test_a_list_shows_the_files_that_a_filter_chooses(caller: Caller) -> None:
    store = await caller.store()
    for name, topic in (("a.md", "ai"), ("b.txt", "ai"), ("c.md", "tea")):
        await caller.add(store, f"About {name}.", name, attributes={"topic": topic})

    async def named(type: str, key: str, value: object) -> list[str]:
        filters = {"type": type, "key": key, "value": value}
        found = await caller.call("list", vector_store_id=store, filters=filters)
        return sorted(file["filename"] for file in found["data"])

    assert await named("eq", "topic", "ai") == ["a.md", "b.txt"]
    assert await named("eq", "$type", ".MD") == ["a.md", "c.md"]
    assert await named("prefix", "$filename", "b") == ["b.txt"]
    assert await named("gte", "$added_at", 1) == ["a.md", "b.txt", "c.md"]
    assert await named("gte", "$modified_at", 1) == [], "what was sent as text has no time of its own"
    nothing = await caller.call("list", vector_store_id=store, filters={"type": "eq", "key": "topic", "value": "x"})
    assert "leave them out to see what there is to filter by" in nothing["message"]

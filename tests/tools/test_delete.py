"""delete, and the question that goes before it, in both eras."""

from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client import ClientRequestContext
from mcp.types import METHOD_NOT_FOUND, ElicitRequestParams, ElicitResult, ErrorData

from support.clients import Caller, Era, connected, text_of
from vectorstores_tools.contract.engine import Engine


class Person:
    """Answers what the client asks, and keeps the questions."""

    def __init__(self, **answer: Any) -> None:
        self.answer = ElicitResult(**answer)
        self.asked: list[str] = []

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        self.asked.append(params.message)
        return self.answer


async def test_without_a_way_to_ask_it_takes_confirm_and_says_what_would_be_lost(caller_of_era: Caller) -> None:
    caller = caller_of_era
    store = await caller.store(name="Notes")
    error = await caller.refused("delete", what="store", vector_store_id=store)
    assert error["code"] == "confirmation_required"
    assert f"vector store {store} 'Notes' and its index of 0 files" in error["message"]
    assert error["next"] == f"Ask the user, then call delete(what='store', vector_store_id='{store}', confirm=true)."
    assert (await caller.call("retrieve", vector_store_id=store))["id"] == store
    gone = await caller.call("delete", what="store", vector_store_id=store, confirm=True)
    assert (gone["id"], gone["object"], gone["deleted"]) == (store, "vector_store.deleted", True)
    assert (await caller.call("list"))["data"] == []


async def test_a_file_leaves_one_store_or_all_of_them(caller: Caller) -> None:
    store, other = await caller.store(), await caller.store()
    file_id = await caller.add(store, "Bees make honey.")
    await caller.call("upload_file", file_id=file_id, vector_store_id=other, wait_seconds=0)
    gone = await caller.call("delete", what="file_from_store", vector_store_id=store, file_id=file_id)
    assert gone["object"] == "vector_store.file.deleted"
    assert (await caller.call("list", vector_store_id=store))["data"] == []
    error = await caller.refused("delete", what="file", file_id=file_id)
    assert "note.txt" in error["message"]
    await caller.call("delete", what="file", file_id=file_id, confirm=True)
    assert (await caller.call("list", vector_store_id=other))["data"] == []
    assert (await caller.call("list", of="files"))["data"] == []


async def test_ids_that_do_not_fit_delete_nothing(caller: Caller, subtests: pytest.Subtests) -> None:
    store = await caller.store()
    file_id = (await caller.call("upload_file", text="a"))["id"]
    for arguments, says in (
        ({"what": "store"}, "needs vector_store_id"),
        ({"what": "store", "vector_store_id": store, "file_id": file_id}, "takes vector_store_id alone"),
        ({"what": "file", "vector_store_id": store, "file_id": file_id}, "what='file_from_store'"),
        ({"what": "file_from_store", "file_id": file_id}, "needs vector_store_id and file_id"),
        ({"what": "store", "vector_store_id": "vs_nothing"}, "vs_nothing"),
    ):
        with subtests.test(says):
            assert says in (await caller.refused("delete", confirm=True, **arguments))["message"]
    assert len((await caller.call("list"))["data"]) == 1
    assert len((await caller.call("list", of="files"))["data"]) == 1


async def test_a_person_who_can_be_asked_is_always_asked(engine: Engine, era: Era, tmp_path: Path) -> None:
    person = Person(action="accept", content={"confirm": True})
    async with connected(engine, era, tmp_path / "files", elicitation_callback=person) as caller:
        store = await caller.store(name="Notes")
        file_id = (await caller.call("upload_file", text="a", vector_store_id=store, wait_seconds=0))["id"]
        await caller.call("delete", what="file_from_store", vector_store_id=store, file_id=file_id)
        assert person.asked == []
        await caller.call("delete", what="store", vector_store_id=store, confirm=True)
        assert person.asked == [f"Delete vector store {store} 'Notes' and its index of 0 files? This cannot be undone."]
        assert (await caller.call("list"))["data"] == []
        error = await caller.refused("delete", what="store", vector_store_id=store)
        assert store in error["message"]
        assert len(person.asked) == 1


@pytest.mark.parametrize(
    "answer", [{"action": "decline"}, {"action": "cancel"}, {"action": "accept", "content": {"confirm": False}}]
)
async def test_what_a_person_declines_stays(engine: Engine, era: Era, tmp_path: Path, answer: dict[str, Any]) -> None:
    async with connected(engine, era, tmp_path / "files", elicitation_callback=Person(**answer)) as caller:
        store = await caller.store()
        result = await caller.result("delete", what="store", vector_store_id=store, confirm=True)
        assert result.structured_content is not None
        assert not result.is_error
        assert (result.structured_content["id"], result.structured_content["deleted"]) == (store, False)
        assert "The user declined. Nothing was deleted." in text_of(result)
        assert (await caller.call("retrieve", vector_store_id=store))["id"] == store


@pytest.mark.parametrize("failure", ["refuses", "nonsense", "empty"])
async def test_a_client_that_fails_to_answer_is_one_that_cannot_be_asked(
    engine: Engine, era: Era, tmp_path: Path, failure: str
) -> None:
    async def fail(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult | ErrorData:
        if failure == "refuses":
            return ErrorData(code=METHOD_NOT_FOUND, message="Method not found")
        return ElicitResult(action="accept", content={"confirm": "banana"} if failure == "nonsense" else None)

    if failure == "refuses" and era == "auto":
        return  # such a client ends the call itself: there is no second try
    async with connected(engine, era, tmp_path / "files", elicitation_callback=fail) as caller:
        store = await caller.store(name="Notes")
        error = await caller.refused("delete", what="store", vector_store_id=store)
        assert error["code"] == "confirmation_required"
        assert (await caller.call("delete", what="store", vector_store_id=store, confirm=True))["deleted"]


async def test_a_client_that_keeps_silent_is_one_that_cannot_be_asked(local_engine: Engine, tmp_path: Path) -> None:
    async def keep_silent(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        await anyio.sleep_forever()
        raise AssertionError

    async with connected(local_engine, "legacy", tmp_path / "files", elicitation_callback=keep_silent) as caller:
        store = await caller.store(name="Notes")
        with anyio.fail_after(15):
            assert (await caller.call("delete", what="store", vector_store_id=store, confirm=True))["deleted"]

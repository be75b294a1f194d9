"""What a new version of a file keeps of the one before it, by every way of attaching it again."""

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from support.clients import Caller
from support.engine_calls import below, ingest, new_store, settled
from vectorstores_tools.contract.engine import Engine

SIZES = {"type": "static", "static": {"max_chunk_size_tokens": 300, "chunk_overlap_tokens": 0}}
Call: TypeAlias = tuple[str, dict[str, Any]]
WAYS: dict[str, Callable[[str], Call]] = {
    "batch_attach": lambda path: ("batch_attach", {"paths": [path]}),
    "batch_attach of the folder": lambda path: ("batch_attach", {"paths": [path.rpartition("/")[0]]}),
    "upload_file": lambda path: ("upload_file", {"path": path}),
}


@pytest.mark.parametrize("again", WAYS)
@pytest.mark.parametrize("first", WAYS)
async def test_attributes_and_sizes_stay_whichever_way_a_changed_file_comes_in(
    caller: Caller, first: str, again: str
) -> None:
    store = await caller.store()
    path = caller.write("p.txt", "The walrus rests.")
    tool, arguments = WAYS[first](path)
    kept = {"attributes": {"team": "red"}, "chunking_strategy": SIZES}
    await caller.call(tool, vector_store_id=store, wait_seconds=50, **arguments, **kept)
    (before,) = (await caller.call("list", vector_store_id=store))["data"]
    caller.write("p.txt", "The gannet dives.")
    tool, arguments = WAYS[again](path)
    await caller.call(tool, vector_store_id=store, wait_seconds=50, **arguments)
    (after,) = (await caller.call("list", vector_store_id=store))["data"]
    assert after["id"] != before["id"]
    assert (after["attributes"], after["chunking_strategy"]) == ({"team": "red"}, SIZES)
    assert after["path"] == before["path"]


async def test_what_was_changed_since_is_what_stays(engine: Engine) -> None:
    store = await new_store(engine)
    old = await ingest(engine, store, below("/d", "/d/a.txt", "apple"), attributes={"team": "red"})
    await settled(engine, store, old.file_ids[0])
    await engine.update_store_file(store, old.file_ids[0], {"team": "blue", "n": 1})
    new = await ingest(engine, store, below("/d", "/d/a.txt", "banana"))
    assert (await settled(engine, store, new.file_ids[0])).attributes == {"team": "blue", "n": 1}


async def test_a_version_that_failed_hands_on_what_it_had(engine: Engine) -> None:
    store = await new_store(engine)
    for text in ("apple", " \n ", "cherry"):
        given = {"attributes": {"team": "red"}} if text == "apple" else {}
        done = await ingest(engine, store, below("/d", "/d/a.txt", text), **given)
        last = await settled(engine, store, done.file_ids[0])
    assert (last.status, last.attributes) == ("completed", {"team": "red"})

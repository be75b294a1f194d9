"""Old addresses: a uri of a version that was replaced answers with what replaced it."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.clients import Caller, connected, text_of
from support.engine_calls import ingest, new_store, settled, source, until
from support.v1_client import change
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.engines.local.files.content import nearest
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_tools.contract import uris
from vectorstores_tools.contract.engine import TextRequest
from vectorstores_tools.contract.errors import FileNotInStore

QUOTE = "Refunds are possible within fourteen days."


async def version(engine: LocalEngine, store: str, text: str) -> str:
    """Attach a version of the one source, and wait until it is the only one."""
    (file,) = (await ingest(engine, store, source("/d/handbook.md", text))).file_ids
    await settled(engine, store, file)

    async def alone() -> bool:
        return (await engine.retrieve_store(store)).file_counts.total == 1

    await until(engine, alone)
    return file


def asked(store: str, file: str, text: str) -> TextRequest:
    start = text.index(QUOTE)
    return TextRequest(file, store, start=start, end=start + len(QUOTE))


async def test_a_replaced_version_answers_with_the_same_words_where_they_stand_now(local_engine: LocalEngine) -> None:
    store = await new_store(local_engine)
    before = f"Hours: nine to five. {QUOTE} Ask at the desk."
    old = await version(local_engine, store, before)
    for after in (f"A new preface. Hours: nine to five. {QUOTE}", f"{QUOTE} And parcels."):  # and again by a third
        new = await version(local_engine, store, after)
        part = await local_engine.read_text(asked(store, old, before))
        assert (part.file_id, part.superseded_by, part.same_words) == (new, new, True)
        assert (part.text, part.start) == (QUOTE, after.index(QUOTE))


async def test_words_of_a_replaced_version_are_those_of_the_text_that_the_address_counts_in(
    local_engine: LocalEngine, tmp_path: Path
) -> None:
    store = await new_store(local_engine)
    before = f"Hours: nine to five. {QUOTE} Ask at the desk."
    older = f"Left out by parsers of today. {before}"
    old = await version(local_engine, store, before)
    digest = hashlib.sha256(before.encode()).hexdigest()
    (tmp_path / "data" / "text" / f"{digest}.vs-1").write_bytes(Document(older).dumps())
    await version(local_engine, store, f"A new preface. {QUOTE}")
    for text in (before, older):
        part = await local_engine.read_text(replace(asked(store, old, text), text_id=uris.text_id(text)))
        assert (part.text, part.same_words) == (QUOTE, True)
    part = await local_engine.read_text(replace(asked(store, old, before), text_id="0" * 8))
    assert (part.same_words, part.start) == (False, 0)


async def test_words_that_are_gone_are_answered_with_the_file(local_engine: LocalEngine) -> None:
    store = await new_store(local_engine)
    old = await version(local_engine, store, f"Hours. {QUOTE}")
    new = await version(local_engine, store, "No refunds any more, we are sorry to say; ask at the desk.")
    part = await local_engine.read_text(asked(store, old, f"Hours. {QUOTE}"))
    assert (part.superseded_by, part.same_words, part.start) == (new, False, 0)
    assert part.text.startswith("No refunds any more")


async def test_an_old_address_is_forgotten_after_a_week_and_with_its_successor(
    local_engine: LocalEngine, tmp_path: Path
) -> None:
    store = await new_store(local_engine)
    old = await version(local_engine, store, QUOTE)
    new = await version(local_engine, store, f"{QUOTE} Really.")
    assert (await local_engine.read_text(asked(store, old, QUOTE))).superseded_by == new
    change(tmp_path / "data", "UPDATE tombstone SET gone_at = gone_at - 7 * 24 * 3600 + 100")
    assert (await local_engine.read_text(asked(store, old, QUOTE))).superseded_by == new
    change(tmp_path / "data", "UPDATE tombstone SET gone_at = gone_at - 200")
    with pytest.raises(FileNotInStore):
        await local_engine.read_text(asked(store, old, QUOTE))
    change(tmp_path / "data", "UPDATE tombstone SET gone_at = gone_at + 7 * 24 * 3600")
    await local_engine.detach_file(store, new)
    with pytest.raises(FileNotInStore):
        await local_engine.read_text(asked(store, old, QUOTE))


async def test_read_and_resources_name_what_replaced_the_file(local_engine: LocalEngine, tmp_path: Path) -> None:
    async with connected(local_engine, "auto", tmp_path / "files") as caller:
        store = await caller.store()
        old, uri = await attached(caller, store, f"Hours. {QUOTE}")
        new, _ = await attached(caller, store, f"A preface. Hours. {QUOTE}")
        result = await caller.result("read", uri=uri)
        assert result.structured_content is not None
        assert result.structured_content["superseded_by"] == new != old
        assert result.structured_content["text"].count(QUOTE) == 1
        assert result.structured_content["uri"].startswith(uris.file(store, new))
        assert f"The file was replaced by {new}; the passage stands in it." in text_of(result)
        (content,) = (await caller.client.read_resource(uri)).contents
        assert f"[The file was replaced by {uris.file(store, new)}; the passage stands in it.]" in str(content)


async def attached(caller: Caller, store: str, text: str) -> tuple[str, str]:
    """Attach a version of one path; return its id and the address of a hit in it."""
    path = caller.write("handbook.md", text)
    await caller.call("batch_attach", vector_store_id=store, paths=[str(path)], wait_seconds=50)
    (hit,) = (await caller.call("search", query="refunds", vector_store_id=store))["data"]
    return hit["file_id"], hit["uri"]


@given(st.text("ab", max_size=12), st.text("ab", min_size=1, max_size=3), st.integers(0, 12))
def test_of_several_places_the_nearest_is_taken(text: str, quoted: str, place: int) -> None:
    places = [start for start in range(len(text)) if text.startswith(quoted, start)]
    found = nearest(text, quoted, place)
    assert (found is None) == (not places)
    if found is not None:
        assert found in places
        assert abs(found - place) == min(abs(start - place) for start in places)

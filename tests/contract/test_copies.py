"""Hits that show the same text are one, which names where else the text stands, whatever the engine."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.engine_calls import add, found, new_store, search
from vectorstores_tools.contract.copies import comparable, folded
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.models import COPIES_SHOWN, Copies, SearchHit, TextContent

LAMP = "The keeper lights the lamp at dusk."
OTHERS = {
    "oil.txt": "The lamp burns a litre of oil each night.",
    "glass.txt": "The glass of the lamp is cleaned on Fridays.",
}

texts = st.sampled_from(["", "one", " one\n", "\uff4fne", "o\u200bne", "two", "two words", "two\u00a0 words", "One"])
hits = st.lists(
    st.builds(
        SearchHit,
        file_id=st.uuids().map(str),
        content=texts.map(lambda text: [TextContent(text=text)]),
    ),
    max_size=12,
)


def shown(hit: SearchHit) -> str:
    return hit.content[0].text


@given(hits)
def test_no_hit_is_lost_and_no_two_show_the_same_text(given_hits: list[SearchHit]) -> None:
    kept = folded(given_hits)
    counted = sum(1 + (hit.also_in or Copies()).total for hit in kept)
    assert counted == len(given_hits)
    keys = [comparable(shown(hit)) for hit in kept if shown(hit)]
    assert len(keys) == len(set(keys))
    assert [hit.file_id for hit in kept] == [
        hit.file_id for hit in given_hits if hit.file_id in {k.file_id for k in kept}
    ]
    for hit in kept:
        copies = (hit.also_in or Copies(total=0)).files
        assert len(copies) <= COPIES_SHOWN
        of = {other.file_id: comparable(shown(other)) for other in given_hits}
        assert {of[copy.file_id] for copy in copies} <= {of[hit.file_id]}


@given(hits, hits)
def test_folding_twice_is_folding_once(first: list[SearchHit], second: list[SearchHit]) -> None:
    """Of each store, and of all of them."""
    once = {comparable(shown(hit)): (hit.also_in or Copies()).total for hit in folded(first + second) if shown(hit)}
    twice = folded(folded(first) + folded(second))
    assert {comparable(shown(hit)): (hit.also_in or Copies()).total for hit in twice if shown(hit)} == once


@given(st.text(max_size=40))
def test_copies_that_a_reader_cannot_tell_apart_are_equal(text: str) -> None:
    assert comparable(unicodedata.normalize("NFD", text)) == comparable(unicodedata.normalize("NFC", text))
    assert comparable(f"\n {text}\t") == comparable(text)


async def test_files_of_one_text_are_one_hit_and_the_count_is_of_different_texts(engine: Engine) -> None:
    store = await new_store(engine)
    copies = [await add(engine, store, f"{LAMP}{' ' * number}", f"copy{number}.txt") for number in range(3)]
    others = [await add(engine, store, text, name) for name, text in OTHERS.items()]
    page = await search(engine, store, "who lights the lamp", fold=True, max_num_results=3)
    best, *rest = page.data
    assert {hit.file_id for hit in rest} == set(others)
    assert best.also_in is not None
    assert best.also_in.total == 2
    assert {best.file_id, *(copy.file_id for copy in best.also_in.files)} == set(copies)
    assert {copy.filename for copy in best.also_in.files} < {"copy0.txt", "copy1.txt", "copy2.txt"}


async def test_without_being_asked_to_fold_no_file_vanishes(engine: Engine) -> None:
    store = await new_store(engine)
    copies = [await add(engine, store, LAMP, f"copy{number}.txt") for number in range(3)]
    assert set(await found(engine, store, "who lights the lamp")) == set(copies)


@pytest.mark.parametrize("wanted", [1, 2])
async def test_of_many_copies_five_are_named_and_all_counted(engine: Engine, wanted: int) -> None:
    store = await new_store(engine)
    for number in range(8):
        await add(engine, store, LAMP, f"copy{number}.txt")
    page = await search(engine, store, "who lights the lamp", fold=True, max_num_results=wanted)
    [hit] = page.data
    if engine.capabilities.remote and wanted == 1:
        return  # a service that was asked for one hit does not tell of the others
    assert hit.also_in is not None
    assert (hit.also_in.total, len(hit.also_in.files)) == (7, COPIES_SHOWN)

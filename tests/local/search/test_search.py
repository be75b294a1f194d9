from pathlib import Path

import pytest

from support.local import SMALL_CHUNKS, Words, add, opened, search, settled, store, upload
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_tools.contract.errors import InvalidRequest, StoreNotFound
from vectorstores_tools.contract.filters import parse_filter
from vectorstores_tools.contract.requests import FileAttach

FOX = "The quick brown fox jumps over the lazy dog."
WHALE = "Whales are mammals that live in the sea and breathe air."
BREAD = "Bread needs flour, water, salt and time to rise."


def chapters(count: int) -> str:
    """Sections of about a hundred tokens, each about one thing that no other names."""
    return "\n\n".join(f"# Part {i}\n\n" + f"The thing called item{i} is described here. " * 8 for i in range(count))


async def test_a_hit_cites_the_place_it_stands_at(local_engine: LocalEngine):
    id = await store(local_engine)
    text = chapters(5)
    file = await add(local_engine, id, text, "guide.md", attributes={"topic": "items"}, chunking_strategy=SMALL_CHUNKS)
    page = await search(local_engine, id, "item3")
    hit = page.data[0]
    assert (hit.file_id, hit.filename, hit.vector_store_id) == (file, "guide.md", id)
    assert hit.attributes == {"topic": "items"}
    assert hit.heading_path == ["Part 3"]
    assert hit.chars is not None
    assert hit.lines is not None
    start, end = hit.chars
    assert hit.content[0].text == text[start:end]
    assert "item3" in hit.content[0].text
    assert hit.lines == (text[:start].count("\n") + 1, text[:end].count("\n") + 1)
    assert hit.matches
    assert all(start <= a < b <= end for a, b in hit.matches)


async def test_the_score_is_the_weighted_sum_of_its_parts(local_engine: LocalEngine):
    id = await store(local_engine)
    for text in (FOX, WHALE, BREAD):
        await add(local_engine, id, text)
    hits = (await search(local_engine, id, "the quick fox")).data
    assert len(hits) == 3
    for hit in hits:
        assert hit.vector_score is not None
        assert hit.text_score is not None
        assert hit.score == pytest.approx(0.45 * hit.vector_score + 0.55 * hit.text_score, abs=1e-6)
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
    assert 0 < hits[0].score <= 1


async def test_without_vectors_words_are_searched_and_the_answer_says_so(tmp_path: Path):
    async with opened(tmp_path) as engine:
        id = await store(engine)
        await add(engine, id, FOX)
        page = await search(engine, id, "fox")
        assert page.data[0].vector_score is None
        assert "vector-stores-mcp model install" in page.notes[0]


async def test_an_embedder_that_the_store_does_not_have_is_not_used(tmp_path: Path):
    async with opened(tmp_path, Words(32)) as engine:
        id = await store(engine)
        await add(engine, id, FOX)
    async with opened(tmp_path, Words(16)) as engine:
        page = await search(engine, id, "fox")
        assert page.data[0].vector_score is None
        assert "words/32" in page.notes[0]
        assert "reindex" in page.notes[0]


async def test_ranker_none_orders_by_cosine(local_engine: LocalEngine):
    id = await store(local_engine)
    for text in (FOX, WHALE, BREAD):
        await add(local_engine, id, text)
    page = await search(local_engine, id, "whales are mammals", ranking_options={"ranker": "none"})
    assert page.data[0].content[0].text == WHALE
    assert [h.score for h in page.data] == [h.vector_score for h in page.data]


async def test_several_queries_give_each_passage_its_best_score(local_engine: LocalEngine):
    id = await store(local_engine)
    for text in (FOX, WHALE, BREAD):
        await add(local_engine, id, text)
    both = {h.file_id: h.score for h in (await search(local_engine, id, "quick fox", "flour and salt")).data}
    fox = {h.file_id: h.score for h in (await search(local_engine, id, "quick fox")).data}
    bread = {h.file_id: h.score for h in (await search(local_engine, id, "flour and salt")).data}
    # A store that is asked again is searched in memory, whose sums differ in the seventh digit.
    assert both == pytest.approx({file: max(fox[file], bread[file]) for file in both}, abs=1e-6)


async def test_passages_of_one_chunk_are_one_hit(local_engine: LocalEngine):
    id = await store(local_engine)
    await add(local_engine, id, chapters(4))
    hits = (await search(local_engine, id, "thing described here")).data
    assert len(hits) == 1
    assert hits[0].matches
    assert len(hits[0].matches) > 1


async def test_a_threshold_removes_hits_and_says_how_many_and_the_best(local_engine: LocalEngine):
    id = await store(local_engine)
    for text in (FOX, WHALE):
        await add(local_engine, id, text)
    everything = (await search(local_engine, id, "fox")).data
    page = await search(local_engine, id, "fox", ranking_options={"score_threshold": everything[1].score + 1e-6})
    assert [h.file_id for h in page.data] == [everything[0].file_id]
    assert page.below_threshold == 1
    assert page.best_below == pytest.approx(everything[1].score)


async def test_an_empty_store_and_a_filter_that_matches_nothing_are_told_apart(local_engine: LocalEngine):
    id = await store(local_engine)
    page = await search(local_engine, id, "fox")
    assert (page.data, page.store_files, page.files) == ([], 0, 0)
    await add(local_engine, id, FOX, attributes={"lang": "en"})
    page = await search(local_engine, id, "fox", filters=parse_filter({"type": "eq", "key": "lang", "value": "de"}))
    assert (page.data, page.store_files, page.files) == ([], 1, 0)


async def test_only_files_that_match_the_filter_are_found(local_engine: LocalEngine):
    id = await store(local_engine)
    kept = await add(local_engine, id, FOX, attributes={"year": 2024})
    await add(local_engine, id, FOX + " Again.", attributes={"year": 2020})
    page = await search(local_engine, id, "fox", filters=parse_filter({"type": "gt", "key": "year", "value": 2022}))
    assert [h.file_id for h in page.data] == [kept]
    assert (page.store_files, page.files) == (2, 1)


async def test_changed_attributes_count_at_once(local_engine: LocalEngine):
    id = await store(local_engine)
    file = await add(local_engine, id, FOX, attributes={"year": 2020})
    await local_engine.update_store_file(id, file, {"year": 2024})
    page = await search(local_engine, id, "fox", filters=parse_filter({"type": "eq", "key": "year", "value": 2024}))
    assert page.data[0].attributes == {"year": 2024}


async def test_a_detached_file_is_not_found_any_more(local_engine: LocalEngine):
    id = await store(local_engine)
    file = await add(local_engine, id, FOX)
    await local_engine.detach_file(id, file)
    assert (await search(local_engine, id, "fox")).data == []


async def test_a_failed_file_is_counted_as_not_searched(local_engine: LocalEngine):
    id = await store(local_engine)
    await local_engine.attach_file(
        id, FileAttach(file_id=await upload(local_engine, b"\x00\x01\x02" * 100, "noise.txt"))
    )
    await settled(local_engine, id)
    page = await search(local_engine, id, "fox")
    assert page.not_searched is not None
    assert page.not_searched.failed == 1


async def test_an_identifier_is_found_by_its_parts(local_engine: LocalEngine):
    id = await store(local_engine)
    file = await add(local_engine, id, "def open_engine(settings): return LocalEngine(settings)", "engines.py")
    await add(local_engine, id, BREAD)
    for query in ("local local_engine", "open_engine", "LocalEngine"):
        assert (await search(local_engine, id, query)).data[0].file_id == file


async def test_more_hits_than_asked_for_are_not_returned(local_engine: LocalEngine):
    id = await store(local_engine)
    await add(local_engine, id, chapters(12), chunking_strategy=SMALL_CHUNKS)
    page = await search(local_engine, id, "thing described", max_num_results=4)
    assert len(page.data) == 4


async def test_an_unknown_store_is_not_found(local_engine: LocalEngine):
    with pytest.raises(StoreNotFound):
        await search(local_engine, "vs_000000000000000000000000", "fox")


async def test_rewriting_is_refused_with_what_to_do(local_engine: LocalEngine):
    with pytest.raises(InvalidRequest, match="send several queries"):
        await search(local_engine, await store(local_engine), "fox", rewrite_query=True)


async def test_a_filter_changes_no_score_in_a_small_store(tmp_path: Path):
    async with opened(tmp_path) as engine:
        id = await store(engine)
        for text, kind in (("a fox and a hen", "wild"), ("a fox in the snow", "wild"), ("bread and butter", "food")):
            await add(engine, id, text, attributes={"kind": kind})
        free = {hit.file_id: hit.score for hit in (await search(engine, id, "fox snow")).data}
        narrow = await search(
            engine, id, "fox snow", filters=parse_filter({"type": "eq", "key": "kind", "value": "wild"})
        )
        assert len(narrow.data) == 2
        assert {hit.file_id: hit.score for hit in narrow.data} == {
            hit.file_id: free[hit.file_id] for hit in narrow.data
        }


async def test_of_equal_scores_the_newest_file_comes_first(engine: LocalEngine):
    id = await store(engine)
    files = [await add(engine, id, FOX, f"{name}.md") for name in "abc"]
    await add(engine, id, WHALE, "w.md")
    page = await search(engine, id, "quick fox", ranking_options={"ranker": "none"})
    hits = [hit for hit in page.data if hit.file_id in files]
    assert len({hit.score for hit in hits}) == 1
    assert [hit.file_id for hit in hits] == [files[2], files[1], files[0]]


async def test_another_text_is_found_behind_more_copies_than_a_search_looks_at(local_engine: LocalEngine):
    id = await store(local_engine)
    copy = "\n\n".join(["The red fox."] * 8)
    for number in range(12):
        await add(local_engine, id, copy, f"{number}.md", chunking_strategy=SMALL_CHUNKS)
    other = await add(
        local_engine, id, "A fox, said to be somewhere among all that is told of others here.", "other.md"
    )
    page = await search(local_engine, id, "red fox", fold=True, max_num_results=2)
    assert len(page.data) == 2
    assert page.data[1].file_id == other
    assert page.data[0].also_in is not None
    assert page.data[0].also_in.total >= 11

"""What the contract promises of searching."""

from pathlib import Path

import pytest

from support.engine_calls import NOISE, SMALL, add, attach, file_ids, found, new_store, search, settled, upload
from support.remotes import over
from support.v1_client import change
from vectorstores_tools.contract import filters
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.errors import NotSupported, StoreNotFound
from vectorstores_tools.contract.requests import FileAttach, StoreFilesRequest

TEXTS = {
    "cats.txt": "Cats sleep sixteen hours a day and purr when they are content.",
    "dogs.txt": "Dogs bark at strangers and fetch sticks in the park.",
    "tax.txt": "The tax return is due at the end of July, with all receipts.",
}


async def library(engine: Engine) -> tuple[str, dict[str, str]]:
    store = await new_store(engine)
    return store, {name: await add(engine, store, text, name, {"name": name}) for name, text in TEXTS.items()}


async def test_a_search_finds_the_text_and_says_where_it_stands(engine: Engine):
    store, files = await library(engine)
    page = await search(engine, store, "why do cats purr")
    hit = page.data[0]
    assert (hit.file_id, hit.filename, hit.attributes) == (files["cats.txt"], "cats.txt", {"name": "cats.txt"})
    assert hit.content[0].text == TEXTS["cats.txt"]
    assert page.search_query == ["why do cats purr"]
    if engine.capabilities.citations:
        assert hit.vector_store_id == store
        assert (hit.chars, hit.lines) == ((0, len(TEXTS["cats.txt"])), (1, 1))


async def test_scores_lie_between_0_and_1_and_fall_with_rank(engine: Engine):
    store, _ = await library(engine)
    scores = [hit.score for hit in (await search(engine, store, "cats and dogs and tax")).data]
    assert len(scores) == 3
    assert all(0 <= score <= 1 for score in scores)
    assert scores == sorted(scores, reverse=True)


async def test_no_more_hits_than_asked_for(engine: Engine):
    store, _ = await library(engine)
    assert len(await found(engine, store, "cats and dogs and tax", max_num_results=2)) == 2


async def test_a_threshold_drops_hits_and_says_how_many(engine: Engine):
    store, _ = await library(engine)
    page = await search(engine, store, "cats", ranking_options={"score_threshold": 1.0})
    assert page.data == []
    assert page.below_threshold > 0 or engine.capabilities.remote, "not every service says"
    assert (page.best_below is not None) == (page.below_threshold > 0)
    assert 0 < (page.best_below or 0.5) < 1


async def test_several_queries_find_what_each_of_them_finds(engine: Engine):
    store, files = await library(engine)
    page = await search(engine, store, "purr", "receipts")
    assert {hit.file_id for hit in page.data[:2]} == {files["cats.txt"], files["tax.txt"]}
    assert page.search_query == ["purr", "receipts"]


async def test_filters_choose_the_files_that_are_searched(engine: Engine):
    store, files = await library(engine)
    query = "cats dogs tax"
    only = filters.parse_filter({"type": "eq", "key": "name", "value": "dogs.txt"})
    assert await found(engine, store, query, filters=only) == [files["dogs.txt"]]
    others = filters.parse_filter({"type": "nin", "key": "name", "value": ["dogs.txt"]})
    assert set(await found(engine, store, query, filters=others)) == {files["cats.txt"], files["tax.txt"]}
    nothing = filters.parse_filter({"type": "eq", "key": "name", "value": "none"})
    page = await search(engine, store, query, filters=nothing)
    assert page.data == []
    assert page.files == 0 or (page.files is None and engine.capabilities.remote)


@pytest.mark.parametrize("queries", [["tea"], ["tea", "leaves"]])
async def test_of_equal_scores_the_newest_file_comes_first(engine: Engine, queries: list[str], tmp_path: Path):
    store = await new_store(engine)
    files = [await add(engine, store, "Tea leaves.", f"{name}.txt") for name in "abc"]
    for number, added in enumerate((20, 30, 10), 1):
        change(tmp_path / "data", f"UPDATE attachment SET created_at = {added} WHERE id = {number}")
    page = await search(engine, store, *queries)
    assert len({hit.score for hit in page.data}) == 1
    assert [hit.file_id for hit in page.data] == [files[1], files[0], files[2]]
    known = await knows_facts(engine, store)
    assert [hit.added_at for hit in page.data] == ([30, 20, 10] if known else [None] * 3)


PREFIX = {"type": "prefix", "key": "name", "value": "do"}


@pytest.mark.parametrize("asked", [PREFIX, {"type": "eq", "key": "$filename", "value": "dogs.txt"}])
async def test_facts_of_a_file_and_prefixes_are_known_or_refused_with_what_to_do(engine: Engine, asked: object):
    store, files = await library(engine)
    known = filters.parse_filter(asked)
    if await knows_facts(engine, store):
        assert await found(engine, store, "cats dogs tax", filters=known) == [files["dogs.txt"]]
        assert await file_ids(engine, store, filters=known) == [files["dogs.txt"]]
    else:
        with pytest.raises(NotSupported, match=r"is not available at .*; filter by attributes") as refused:
            await search(engine, store, "cats", filters=known)
        assert refused.value.param == "filters"


async def test_files_added_since_then_of_a_type_are_found(engine: Engine):
    store, files = await library(engine)
    if not await knows_facts(engine, store):
        pytest.skip("refused, as tested above")
    since = (await engine.retrieve_store_file(store, files["cats.txt"])).created_at
    assert len(await found(engine, store, "cats dogs tax", filters=fact("gte", "$added_at", since))) == 3
    assert await found(engine, store, "cats dogs tax", filters=fact("lt", "$added_at", since)) == []
    assert len(await found(engine, store, "cats dogs tax", filters=fact("eq", "$type", ".TXT"))) == 3
    assert await found(engine, store, "cats dogs tax", filters=fact("in", "$type", ["pdf", "md"])) == []


def fact(type: str, key: str, value: object) -> filters.Filter | None:
    return filters.parse_filter({"type": type, "key": key, "value": value})


async def knows_facts(engine: Engine, store: str) -> bool:
    """Every engine on this machine does, and another vector-stores-mcp."""
    try:
        await engine.list_store_files(store, StoreFilesRequest(filters=fact("eq", "$type", "txt")))
    except NotSupported:
        return False
    return True


async def test_another_of_ours_and_the_local_engine_know_the_facts(local_engine: Engine, tmp_path: Path):
    store, _ = await library(local_engine)
    assert await knows_facts(local_engine, store)
    async with over("forwarded", tmp_path / "far") as (engine, _):
        store, _ = await library(engine)
        assert await knows_facts(engine, store)


async def test_an_attribute_named_like_a_fact_stays_readable_and_is_not_taken_for_one(engine: Engine):
    store = await new_store(engine)
    file = await add(engine, store, "Cats purr.", "cats.txt", {"$type": "own"})
    assert (await engine.retrieve_store_file(store, file)).attributes == {"$type": "own"}
    assert [hit.attributes for hit in (await search(engine, store, "cats")).data] == [{"$type": "own"}]
    knows = await knows_facts(engine, store)
    assert (await found(engine, store, "cats", filters=fact("eq", "$type", "own")) if knows else []) == []
    assert (await found(engine, store, "cats", filters=fact("eq", "$type", "txt")) if knows else [file]) == [file]
    own = filters.parse_filter({"type": "eq", "key": "$type", "value": "own"}, extended=False)
    if not await knows_facts(engine, store):
        return  # a service has its own limits for names
    if engine.capabilities.remote:
        with pytest.raises(NotSupported, match="takes '\\$type' for a fact of the file"):
            await search(engine, store, "cats", filters=own)
    else:
        assert await found(engine, store, "cats", filters=own) == [file]


async def test_a_list_knows_attributes_and_goes_on_page_by_page(engine: Engine):
    store, files = await library(engine)
    others = filters.parse_filter({"type": "ne", "key": "name", "value": "dogs.txt"})
    wanted = [file for file in await file_ids(engine, store) if file != files["dogs.txt"]]
    assert await file_ids(engine, store, filters=others) == wanted
    page = await engine.list_store_files(store, StoreFilesRequest(limit=1, filters=others))
    assert ([file.id for file in page.data], page.has_more) == (wanted[:1], True)
    rest = await engine.list_store_files(store, StoreFilesRequest(limit=5, after=page.last_id, filters=others))
    assert ([file.id for file in rest.data], rest.has_more) == (wanted[1:], False)
    nothing = filters.parse_filter({"type": "eq", "key": "name", "value": "none"})
    assert await file_ids(engine, store, filters=nothing) == []


async def test_a_search_sees_new_attributes_at_once(engine: Engine):
    store, files = await library(engine)
    await engine.update_store_file(store, files["cats.txt"], {"name": "lions"})
    lions = filters.parse_filter({"type": "eq", "key": "name", "value": "lions"})
    hits = (await search(engine, store, "cats", filters=lions)).data
    assert [(hit.file_id, hit.attributes) for hit in hits] == [(files["cats.txt"], {"name": "lions"})]


async def test_a_store_searches_its_own_files_only(engine: Engine):
    store, _ = await library(engine)
    other = await new_store(engine)
    mine = await add(engine, other, "Cats are here as well.")
    assert await found(engine, other, "cats") == [mine]
    assert mine not in await found(engine, store, "cats")


async def test_an_empty_store_has_no_hits(engine: Engine):
    page = await search(engine, await new_store(engine), "anything")
    assert page.data == []
    assert page.object == "vector_store.search_results.page"


async def test_no_search_ever_sees_two_versions_of_a_file_or_none(engine: Engine):
    store = await new_store(engine)
    file = await add(engine, store, "The walrus lives in the far north.")
    for sizes in (SMALL, None, SMALL):
        strategy = sizes or {"type": "auto"}
        request = FileAttach.model_validate({"file_id": file, "chunking_strategy": strategy})
        status = (await engine.attach_file(store, request)).status
        finds: list[list[str]] = []
        while status == "in_progress":
            finds.append(await found(engine, store, "walrus"))
            status = (await engine.retrieve_store_file(store, file)).status
        finds.append(await found(engine, store, "walrus"))
        assert finds == [[file]] * len(finds)


async def test_what_failed_is_counted_as_not_searched(engine: Engine):
    store, _ = await library(engine)
    noise = await upload(engine, NOISE, "noise.bin")
    await attach(engine, store, noise)
    await settled(engine, store, noise)
    page = await search(engine, store, "cats")
    assert page.not_searched is not None
    assert (page.not_searched.in_progress, page.not_searched.failed) == (0, 1)


async def test_searching_no_store_is_not_found(engine: Engine):
    with pytest.raises(StoreNotFound):
        await search(engine, "vs_none", "x")


async def test_rewriting_is_refused_where_there_is_none(engine: Engine):
    if engine.capabilities.rewrite_query:
        pytest.skip("there it is done")
    with pytest.raises(NotSupported, match="send several queries") as refused:
        await search(engine, await new_store(engine), "x", rewrite_query=True)
    assert refused.value.param == "rewrite_query"


async def test_with_a_model_a_search_finds_what_is_meant_without_a_common_word(minilm_engine: Engine):
    store, files = await library(minilm_engine)
    page = await search(minilm_engine, store, "feline happiness")
    assert page.data[0].file_id == files["cats.txt"]
    assert page.data[0].vector_score is not None

"""A store made by a version before: searched as it is, and built anew without embedding what has been embedded."""
# ^ apostrophes as people type them

from pathlib import Path

import anyio

from support.local import Words, add, opened, search, settled, store, upload
from support.upgrading import TEXTS, execute, made_before, upgraded
from support.waiting import moment
from vectorstores_server.engines.local.parsing import VERSION
from vectorstores_tools.contract.requests import FileAttach, PageRequest


class Remote(Words):
    """An embedder that costs money."""

    def __init__(self) -> None:
        super().__init__()
        self.identity = "openai:words/32"


async def test_a_table_of_before_is_built_anew_and_no_vector_is_made_twice(tmp_path: Path):
    id = await made_before(tmp_path, Words())
    embedder = Words()
    async with opened(tmp_path, embedder) as engine:
        await upgraded(engine, tmp_path, id)
        hits = (await search(engine, id, "landlord item7")).data
        assert hits[0].filename == "7.txt"
        assert hits[0].vector_score is not None
        assert embedder.embedded == 0
        assert (await search(engine, id, "landlord", max_num_results=1)).data[0].text_score


async def test_without_vectors_too(tmp_path: Path):
    id = await made_before(tmp_path, None)
    async with opened(tmp_path) as engine:
        await upgraded(engine, tmp_path, id)
        assert (await search(engine, id, "landlord", max_num_results=1)).data[0].text_score


async def test_a_remote_embedder_is_not_called_and_need_not_be_there(tmp_path: Path):
    id = await made_before(tmp_path, Remote())
    async with opened(tmp_path) as engine:
        await upgraded(engine, tmp_path, id)
        assert (await search(engine, id, "landlord", max_num_results=1)).data[0].text_score
    embedder = Remote()
    async with opened(tmp_path, embedder) as engine:
        hits = (await search(engine, id, "landlord item7")).data
        assert (hits[0].filename, embedder.embedded) == ("7.txt", 0)
        assert hits[0].vector_score is not None


async def test_it_waits_for_a_process_that_has_the_embedder(tmp_path: Path):
    id = await made_before(tmp_path, Words())
    async with opened(tmp_path) as engine:
        await add(engine, await store(engine), "other work that this process can do")
        assert len((await search(engine, id, "dog", max_num_results=50)).data) == len(TEXTS)
        assert execute(tmp_path, "SELECT format FROM store_table WHERE store_id = ?", id) == [(1,)]


async def test_a_file_that_older_parsers_refused_is_tried_once_more_and_only_once(tmp_path: Path):
    async with opened(tmp_path) as engine:
        id = await store(engine)
        file = await add(engine, id, bytes(range(256)) * 8, "picture.bin")
        assert (await engine.retrieve_store_file(id, file)).status == "failed"
        assert execute(tmp_path, "SELECT refused_by FROM attachment") == [(VERSION,)]
    execute(tmp_path, "UPDATE attachment SET refused_by = 1")
    async with opened(tmp_path) as engine:
        await engine.list_stores(PageRequest())
        with anyio.fail_after(30):
            while execute(tmp_path, "SELECT refused_by, status FROM attachment") != [(VERSION, "failed")]:
                await moment()
        assert execute(tmp_path, "SELECT next_rev FROM counter") == [(3,)]


async def test_what_comes_while_a_table_is_built_anew_is_in_both(tmp_path: Path):
    id = await made_before(tmp_path, Words())
    async with opened(tmp_path, Words()) as engine:
        file = await upload(engine, "A landlord that came late.", "late.txt")
        await engine.attach_file(id, FileAttach(file_id=file))
        await settled(engine, id)
        assert "late.txt" in {hit.filename for hit in (await search(engine, id, "landlord came late")).data}
        with anyio.fail_after(60):
            while execute(
                tmp_path, "SELECT 1 FROM store_table WHERE store_id = ? AND format = 1 AND state = 'live'", id
            ):
                await moment()
        found = {hit.filename for hit in (await search(engine, id, "landlord", max_num_results=50)).data}
        assert len(found) == len(TEXTS) + 1

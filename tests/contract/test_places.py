"""Where an attached file came from, on every engine that keeps it."""

from pathlib import Path

from support.engine_calls import SMALL, below, file_ids, ingest, new_store, search, settled, source, upload
from vectorstores_tools.contract.engine import Engine, TextRequest
from vectorstores_tools.contract.requests import FileAttach, StoreFilesRequest


async def test_a_file_says_where_it_came_from_wherever_it_is_looked_at(engine: Engine) -> None:
    store = await new_store(engine)
    done = await ingest(
        engine, store, below("/d/src", "/d/src/api/index.ts", "gannet"), below("/d/src", "/d/src/index.ts", "walrus")
    )
    for file_id, path in zip(done.file_ids, ("api/index.ts", "index.ts"), strict=True):
        file = await settled(engine, store, file_id)
        assert (file.source, file.path) == (f"/d/src/{path}", path)
    listed = (await engine.list_store_files(store, StoreFilesRequest())).data
    assert {(file.source, file.path) for file in listed} == {
        ("/d/src/api/index.ts", "api/index.ts"),
        ("/d/src/index.ts", "index.ts"),
    }
    (hit,) = [hit for hit in (await search(engine, store, "gannet")).data if hit.file_id == done.file_ids[0]]
    assert (hit.source, hit.path) == ("/d/src/api/index.ts", "api/index.ts")
    assert done.batch is not None
    page = await engine.list_batch_files(store, done.batch.id, StoreFilesRequest(order="asc"))
    assert {file.path for file in page.data} <= {"api/index.ts", "index.ts"}


async def test_a_file_that_was_named_by_itself_has_its_name_for_a_path_and_a_url_has_none(engine: Engine) -> None:
    store = await new_store(engine)
    done = await ingest(
        engine, store, source("/d/a.txt", "apple"), source("https://docs.example/guide/a.html", "<p>banana</p>")
    )
    alone, fetched = [await settled(engine, store, file_id) for file_id in done.file_ids]
    assert (alone.source, alone.path) == ("/d/a.txt", "a.txt")
    assert (fetched.source, fetched.path) == ("https://docs.example/guide/a.html", None)


async def test_what_was_uploaded_without_a_place_has_none(engine: Engine) -> None:
    store = await new_store(engine)
    file_id = await upload(engine, "cherry")
    await engine.attach_file(store, FileAttach(file_id=file_id))
    file = await settled(engine, store, file_id)
    assert (file.source, file.path) == (None, None)


async def test_the_folder_that_was_named_first_stays_also_with_a_new_version(engine: Engine) -> None:
    store = await new_store(engine)
    await ingest(engine, store, below("/d/src", "/d/src/api/a.ts", "apple"))
    for text in ("apple", "banana"):
        again = await ingest(engine, store, below("/d", "/d/src/api/a.ts", text))
        assert (await settled(engine, store, again.file_ids[0])).path == "api/a.ts"
    assert await file_ids(engine, store) == list(again.file_ids)


async def test_text_that_is_read_says_where_it_came_from(engine: Engine) -> None:
    if engine.capabilities.remote:
        return  # a remote tells the text alone
    store = await new_store(engine)
    done = await ingest(engine, store, below("/d", "/d/x/a.txt", "apple"))
    await settled(engine, store, done.file_ids[0])
    part = await engine.read_text(TextRequest(done.file_ids[0], store))
    assert (part.source, part.path) == ("/d/x/a.txt", "x/a.txt")


async def test_attributes_and_sizes_stay_beside_the_place(engine: Engine) -> None:
    store = await new_store(engine)
    done = await ingest(
        engine, store, below("/d", "/d/x/a.txt", "apple"), attributes={"team": "red"}, chunking_strategy=SMALL
    )
    file = await settled(engine, store, done.file_ids[0])
    assert (file.attributes, file.path) == ({"team": "red"}, "x/a.txt")
    changed = await engine.update_store_file(store, file.id, {"team": "blue"})
    assert (changed.attributes, changed.path, changed.source) == ({"team": "blue"}, "x/a.txt", str(Path("/d/x/a.txt")))

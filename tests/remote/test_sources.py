"""Files that came from a path, known again on a service by two attributes."""

from pathlib import Path

import pytest

from support.engine_calls import add, attach, file_ids, finished, ingest, new_store, search, settled, source
from support.engines import local
from support.remotes import forwarded_to, over
from vectorstores_tools.contract.errors import InvalidRequest
from vectorstores_tools.contract.requests import FileAttach


async def test_an_old_version_that_a_process_left_behind_goes_with_the_next_call(tmp_path: Path) -> None:
    async with local(tmp_path) as served, forwarded_to("azure", served) as (first, _):
        store = await new_store(first)
        texts = {text: source("/d/a.txt", text) for text in ("apple", "banana")}
        files: dict[str, str] = {}
        for text, one in texts.items():
            files[text] = await add(first, store, text, "a.txt", {"source": "/d/a.txt", "sha256": one.sha256})
        async with forwarded_to("azure", served) as (second, _):
            done = await ingest(second, store, texts["banana"])
            assert (done.uploaded, done.unchanged, list(done.file_ids)) == (0, 1, [files["banana"]])
            await settled(second, store, files["banana"])
            assert await file_ids(second, store) == [files["banana"]]


async def test_attributes_of_a_caller_named_like_marks_are_theirs(tmp_path: Path) -> None:
    async with over("azure", tmp_path) as (engine, _):
        store = await new_store(engine)
        file = await add(engine, store, "walrus", attributes={"source": "wiki"})
        assert (await engine.retrieve_store_file(store, file)).attributes == {"source": "wiki"}
        (hit,) = (await search(engine, store, "walrus")).data
        assert hit.attributes == {"source": "wiki"}
        done = await ingest(engine, store, source("/d/a.txt", "apple"), attributes={"source": "wiki"})
        assert any("upload them again" in note for note in done.notes)
        assert (await engine.retrieve_store_file(store, done.file_ids[0])).attributes == {"source": "wiki"}


async def test_marks_take_two_of_sixteen_places_and_outlive_an_update(tmp_path: Path) -> None:
    async with over("azure", tmp_path) as (engine, _):
        store = await new_store(engine)
        one = source("/d/a.txt", "apple")
        done = await ingest(engine, store, one)
        file = done.file_ids[0]
        await settled(engine, store, file)
        with pytest.raises(InvalidRequest, match="room for 14 others"):
            await engine.update_store_file(store, file, {str(n): n for n in range(15)})
        changed = await engine.update_store_file(store, file, {str(n): n for n in range(14)})
        assert len(changed.attributes or {}) == 14
        assert (await engine.update_store_file(store, file, None)).attributes == {}
        assert (await ingest(engine, store, source("/d/a.txt", "apple"))).unchanged == 1
        crowded = await ingest(engine, store, source("/d/b.txt", "pear"), attributes={str(n): n for n in range(15)})
        assert any("more than 14" in note for note in crowded.notes)


@pytest.mark.parametrize("service", ["azure", "ogx", "litellm"])
async def test_marks_outlive_attributes_that_any_attach_gives(service: str, tmp_path: Path) -> None:
    async with over(service, tmp_path) as (engine, _):
        store = await new_store(engine)
        file = (await ingest(engine, store, source("/d/bees.txt", "Bees make honey."))).file_ids[0]
        other = await add(engine, store, "Cats purr.", "cats.txt")
        await settled(engine, store, file)
        await attach(engine, store, file, attributes={"team": "one"})
        for entries in (
            [FileAttach(file_id=file, attributes={"team": "batch"})],
            [FileAttach(file_id=one, attributes={"team": one}) for one in (other, file)],
        ):
            batch = await engine.create_batch(store, entries)
            await finished(engine, store, batch.id)
            assert (await settled(engine, store, file)).attributes == entries[-1].attributes
        again = await ingest(engine, store, source("/d/bees.txt", "Bees make honey."))
        assert (again.uploaded, again.unchanged) == (0, 1)
        with pytest.raises(InvalidRequest, match="room for 14 others"):
            await attach(engine, store, file, attributes={str(n): n for n in range(16)})
        assert set(await file_ids(engine, store)) == {file, other}


async def test_marks_are_found_again_in_a_batch_of_many(tmp_path: Path) -> None:
    async with over("azure", tmp_path) as (engine, _):
        store = await new_store(engine)
        sources = [(f"/d/{n}.txt", f"walrus {n}") for n in range(12)]
        done = await ingest(engine, store, *(source(*one) for one in sources))
        files = [FileAttach(file_id=file, attributes={"team": "d"}) for file in done.file_ids]
        await finished(engine, store, (await engine.create_batch(store, files)).id)
        again = await ingest(engine, store, *(source(*one) for one in sources))
        assert (again.uploaded, again.unchanged) == (0, 12)


async def test_attributes_given_to_what_is_unchanged_count_also_without_room_for_marks(tmp_path: Path) -> None:
    async with over("azure", tmp_path) as (engine, _):
        store = await new_store(engine)
        file = (await ingest(engine, store, source("/d/a.txt", "apple"), attributes={"team": "a"})).file_ids[0]
        await settled(engine, store, file)
        for given in ({"team": "b"}, {str(n): n for n in range(16)}):
            done = await ingest(engine, store, source("/d/a.txt", "apple"), attributes=given)
            assert (done.uploaded, done.unchanged) == (0, 1)
            assert (await engine.retrieve_store_file(store, file)).attributes == given
            assert any("upload them again" in note for note in done.notes) == (len(given) == 16)

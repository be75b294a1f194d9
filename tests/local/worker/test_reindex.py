from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from support.local import Gate, Words, add, opened, search, settled, store, upload
from vectorstores_server.engines.local.embedding import EmbeddingFailure
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_tools.contract.requests import FileAttach

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

TEXTS = [f"Item{i}: the quick brown fox jumps over the lazy dog." for i in range(20)]


async def rebuilt(engine: LocalEngine, id: str) -> None:
    """Wait until the store is searched with vectors."""
    mark = 0
    with anyio.fail_after(30):
        while (await search(engine, id, "fox")).notes or await engine.maintenance.rebuilding():
            mark = await engine.changed(mark)


async def filled(directory: Path, embedder: Words | None) -> str:
    async with opened(directory, embedder) as engine:
        id = await store(engine)
        for i, text in enumerate(TEXTS):
            file = await upload(engine, text, f"{i}.txt")
            await engine.attach_file(id, FileAttach(file_id=file, attributes={"number": i}))
        await settled(engine, id)
        return id


async def test_vectors_are_filled_in_when_the_model_arrives(tmp_path: Path):
    id = await filled(tmp_path, None)
    embedder = Words()
    async with opened(tmp_path, embedder) as engine:
        await rebuilt(engine, id)
        hits = (await search(engine, id, "item7", max_num_results=50)).data
        assert len(hits) == len(TEXTS)
        assert hits[0].filename == "7.txt"
        assert hits[0].vector_score is not None
        assert hits[0].attributes == {"number": 7}
        assert embedder.embedded == len(TEXTS)
        usage = (await engine.retrieve_store(id)).usage_bytes
        assert usage > len(TEXTS) * embedder.dimensions * 4


async def test_reindex_makes_the_vectors_of_another_embedder(tmp_path: Path):
    id = await filled(tmp_path, Words(32))
    async with opened(tmp_path, Words(16)) as engine:
        assert await engine.maintenance.reindex() == 1
        assert await engine.maintenance.reindex() == 0, "it is under way"
        await rebuilt(engine, id)
        assert len((await search(engine, id, "fox", max_num_results=50)).data) == len(TEXTS)


async def test_reindex_without_an_embedder_leaves_vectors_alone(tmp_path: Path):
    await filled(tmp_path, Words())
    async with opened(tmp_path) as engine:
        assert await engine.maintenance.reindex() == 0


async def test_the_store_is_searched_and_filled_while_it_is_rebuilt(tmp_path: Path):
    id = await filled(tmp_path, None)

    embedder = Gate()
    async with opened(tmp_path, embedder) as engine:
        await search(engine, id, "fox")
        with anyio.fail_after(30):
            await embedder.reached.wait()
        assert len((await search(engine, id, "fox", max_num_results=50)).data) == len(TEXTS)
        new = await upload(engine, "A fox that came late.", "late.txt")
        await engine.attach_file(id, FileAttach(file_id=new))
        gone = (await search(engine, id, "item3")).data[0].file_id
        await engine.detach_file(id, gone)
        embedder.open.set()
        await settled(engine, id)
        await rebuilt(engine, id)
        names = {hit.filename for hit in (await search(engine, id, "fox", max_num_results=50)).data}
        assert names == {f"{i}.txt" for i in range(len(TEXTS)) if i != 3} | {"late.txt"}


async def test_an_embedder_that_fails_leaves_the_store_as_it_is(tmp_path: Path):
    id = await filled(tmp_path, None)

    class Broken(Words):
        tried = anyio.Event()

        async def embed_documents(
            self, texts: Sequence[str], *, stop: Callable[[], bool] | None = None
        ) -> "NDArray[float32]":
            self.tried.set()
            raise EmbeddingFailure("The service is down.", "Start it.")

    embedder = Broken()
    async with opened(tmp_path, embedder) as engine:
        await search(engine, id, "fox")
        with anyio.fail_after(30):
            await embedder.tried.wait()
        page = await search(engine, id, "fox", max_num_results=50)
        assert len(page.data) == len(TEXTS)
        assert [f.status for f in await settled(engine, id)] == ["completed"] * len(TEXTS)
    async with opened(tmp_path, Words()) as engine:
        await search(engine, id, "fox")
        await rebuilt(engine, id)


async def test_a_rebuild_goes_on_where_it_was_cut_off(tmp_path: Path):
    async with opened(tmp_path) as engine:
        id = await store(engine)
        for i in range(4):
            await add(engine, id, f"This is about item{i} and nothing else. " * 900, f"{i}.txt")

    class Stuck(Words):
        async def embed_documents(
            self, texts: Sequence[str], *, stop: Callable[[], bool] | None = None
        ) -> "NDArray[float32]":
            if self.embedded:
                await anyio.sleep_forever()
            return await super().embed_documents(texts, stop=stop)

    added = anyio.Event()
    first, second = Stuck(), Words()
    async with opened(tmp_path, first, lambda step: added.set() if step == "added" else None) as engine:
        await search(engine, id, "fox")
        with anyio.fail_after(30):
            await added.wait()
    async with opened(tmp_path, second) as engine:
        await search(engine, id, "fox")
        await rebuilt(engine, id)
        assert (await search(engine, id, "item2")).data[0].filename == "2.txt"
    passages = 4 * 62
    assert passages - first.embedded <= second.embedded < passages

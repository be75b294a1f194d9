"""A server makes itself ready for the first search once a client names a store, and not before."""

import sys
from pathlib import Path

import anyio
import pytest
from mcp import MCPError

from support import engine_calls
from support.clients import connected
from support.engines import local_minilm
from support.local import Words, add, opened, search, store
from support.v1_client import api_of
from support.waiting import moment
from vectorstores_server.engines.local.embedding import EmbedderChoice
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_tools.contract import uris


class Listening(LocalEngine):
    """An engine that notes the stores of which it is told."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, EmbedderChoice(name="none", cache=directory))
        self.named: list[str] = []

    def expect_searches(self, store_id: str) -> None:
        self.named.append(store_id)


async def test_the_engine_learns_of_each_store_that_a_call_names_and_works_with(tmp_path: Path) -> None:
    engine = Listening(tmp_path / "data")
    async with connected(engine, "auto", tmp_path / "files") as caller:
        id = await caller.store(name="notes")
        await caller.call("list", of="stores")
        await caller.call("list", of="files")
        await caller.refused("retrieve", vector_store_id="vs_unknown")
        assert engine.named == [], "nothing has been named that is there"
        await caller.call("list", vector_store_id=id)
        await caller.call("retrieve", vector_store_id=id)
        file = await caller.add(id, "A heron stands in the reeds.")
        await caller.call("search", query="heron", vector_store_id=[id])
        await caller.call("read", vector_store_id=id, file_id=file)
        assert engine.named == [id] * 5
        await caller.call("delete", what="store", vector_store_id=id, confirm=True)
        assert engine.named == [id] * 5
    await engine.aclose()


async def test_the_engine_learns_of_stores_named_by_resources(tmp_path: Path) -> None:
    engine = Listening(tmp_path / "data")
    async with connected(engine, "auto", tmp_path / "files") as caller:
        id = await caller.store(name="notes")
        file = await caller.add(id, "A heron stands in the reeds.")
        engine.named.clear()
        await caller.client.list_resources()
        with pytest.raises(MCPError):
            await caller.client.read_resource(uris.store("vs_unknown"))
        assert engine.named == [], "nothing has been named that is there"
        for uri in (uris.store(id), uris.files(id), uris.file(id, file)):
            await caller.client.read_resource(uri)
        assert engine.named == [id] * 3
    await engine.aclose()


async def test_the_engine_learns_of_stores_named_by_requests(tmp_path: Path) -> None:
    engine = Listening(tmp_path / "data")
    async with api_of(engine) as client:
        id = (await client.post("/v1/vector_stores", json={"name": "notes"})).json()["id"]
        await client.get("/v1/vector_stores")
        assert (await client.get("/v1/vector_stores/vs_unknown")).status_code == 404
        assert engine.named == [], "nothing has been named that is there"
        await client.get(f"/v1/vector_stores/{id}")
        await client.post(f"/v1/vector_stores/{id}/search", json={"query": "heron"})
        await client.get(f"/v1/vector_stores/{id}/files/file-unknown")
        assert engine.named == [id] * 2
        await client.delete(f"/v1/vector_stores/{id}")
        assert engine.named == [id] * 2
    await engine.aclose()


async def resident(engine: LocalEngine) -> float:
    return (await engine.health()).numbers["index_tables_resident"]


async def test_a_named_store_is_read_into_memory_before_it_is_searched(tmp_path: Path) -> None:
    async with opened(tmp_path, Words()) as engine:
        id = await store(engine)
        await add(engine, id, "A heron stands in the reeds.")
    engine = LocalEngine(tmp_path, Words(), read_only=True, warms=True)
    await engine.retrieve_store(id)
    engine.expect_searches(id)
    with anyio.fail_after(60):
        while not await resident(engine):
            await moment()
    assert (await search(engine, id, "heron")).data
    await engine.aclose()


async def test_a_store_that_is_empty_or_gone_leaves_it_to_the_next(tmp_path: Path) -> None:
    async with opened(tmp_path, Words()) as engine:
        empty, full = await store(engine), await store(engine, "full")
        await add(engine, full, "A heron stands in the reeds.")
    engine = LocalEngine(tmp_path, Words(), read_only=True, warms=True)
    await engine.retrieve_store(empty)
    engine.expect_searches("vs_unknown")
    engine.expect_searches(empty)
    with anyio.fail_after(60):
        while not await resident(engine):
            engine.expect_searches(full)
            await moment()
    await engine.aclose()


PROGRAM = """
import sys, anyio
from pathlib import Path
from vectorstores_server.engines.local.embedding import EmbedderChoice
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_tools.contract import uris
from vectorstores_tools.contract.requests import PageRequest

def loaded():
    return {"lancedb", "onnxruntime", "tokenizers"} & sys.modules.keys()

async def main():
    directory, warms = Path(sys.argv[1]), sys.argv[2] == "True"
    choice = EmbedderChoice(name="minilm", cache=directory / "cache")
    engine = LocalEngine(directory / "data", choice, read_only=True, warms=warms)  # its worker loads nothing then
    [store] = (await engine.list_stores(PageRequest())).data
    await engine.retrieve_store(store.id)
    assert not loaded(), loaded()
    engine.expect_searches(store.id)
    with anyio.move_on_after(60 if warms else 1):
        while len(loaded()) < 3 or not (await engine.health()).numbers["index_tables_resident"]:
            await anyio.sleep(0.01)
    print(len(loaded()))
    await engine.aclose()

anyio.run(main)
"""


@pytest.mark.process
@pytest.mark.parametrize(("warms", "libraries"), [(True, "3"), (False, "0")])
async def test_a_server_loads_model_and_table_once_a_store_is_named_and_a_command_does_not(
    tmp_path: Path, warms: bool, libraries: str
) -> None:
    async with local_minilm(tmp_path) as engine:
        await engine_calls.add(engine, await engine_calls.new_store(engine), "A heron stands in the reeds.")
    done = await anyio.run_process([sys.executable, "-c", PROGRAM, str(tmp_path), str(warms)], check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().split() == [libraries]

"""A client that goes away ends its call; the batch that it started goes on."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from support.clients import Era
from support.engine_calls import PATIENCE
from support.serving import House, Transport, house
from support.wire import ACCEPT, Wire
from vectorstores_server.engines.local.embedding import EmbedderChoice
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_tools.contract.models import VectorStore
from vectorstores_tools.contract.requests import PageRequest

WAYS: list[tuple[Transport, Era]] = [
    ("memory", "legacy"),
    ("memory", "auto"),
    ("http", "legacy"),
    ("http", "auto"),
    ("sse", "legacy"),
    ("sse", "auto"),
]
PAGES = [f"Page {n}. " * 100 for n in range(3)]


class Silent(LocalEngine):
    """Never tells a waiting call of a change, so that it waits until it is ended."""

    waiting = 0
    news = anyio.Event()

    async def changed(self, since: int) -> int:
        if not since:
            return await super().changed(since)
        self._count(1)
        try:
            await anyio.sleep_forever()
        finally:
            self._count(-1)
        raise AssertionError

    async def until_waiting(self, calls: int) -> None:
        with anyio.fail_after(PATIENCE):
            while self.waiting != calls:
                await self.news.wait()

    async def settled(self) -> VectorStore:
        """Return the newest store when none of its files is in progress."""
        mark = 0
        with anyio.fail_after(PATIENCE):
            while True:
                (store,) = (await self.list_stores(PageRequest(limit=1))).data
                if not store.file_counts.in_progress:
                    return store
                mark = await super().changed(mark)

    def _count(self, step: int) -> None:
        self.waiting += step
        self.news.set()
        self.news = anyio.Event()


@pytest.fixture
async def silent(tmp_path: Path) -> AsyncGenerator[Silent]:
    engine = Silent(tmp_path / "data", EmbedderChoice(name="none", cache=tmp_path))
    yield engine
    await engine.aclose()


@pytest.fixture
async def served(silent: Silent, tmp_path: Path) -> AsyncGenerator[House]:
    async with house(silent, tmp_path) as served:
        for n, page in enumerate(PAGES):
            (served.folder / f"{n}.txt").write_text(page, encoding="utf-8")
        yield served


def attach(store: str, served: House) -> dict[str, Any]:
    return {"vector_store_id": store, "paths": [str(served.folder)], "wait_seconds": 50}


@pytest.mark.parametrize(("transport", "era"), WAYS)
async def test_a_client_that_goes_away_ends_its_call(
    silent: Silent, served: House, transport: Transport, era: Era
) -> None:
    async def client() -> None:
        async with served.client(transport, mode=era) as client:
            made = (await client.call_tool("create_store", {})).structured_content
            assert made is not None
            await client.call_tool("batch_attach", attach(made["id"], served))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client)
        await silent.until_waiting(1)
        tasks.cancel_scope.cancel()
    await silent.until_waiting(0)
    assert (await silent.settled()).file_counts.completed == 3


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_a_call_of_2025_ends_with_its_connection_and_the_session_stays(
    silent: Silent, served: House, path: str
) -> None:
    async with httpx.AsyncClient(headers=ACCEPT, timeout=PATIENCE) as http:
        wire = Wire(http, served.url + path)
        await wire.join()
        store = (await wire.call("create_store", {}))["id"]
        call = wire.message("tools/call", name="batch_attach", arguments=attach(store, served))
        async with http.stream("POST", wire.url, json=call):
            await silent.until_waiting(1)
        await silent.until_waiting(0)
        assert (await silent.settled()).file_counts.completed == 3
        assert (await wire.call("retrieve", {"vector_store_id": store}))["file_counts"]["completed"] == 3


async def test_a_session_that_is_deleted_ends_its_calls_and_is_not_found_again(silent: Silent, served: House) -> None:
    async with httpx.AsyncClient(headers=ACCEPT, timeout=PATIENCE) as http, anyio.create_task_group() as tasks:
        wire = Wire(http, f"{served.url}/mcp")
        await wire.join()
        store = (await wire.call("create_store", {}))["id"]
        call = wire.message("tools/call", name="batch_attach", arguments=attach(store, served))

        async def ask() -> None:
            await http.post(wire.url, json=call)

        tasks.start_soon(ask)
        await silent.until_waiting(1)
        assert (await http.delete(wire.url)).status_code == 200
        await silent.until_waiting(0)
        assert (await wire.post("tools/list")).status_code == 404

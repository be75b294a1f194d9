"""The same walk over every transport, in each era that it has."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import MCPError
from mcp.client import ClientRequestContext
from mcp.types import (
    ElicitRequestParams,
    ElicitResult,
    EmptyResult,
    PromptReference,
    ResourceListChangedNotification,
    ResourceUpdatedNotification,
    SubscribeRequest,
    SubscribeRequestParams,
    TextContent,
    TextResourceContents,
)

from support.clients import Caller, Era, resource_text
from support.engine_calls import PATIENCE
from support.serving import House, Transport, house
from support.waiting import moment
from vectorstores_server.engines.local.embedding import EmbedderChoice
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_tools.contract import uris
from vectorstores_tools.toolset import TOOL_NAMES

pytestmark = pytest.mark.process

WAYS: list[tuple[Transport, Era]] = [
    ("memory", "legacy"),
    ("memory", "auto"),
    ("stdio", "legacy"),
    ("stdio", "auto"),
    ("http", "legacy"),
    ("http", "auto"),
    ("sse", "legacy"),
    ("sse", "auto"),
]
VERSIONS = {"legacy": "2025-11-25", "auto": "2026-07-28"}


class Connected(Caller):
    """A client, which way it came, and what it was told and asked."""

    def __init__(self, client: Any, folder: Path, era: Era) -> None:
        super().__init__(client, folder)
        self.era: Era = era
        self.updates: list[str] = []
        self.lists = 0
        self.questions: list[str] = []
        self._news = anyio.Event()

    async def hear(self, message: Any) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            self.updates.append(str(message.params.uri))
        elif isinstance(message, ResourceListChangedNotification):
            self.lists += 1
        self._news.set()

    async def ask(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        self.questions.append(params.message)
        return ElicitResult(action="accept", content={"confirm": True})

    async def heard(self, uri: str, lists: int) -> None:
        with anyio.fail_after(PATIENCE):
            while uri not in self.updates or self.lists < lists:
                self._news = anyio.Event()
                await self._news.wait()

    @asynccontextmanager
    async def subscribed(self, uri: str) -> AsyncGenerator[None]:
        """Subscribe as the era does it."""
        if self.era == "legacy":
            request = SubscribeRequest(params=SubscribeRequestParams(uri=uri))
            await self.client.session.send_request(request, EmptyResult)
            yield
            return
        async with anyio.create_task_group() as tasks:
            ready = anyio.Event()

            async def listen() -> None:
                async with self.client.listen(resources_list_changed=True, resource_subscriptions=[uri]) as events:
                    ready.set()
                    async for _ in events:  # each of them goes to `hear`, too
                        pass

            tasks.start_soon(listen)
            await ready.wait()
            yield
            tasks.cancel_scope.cancel()


@pytest.fixture(scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[House]:
    home = tmp_path_factory.mktemp("served")
    engine = LocalEngine(home / "data", EmbedderChoice(name="none", cache=home / "cache"))
    async with house(engine, home) as served:
        yield served
    await engine.aclose()


@pytest.fixture(scope="module", params=WAYS, ids="-".join)
async def connected(request: pytest.FixtureRequest, served: House) -> AsyncGenerator[Connected]:
    """One connection, on which all tests of this file follow one another."""
    transport, era = request.param
    made: list[Connected] = []

    async def hear(message: Any) -> None:
        for each in made:
            await each.hear(message)

    async def ask(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        return await made[0].ask(context, params)

    async with served.client(transport, mode=era, message_handler=hear, elicitation_callback=ask) as client:
        made.append(Connected(client, served.folder, era))
        yield made[0]


async def test_the_era_is_the_one_that_was_asked_for(connected: Connected) -> None:
    assert connected.client.protocol_version == VERSIONS[connected.era]
    assert [tool.name for tool in (await connected.client.list_tools()).tools] == list(TOOL_NAMES)


async def test_every_tool_does_its_work(connected: Connected) -> None:
    store = await connected.store(name="Walk")
    file_id = await connected.add(store, "Bees make honey in summer.", "bees.txt", attributes={"topic": "bees"})
    found = await connected.call("search", vector_store_id=store, query="honey")
    assert "Bees make honey" in found["data"][0]["text"]
    assert "summer" in (await connected.call("read", uri=found["data"][0]["uri"]))["text"]
    assert [f["id"] for f in (await connected.call("list", vector_store_id=store))["data"]] == [file_id]
    assert store in [s["id"] for s in (await connected.call("list"))["data"]]
    await connected.call("update", vector_store_id=store, name="Walked")
    assert (await connected.call("retrieve", vector_store_id=store))["name"] == "Walked"
    batch = await connected.call("batch_attach", vector_store_id=store, file_ids=[file_id], wait_seconds=50)
    cancelled = await connected.call("cancel_batch", vector_store_id=store, batch_id=batch["id"])
    assert cancelled["status"] == "completed"
    await connected.call("delete", what="file_from_store", vector_store_id=store, file_id=file_id)
    assert (await connected.call("list", vector_store_id=store))["data"] == []


async def test_a_person_is_asked_before_a_store_is_deleted(connected: Connected) -> None:
    store = await connected.store(name="Old")
    before = len(connected.questions)
    assert (await connected.call("delete", what="store", vector_store_id=store))["deleted"] is True
    assert len(connected.questions) == before + 1
    assert store in connected.questions[-1]


async def test_a_batch_reports_its_progress(connected: Connected) -> None:
    store = await connected.store()
    paths = [connected.write(f"{store}/{n}.txt", f"Page {n}. " * 200) for n in range(8)]
    reports: list[tuple[float, float | None, str | None]] = []

    async def report(progress: float, total: float | None, message: str | None) -> None:
        reports.append((progress, total, message))

    arguments = {"vector_store_id": store, "paths": paths, "wait_seconds": 50}
    with anyio.fail_after(60):
        result = await connected.client.call_tool("batch_attach", arguments, progress_callback=report)
    assert result.structured_content is not None
    assert result.structured_content["file_counts"]["completed"] == 8
    steps = [progress for progress, _, _ in reports]
    assert steps
    assert steps == sorted(set(steps))
    assert any(message and "of 8 files" in message for _, _, message in reports)


async def test_stores_are_resources_that_can_be_listed_read_and_completed(connected: Connected) -> None:
    client = connected.client
    store = await connected.store(name="Shelf")
    file_id = await connected.add(store, "Bees make honey.")
    assert uris.store(store) in [str(each.uri) for each in (await client.list_resources()).resources]
    templates = (await client.list_resource_templates()).resource_templates
    assert {template.uri_template for template in templates} == set(uris.FORMS)
    for uri, says in ((uris.store(store), '"name":"Shelf"'), (uris.file(store, file_id), "Bees make honey.")):
        (content,) = (await client.read_resource(uri)).contents
        assert isinstance(content, TextResourceContents)
        assert says in content.text
    reference = PromptReference(type="ref/prompt", name="ask_store")
    completed = await client.complete(reference, {"name": "store", "value": store[:9]})
    assert store in completed.completion.values
    (message,) = (await client.get_prompt("ask_store", {"store": store, "question": "Who?"})).messages
    assert isinstance(message.content, TextContent)
    assert message.content.text.endswith("Question: Who?")


async def test_who_subscribed_hears_of_changes(connected: Connected) -> None:
    store = await connected.store(name="Before")
    uri = uris.store(store)
    lists = connected.lists
    async with connected.subscribed(uri):
        await connected.call("update", vector_store_id=store, name="After")
        await connected.heard(uri, lists + 1)


async def test_errors_say_what_to_do(connected: Connected) -> None:
    error = await connected.refused("search", query="honey", top_k=1)
    assert error["next"] == "Did you mean max_num_results?"
    error = await connected.refused("retrieve", vector_store_id="vs_nothing")
    assert "vs_nothing" in error["message"]
    with pytest.raises(MCPError) as refused:
        await connected.client.read_resource("vectorstore://vs_nothing")
    assert refused.value.error.code == -32602


async def test_a_cancelled_call_ends_and_its_batch_goes_on(connected: Connected) -> None:
    store = await connected.store()
    ids = [(await connected.call("upload_file", text=f"Page {n}. " * 400))["id"] for n in range(10)]
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            arguments = {"vector_store_id": store, "file_ids": ids, "wait_seconds": 50}
            tasks.start_soon(connected.client.call_tool, "batch_attach", arguments)
            while not (await connected.call("list", vector_store_id=store, limit=1))["data"]:
                await moment()
            tasks.cancel_scope.cancel()
    done = await connected.call("retrieve", vector_store_id=store, wait_seconds=50)
    assert (done["file_counts"]["completed"], done["file_counts"]["total"]) == (10, 10)


async def test_long_answers_come_whole(connected: Connected) -> None:
    text = f"{'æøå 漢字 🐝 ' * 12}\u2028\u2029\n" * 400  # which some clients take for the end of a line
    store = await connected.store()
    file_id = await connected.add(store, text, "long.txt")
    uri = uris.file(store, file_id, 0, len(text))
    (content,) = (await connected.client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    assert resource_text(content.text) == text

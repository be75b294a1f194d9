"""Stores as resources: reading, paging, completing, and hearing of changes in both eras."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import MCPError
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.subscriptions import InMemorySubscriptionBus
from mcp.types import (
    INVALID_PARAMS,
    BlobResourceContents,
    EmptyResult,
    PromptReference,
    ResourceListChangedNotification,
    ResourceTemplateReference,
    ResourceUpdatedNotification,
    SubscribeRequest,
    SubscribeRequestParams,
    TextContent,
    TextResourceContents,
    UnsubscribeRequest,
    UnsubscribeRequestParams,
)

from support.clients import Caller, Era, connected, resource_text
from support.engine_calls import PATIENCE
from vectorstores_server.protocol import resources, subscriptions
from vectorstores_server.protocol.resources import StoreResources
from vectorstores_server.protocol.subscriptions import Subscriptions
from vectorstores_tools.contract import uris
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.requests import StoreCreate, StoreUpdate


async def read(caller: Caller, uri: str) -> str:
    (content,) = (await caller.client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    return content.text


async def test_every_uri_reads_as_what_it_names(caller_of_era: Caller) -> None:
    caller = caller_of_era
    store = await caller.store(name="Notes")
    text = "Bees make honey.\r\nAnd wax."
    file_id = await caller.add(store, text)
    batch = await caller.call("batch_attach", vector_store_id=store, file_ids=[file_id], wait_seconds=50)
    assert json.loads(await read(caller, uris.store(store)))["name"] == "Notes"
    assert [f["id"] for f in json.loads(await read(caller, uris.files(store)))["data"]] == [file_id]
    assert json.loads(await read(caller, uris.batch(store, batch["id"])))["id"] == batch["id"]
    assert resource_text(await read(caller, uris.file(store, file_id))) == "Bees make honey.\nAnd wax."
    assert resource_text(await read(caller, uris.file(store, file_id, 5, 9))) == "make"
    (content,) = (await caller.client.read_resource(uris.content(file_id))).contents
    assert isinstance(content, BlobResourceContents)
    assert content.blob == "QmVlcyBtYWtlIGhvbmV5Lg0KQW5kIHdheC4="
    templates = (await caller.client.list_resource_templates()).resource_templates
    assert {template.uri_template for template in templates} == set(uris.FORMS)


async def test_a_long_text_says_where_it_goes_on(caller: Caller) -> None:
    store = await caller.store()
    text = "word " * 12_000
    file_id = await caller.add(store, text)
    first = await read(caller, uris.file(store, file_id))
    assert resource_text(first) == text[:50_000]
    rest = first.rpartition(" at ")[2].removesuffix("]")
    assert resource_text(await read(caller, rest)) == text[50_000:60_000]


async def test_a_range_that_is_too_long_says_where_it_goes_on(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "MOST_CHARACTERS", 10)
    store = await caller.store()
    file_id = await caller.add(store, "Bees make honey.")
    first = await read(caller, uris.file(store, file_id, 0, 16))
    assert resource_text(first) == "Bees make "
    assert "\n\n[Characters 0 to 10 of 16." in first
    assert resource_text(await read(caller, first.rpartition(" at ")[2].removesuffix("]"))) == "honey."


async def test_what_is_not_there_is_an_error_of_the_protocol(caller_of_era: Caller) -> None:
    for uri in ("vectorstore://vs_nothing", "vectorstore://vs_nothing/files/file-1", "vectorstore://a/b/c/d"):
        with pytest.raises(MCPError) as refused:
            await caller_of_era.client.read_resource(uri)
        assert refused.value.error.code == -32602


async def test_stores_are_listed_page_by_page(caller_of_era: Caller) -> None:
    caller = caller_of_era
    made = {uris.store(await caller.store(name=f"S{n}")) for n in range(52)}
    first = await caller.client.list_resources()
    assert len(first.resources) == 50
    assert first.next_cursor is not None
    rest = await caller.client.list_resources(cursor=first.next_cursor)
    assert rest.next_cursor is None
    assert {str(resource.uri) for resource in (*first.resources, *rest.resources)} == made
    assert first.resources[0].name.startswith("S")
    for cursor in ("nonsense!", "dnNfbmV2ZXI="):
        with pytest.raises(MCPError) as refused:
            await caller.client.list_resources(cursor=cursor)
        assert refused.value.error.code == -32602


async def test_ids_are_completed_by_id_and_by_name(caller_of_era: Caller) -> None:
    caller = caller_of_era
    notes, other = await caller.store(name="Notes"), await caller.store(name="Recipes")
    file_id = await caller.add(notes, "Bees.", "bees.txt")
    loose = (await caller.call("upload_file", text="a", filename="loose.txt"))["id"]
    template = ResourceTemplateReference(type="ref/resource", uri=uris.FORMS[2])

    async def completed(name: str, value: str, **known: str) -> list[str]:
        done = await caller.client.complete(template, {"name": name, "value": value}, known or None)
        return done.completion.values

    assert await completed("vector_store_id", notes[:-4]) == [notes]
    assert await completed("vector_store_id", "recip") == [other]
    assert set(await completed("vector_store_id", "")) == {notes, other}
    assert set(await completed("file_id", "")) == {file_id, loose}
    assert await completed("file_id", "", vector_store_id=notes) == [file_id]
    assert await completed("file_id", "loose") == [loose]
    prompt = PromptReference(type="ref/prompt", name="ask_store")
    done = await caller.client.complete(prompt, {"name": "store", "value": "Not"})
    assert done.completion.values == [notes]


async def subscribe(caller: Caller, uri: str) -> None:
    """Subscribe as clients of 2025 do; the SDK's own method for it warns."""
    await caller.client.session.send_request(SubscribeRequest(params=SubscribeRequestParams(uri=uri)), EmptyResult)


class Heard:
    """What a client was told, whichever way its era tells it."""

    def __init__(self) -> None:
        self.updates: list[str] = []
        self.lists = 0
        self.news = anyio.Event()

    async def __call__(self, message: Any) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            self.update(str(message.params.uri))
        elif isinstance(message, ResourceListChangedNotification):
            self.list_changed()

    def update(self, uri: str) -> None:
        self.updates.append(uri)
        self.news.set()

    def list_changed(self) -> None:
        self.lists += 1
        self.news.set()

    async def until(self, uri: str, lists: int = 0) -> None:
        with anyio.fail_after(PATIENCE):
            while uri not in self.updates or self.lists < lists:
                self.news = anyio.Event()
                await self.news.wait()


@asynccontextmanager
async def subscribed(caller: Caller, era: Era, *wanted: str) -> AsyncGenerator[None]:
    """Subscribe as the era does it."""
    if era == "legacy":
        for uri in wanted:
            await subscribe(caller, uri)
        yield
        return
    async with anyio.create_task_group() as tasks:
        ready = anyio.Event()

        async def listen() -> None:
            async with caller.client.listen(resources_list_changed=True, resource_subscriptions=list(wanted)) as events:
                ready.set()
                async for _ in events:  # the client hands each of them to its message_handler, too
                    pass

        tasks.start_soon(listen)
        await ready.wait()
        yield
        tasks.cancel_scope.cancel()


async def test_a_batch_can_be_followed_by_its_resource(engine: Engine, era: Era, tmp_path: Path) -> None:
    heard = Heard()
    async with connected(engine, era, tmp_path / "files", message_handler=heard) as caller:
        store = await caller.store()
        files = [(await caller.call("upload_file", text="Bees. " * 900, filename=f"{n}.txt"))["id"] for n in range(4)]
        batch = await caller.call("batch_attach", vector_store_id=store, file_ids=files, wait_seconds=0)
        uri = uris.batch(store, batch["id"])
        async with subscribed(caller, era, uri):
            await heard.until(uri)


async def test_changes_of_another_process_are_heard(engine: Engine, era: Era, tmp_path: Path) -> None:
    heard = Heard()
    async with connected(engine, era, tmp_path / "files", message_handler=heard) as caller:
        store = await caller.store()
        uri = uris.store(store)
        async with (
            connected(engine, era, tmp_path / "files") as other,
            subscribed(caller, era, uri),
        ):
            await other.call("update", vector_store_id=store, name="Renamed")
            await heard.until(uri, lists=1)
            assert set(heard.updates) == {uri}


async def test_a_uri_is_told_of_at_most_once_a_second(engine: Engine, era: Era, tmp_path: Path) -> None:
    heard = Heard()
    async with connected(engine, era, tmp_path / "files", message_handler=heard) as caller:
        store = await caller.store()
        uri = uris.store(store)
        async with subscribed(caller, era, uri):
            started = anyio.current_time()
            for n in range(20):
                await caller.call("update", vector_store_id=store, name=f"Name {n}")
            await heard.until(uri)
            await caller.call("update", vector_store_id=store, name="The last")
            with anyio.fail_after(PATIENCE):
                while len(heard.updates) < 2:
                    heard.news = anyio.Event()
                    await heard.news.wait()
            assert len(heard.updates) <= 1 + anyio.current_time() - started


async def test_who_unsubscribes_hears_nothing_more(engine: Engine, tmp_path: Path) -> None:
    heard = Heard()
    async with connected(engine, "legacy", tmp_path / "files", message_handler=heard) as caller:
        store = await caller.store()
        uri = uris.store(store)
        await subscribe(caller, uri)
        await caller.client.session.send_request(
            UnsubscribeRequest(params=UnsubscribeRequestParams(uri=uri)), EmptyResult
        )
        await caller.call("update", vector_store_id=store, name="Renamed")
        with anyio.move_on_after(0.6):
            await heard.until(uri)
        assert heard.updates == []


async def test_a_listener_that_leaves_while_it_begins_leaves_nothing_watched(engine: Engine) -> None:
    class Slow(StoreResources):
        asked = anyio.Event()

        async def state(self, uri: str) -> str:
            if uri == "slow":
                self.asked.set()
                await anyio.sleep_forever()
            return "same"

    slow = Slow(engine)
    tasks = anyio.create_task_group()
    watch = Subscriptions(slow, InMemorySubscriptionBus(), tasks)
    async with tasks:

        async def listen() -> None:
            async with watch.streaming(["quick", "slow"]):
                raise AssertionError

        tasks.start_soon(listen)
        await slow.asked.wait()
        assert set(watch.watched) == {"quick"}
        tasks.cancel_scope.cancel()
    assert watch.watched == {}


async def test_a_connection_that_does_not_read_keeps_no_other_waiting(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "SECONDS_TO_TELL", 0.01)
    store = await engine.create_store(StoreCreate(name="Notes"))
    heard = anyio.Event()

    async def never(uri: str) -> None:
        await anyio.sleep_forever()

    async def hear(uri: str) -> None:
        await anyio.lowlevel.checkpoint()
        heard.set()

    tasks = anyio.create_task_group()
    watch = Subscriptions(StoreResources(engine), InMemorySubscriptionBus(), tasks)
    with anyio.fail_after(PATIENCE):
        async with tasks:
            await watch.subscribe("stalled", uris.store(store.id), never)
            await watch.subscribe("reading", uris.store(store.id), hear)
            await engine.update_store(store.id, StoreUpdate(name="Renamed"))
            await heard.wait()
            assert all(list(watched.connections) == ["reading"] for watched in watch.watched.values())
            tasks.cancel_scope.cancel()


async def test_a_connection_of_2025_has_a_limit_of_subscriptions(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "MOST_WATCHED", 2)
    async with connected(engine, "legacy", tmp_path / "files") as caller:
        for _ in range(2):
            await subscribe(caller, uris.store(await caller.store()))
        with pytest.raises(MCPError, match="2 resources are subscribed to"):
            await subscribe(caller, uris.store(await caller.store()))


async def test_a_caller_has_a_limit_of_subscriptions_over_all_of_its_connections(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "MOST_OF_A_CALLER", 4)
    known = AuthenticatedUser(AccessToken(token="", client_id="ada", scopes=[]))
    names = [uris.store((await engine.create_store(StoreCreate(name=f"{n}"))).id) for n in range(3)]

    async def tell(uri: str) -> None:
        del uri

    async with anyio.create_task_group() as tasks:
        watch = Subscriptions(StoreResources(engine), InMemorySubscriptionBus(), tasks)
        await watch.subscribe("of nobody", names[2], tell)
        token = auth_context_var.set(known)
        await watch.subscribe("first", names[0], tell)
        await watch.subscribe("second", names[0], tell)
        with pytest.raises(MCPError, match="4 resources are subscribed to"):
            await watch.subscribe("third", names[1], tell)
        watch.unsubscribe("first")
        watch.unsubscribe("second")
        assert watch.held["ada"] == 0
        await watch.subscribe("third", names[1], tell)
        auth_context_var.reset(token)
        watch.unsubscribe("third")
        watch.unsubscribe("of nobody")
        assert not watch.held
        tasks.cancel_scope.cancel()


async def test_a_client_of_2025_is_told_of_the_stores_that_it_makes(engine: Engine, tmp_path: Path) -> None:
    heard = Heard()
    async with connected(engine, "legacy", tmp_path / "files", message_handler=heard) as caller:
        await caller.store()
        with anyio.fail_after(PATIENCE):
            while heard.lists == 0:
                await heard.news.wait()


async def test_what_a_server_can_do_is_announced(caller_of_era: Caller, era: Era) -> None:
    capabilities = caller_of_era.client.server_capabilities
    assert capabilities is not None
    assert capabilities.resources is not None
    assert (capabilities.resources.subscribe, capabilities.resources.list_changed) == (True, True)
    assert capabilities.completions is not None
    assert capabilities.prompts is not None


async def test_any_log_level_is_accepted_from_a_client_of_2025(engine: Engine, tmp_path: Path) -> None:
    async with connected(engine, "legacy", tmp_path / "files") as caller:
        assert caller.client.server_capabilities is not None
        assert caller.client.server_capabilities.logging is not None


async def test_a_prompt_tells_how_to_answer_from_a_store(caller_of_era: Caller) -> None:
    caller = caller_of_era
    store = await caller.store(name="Notes")
    for named in (store, "Notes"):
        prompt = await caller.client.get_prompt("ask_store", {"store": named, "question": "Who makes honey?"})
        (message,) = prompt.messages
        assert isinstance(message.content, TextContent)
        assert f"search(vector_store_id='{store}'" in message.content.text
        assert message.content.text.endswith("Question: Who makes honey?")
    with pytest.raises(MCPError, match="vs_nothing"):
        await caller.client.get_prompt("ask_store", {"store": "vs_nothing", "question": "Who?"})


async def test_an_unknown_prompt_and_its_completion_are_refused_without_a_traceback(
    caller_of_era: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    client = caller_of_era.client
    unknown = PromptReference(type="ref/prompt", name="nothing")
    for asked in (
        lambda: client.get_prompt("nothing", {"store": "a", "question": "b"}),
        lambda: client.get_prompt("nothing"),
        lambda: client.complete(unknown, {"name": "store", "value": ""}),
        lambda: client.complete(unknown, {"name": "nothing", "value": "x"}),
    ):
        with pytest.raises(MCPError, match=r"nknown prompt: nothing") as refused:
            await asked()
        assert refused.value.error.code == INVALID_PARAMS
    assert [record.name for record in caplog.records if record.exc_info] == []


async def test_a_prompt_without_its_arguments_names_them(caller: Caller) -> None:
    with pytest.raises(MCPError, match="ask_store needs question"):
        await caller.client.get_prompt("ask_store", {"store": "vs_nothing"})


@pytest.mark.parametrize("era", ["legacy"], indirect=True)
@pytest.mark.parametrize("uri", ["vectorstore://vs_nothing", "nonsense"])
async def test_a_uri_that_names_nothing_cannot_be_subscribed_to(caller_of_era: Caller, uri: str) -> None:
    with pytest.raises(MCPError, match="names nothing") as refused:
        await caller_of_era.client.session.send_request(
            SubscribeRequest(params=SubscribeRequestParams(uri=uri)), EmptyResult
        )
    assert refused.value.error.code == -32602


async def test_the_files_of_a_store_fit_their_budget_and_say_how_to_go_on(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await caller.store()
    ids = [await caller.add(store, f"Page {n}.", f"{n}.txt", attributes={"note": "x" * 400}) for n in range(8)]
    uri = f"{uris.store(store)}/files"
    whole = json.loads(await read(caller, uri))
    assert [item["id"] for item in whole["data"]] == ids[::-1]
    assert whole["data"][0]["attributes"]
    monkeypatch.setattr(resources, "LONGEST_LIST", 1_500)
    text = await read(caller, uri)
    part = json.loads(text)
    shown = [item["id"] for item in part["data"]]
    assert 0 < len(shown) < 8
    assert shown == ids[::-1][: len(shown)]
    assert part["has_more"]
    assert len(json.dumps(part["data"])) <= 2 * 1_500
    assert f"after='{shown[-1]}'" in text or shown[-1] in part["next"]

"""A token that is bound to stores meets nothing of the others, on any face: no id, no name, no word, no count.

The walks are complete: an endpoint, a route, a tool, a resource or a prompt that they do not know fails a test.
"""

import base64
import itertools
import json
import re
from collections.abc import AsyncGenerator, Awaitable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest
from mcp import Client, MCPError
from mcp.types import (
    EmptyResult,
    PromptReference,
    ResourceListChangedNotification,
    ResourceTemplateReference,
    ResourceUpdatedNotification,
    SubscribeRequest,
    SubscribeRequestParams,
)
from starlette.routing import Route

from support.bounded_walk import PAGE, SESSION_ROUTES, TOOLS, V1, HiddenPlace, Visit, hidden, visible
from support.bounded_world import Sight, World, make_world
from support.clients import Era, text_of
from support.engine_calls import PATIENCE
from support.local import Words, opened, settled
from support.pages import change_token
from support.serving import House, house
from vectorstores_server.bounds.engine import BoundedEngine
from vectorstores_server.calls.ring import CallRing
from vectorstores_server.http.auth import StaticTokens
from vectorstores_server.http.policy import Policy
from vectorstores_server.http.v1.api import new_app
from vectorstores_server.page.routes import page_routes
from vectorstores_server.page.sessions import PageSessions
from vectorstores_server.page.views import PageParts
from vectorstores_tools.contract import uris
from vectorstores_tools.contract.bounds import StoreBounds
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.requests import StoreCreate, StoreFilesRequest, StoreUpdate
from vectorstores_tools.toolset import TOOL_NAMES

pytestmark = pytest.mark.process
FRESH_LOOPS = True
SEEDS = [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)]
WALK = V1 | PAGE
EXTENDED = {"x-vector-stores-extended": "1"}
CHANGING = re.compile(
    rb"doc-[0-9a-f]{6}|\b(?:vs|vsfb|file|part|upload)[_-][0-9a-z]{24}|\b[12]\d{9}\b|just now|in a minute"
)
"""What differs from one reply to the next: the name of a fence, ids of what a request makes, times."""


@dataclass
class Known:
    """One token at one server: what it sees, and the replies that it got, by what was asked."""

    served: House
    token: str
    sight: Sight
    replies: dict[str, bytes] = field(default_factory=dict[str, bytes])
    differing: list[str] = field(default_factory=list[str])

    def keep(self, asked: str, *replies: bytes, echoes: Iterable[str] = ()) -> None:
        """Keep replies, without what the request itself holds."""
        for number, reply in enumerate(replies):
            for echo in echoes:
                reply = reply.replace(echo.encode(), b"ECHO")
            self.replies[f"{asked} {number}"] = reply

    def compare(self, what: str, place: HiddenPlace, first: bytes, second: bytes) -> None:
        """Keep the reply about something hidden; note where it differs from that about what is not there."""
        self.keep(f"{what} {place.place}", first, echoes=place.hidden.values())
        hidden_id, unheard_id = (value.encode() for value in place.pair)
        compared = [
            CHANGING.sub(b"...", reply.replace(asked_for, b"ID"))
            for reply, asked_for in ((first, hidden_id), (second, unheard_id))
        ]
        if compared[0] != compared[1]:
            self.differing.append(f"{what} {place.place}: {compared}")

    def leaks(self) -> dict[str, list[str]]:
        """Return the secrets that got out, by what was asked."""
        secrets = self.sight.secrets
        found = {
            asked: [secret for secret in secrets if secret.encode() in reply] for asked, reply in self.replies.items()
        }
        return {asked: out for asked, out in found.items() if out}


@asynccontextmanager
async def world_of(tmp_path: Path, seed: int, *more: str) -> AsyncGenerator[tuple[House, World, Engine]]:
    """A world behind a server with a token that sees all, one bound by metadata, one that reads, one bound by ids."""
    async with opened(tmp_path / "data", Words()) as engine:
        world = await make_world(engine, seed)
        for store in world.stores:
            await settled(engine, store.id)
        ids = f"store:{world.stores[0].id} store:{world.stores[1].id}"
        tokens = StaticTokens(["everything", "meta:team=blue blue", "meta:team=blue ro:reader", f"{ids} named", *more])
        async with house(engine, tmp_path, Policy(verifier=tokens)) as served:
            yield served, world, engine


async def known(served: House, world: World, token: str) -> Known:
    caller = await served_policy(served, token)
    return Known(served, token, world.seen(caller))


async def served_policy(served: House, token: str) -> StoreBounds:
    verifier = served.policy.verifier if served.policy else None
    assert verifier is not None
    caller = await verifier.caller(token)
    assert caller is not None
    assert caller.bounds is not None
    return caller.bounds


@asynccontextmanager
async def browser(at: Known) -> AsyncGenerator[httpx.AsyncClient]:
    """A browser that has signed in with the token, and sends it as a program would, too."""
    headers = {"accept": "text/html", "origin": at.served.url, **EXTENDED}
    async with httpx.AsyncClient(base_url=at.served.url, headers=headers, timeout=PATIENCE) as http:
        await http.post("/sign-in", data={"token": at.token})
        http.headers["x-change-token"] = change_token((await http.get("/")).text)
        http.headers["authorization"] = f"Bearer {at.token}"
        yield http


# --- /v1, the page and the operator's endpoints


async def asked(http: httpx.AsyncClient, method: str, path: str, visit: Visit, values: dict[str, str]) -> bytes:
    """The status, the telling headers and the body of a reply."""
    sent = visit.filled(values)
    url = path.split("/{")[0] + sent[0] if path.startswith("/v1") else sent[0]
    body = sent[1] if len(sent) > 1 else None
    given: dict[str, Any] = {"content": body} if isinstance(body, str) else {"json": body} if body is not None else {}
    reply = await http.request(method, url, **given, **visit.form)
    headers = {name: reply.headers.get(name) for name in ("content-type", "location", "etag", "allow", "content-range")}
    return f"{reply.status_code} {headers} ".encode() + reply.content


async def walk_http(at: Known) -> None:
    """Visit everything, with what is seen, what is hidden, and what is not there."""
    visits = [(*route, number, visit) for route, all_of_it in WALK.items() for number, visit in enumerate(all_of_it)]
    async with browser(at) as http:
        for method, path, number, visit in sorted(visits, key=lambda entry: not entry[3].reads):  # what changes, last
            called = f"{method} {path} {number}"
            for place in hidden(at.sight, visit.places):
                first = await asked(http, method, path, visit, dict(place.hidden))
                second = await asked(http, method, path, visit, dict(place.twin))
                at.compare(called, place, first, second)
            fillings: list[dict[str, str]] = visible(at.sight) if visit.places else [{}]
            for filling, values in enumerate(fillings if visit.reads or not visit.places else []):
                at.keep(f"{called} {filling}", await asked(http, method, path, visit, values))


async def state_of(engine: Engine, store_id: str) -> tuple[object, ...]:
    """All of a store but when it was last used."""
    store = await engine.retrieve_store(store_id)
    files = await engine.list_store_files(store_id, StoreFilesRequest(limit=100))
    return store.name, store.metadata, store.file_counts, [(file.id, file.attributes) for file in files.data]


def test_the_walk_knows_every_endpoint_and_every_route() -> None:
    endpoints = {(method.upper(), path) for path, methods in new_app().openapi()["paths"].items() for method in methods}
    assert endpoints == set(V1)
    parts = PageParts(Engine.__new__(BoundedEngine), PageSessions(), ring=CallRing(Path("/nonexistent")))

    async def checks(_token: str) -> bool:
        return False

    routes = {
        (method, route.path)
        for route in page_routes(parts, new_app(), checks)
        if isinstance(route, Route) and not route.path.startswith("/page/assets")
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert routes
    assert routes - set(PAGE) == SESSION_ROUTES


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "token", ["blue", *(pytest.param(name, marks=pytest.mark.slow) for name in ("reader", "named"))]
)
async def test_nothing_of_other_stores_is_told_over_http(tmp_path: Path, seed: int, token: str) -> None:
    async with world_of(tmp_path, seed) as (served, world, engine):
        at = await known(served, world, token)
        assert at.sight.stores
        assert len(at.sight.secrets) > 20
        before = [await state_of(engine, store.id) for store in at.sight.hidden_stores]
        await walk_http(at)
        assert at.differing == []
        assert at.leaks() == {}
        assert [await state_of(engine, store.id) for store in at.sight.hidden_stores] == before
        assert len(at.replies) > 200
        assert all(store.id.encode() in at.replies["GET /v1/vector_stores 0 0 0"] for store in at.sight.stores)


# --- MCP


async def called(client: Client, tool: str, arguments: dict[str, Any]) -> bytes:
    result = await client.call_tool(tool, arguments)
    return f"{result.is_error} {text_of(result)} {json.dumps(result.structured_content)}".encode()


async def walk_tools(at: Known, client: Client) -> None:
    """Call everything, with what is seen, what is hidden, and what is not there."""
    visits = [(tool, number, visit) for tool, all_of_it in TOOLS.items() for number, visit in enumerate(all_of_it)]
    path = {"PATH": str(at.served.folder)}
    for tool, number, visit in sorted(visits, key=lambda entry: not entry[2].reads):
        for place in hidden(at.sight, visit.places):
            first = await called(client, tool, visit.filled({**place.hidden, **path}))
            second = await called(client, tool, visit.filled({**place.twin, **path}))
            at.compare(f"{tool} {number}", place, first, second)
        fillings: list[dict[str, str]] = visible(at.sight) if visit.places else [{}]
        for filling, values in enumerate(fillings if visit.reads else []):
            at.keep(f"{tool} {number} {filling}", await called(client, tool, visit.filled({**values, **path})))


async def refusal(request: Awaitable[Any]) -> bytes:
    """The error of a request, which there is."""
    with pytest.raises(MCPError) as caught:
        await request
    return f"{caught.value.error.code} {caught.value.error.message} {caught.value.error.data}".encode()


FORMS = ("vectorstore://{S}", "vectorstore://{S}/files", "vectorstore://{S}/files/{F}", "vectorstore://{S}/batches/{B}",
         "vectorstore://files/{F}/content")  # fmt: skip


async def walk_resources(at: Known, client: Client, era: Era) -> None:
    """Read, and subscribe to, everything."""
    for number, form in enumerate(FORMS):
        visit = Visit(form)
        for filling, values in enumerate(visible(at.sight)):
            content = await client.read_resource(visit.filled(values))
            at.keep(f"{form} {filling}", content.model_dump_json().encode())
        for place in hidden(at.sight, visit.places):
            pair = [visit.filled(dict(values)) for values in (place.hidden, place.twin)]
            at.compare(f"read {number}", place, *[await refusal(client.read_resource(uri)) for uri in pair])
            if era == "legacy":
                at.compare(f"subscribe {number}", place, *[await refusal(subscribe(client, uri)) for uri in pair])
    listed = await client.list_resources()
    at.keep("list of resources", listed.model_dump_json().encode())
    assert {str(resource.uri) for resource in listed.resources} == {uris.store(store.id) for store in at.sight.stores}


async def walk_names(at: Known, client: Client) -> None:
    """Ask for the prompt, for completions, and for pages of the list of resources."""
    refs = (
        PromptReference(type="ref/prompt", name="ask_store"),
        ResourceTemplateReference(type="ref/resource", uri=uris.FORMS[2]),
    )

    async def completed(ref: PromptReference | ResourceTemplateReference, argument: str, value: str) -> bytes:
        return (await client.complete(ref, {"name": argument, "value": value})).model_dump_json().encode()

    for place in hidden(at.sight, ["S", "N", "F", "M"]):
        if place.place in "SN":
            prompts = [client.get_prompt("ask_store", {"store": value, "question": "?"}) for value in place.pair]
            at.compare("prompt", place, *[await refusal(prompt) for prompt in prompts])
        cursors = [base64.urlsafe_b64encode(value.encode()).decode() for value in place.pair]
        at.compare("cursor", place, *[await refusal(client.list_resources(cursor=cursor)) for cursor in cursors])
        for ref, argument in itertools.product(refs, ("store", "vector_store_id", "file_id")):
            at.compare(f"{argument}", place, *[await completed(ref, argument, value) for value in place.pair])
            at.keep(f"every {argument}", await completed(ref, argument, ""))


async def subscribe(client: Client, uri: str) -> None:
    request = SubscribeRequest(params=SubscribeRequestParams(uri=uri))
    await client.session.send_request(request, EmptyResult)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "token", [*(pytest.param(name, marks=pytest.mark.slow) for name in ("blue", "reader")), "named"]
)
async def test_nothing_of_other_stores_is_told_over_mcp(tmp_path: Path, seed: int, token: str, era: Era) -> None:
    assert set(TOOLS) == set(TOOL_NAMES), "a tool that is not walked"
    async with world_of(tmp_path, seed) as (served, world, engine):
        (served.folder / "a.txt").write_text("Another lamp.")
        at = await known(served, world, token)
        before = [await state_of(engine, store.id) for store in at.sight.hidden_stores]
        async with served.known_as(token).client("http", mode=era) as client:
            templates = (await client.list_resource_templates()).resource_templates
            assert len(templates) == len(FORMS), "a resource that is not walked"
            assert [prompt.name for prompt in (await client.list_prompts()).prompts] == ["ask_store"]
            await walk_resources(at, client, era)
            await walk_names(at, client)
            await walk_tools(at, client)
        assert at.differing == []
        assert at.leaks() == {}
        assert [await state_of(engine, store.id) for store in at.sight.hidden_stores] == before
        assert len(at.replies) > 100
        assert all(store.id.encode() in at.replies["list 0 0 0"] for store in at.sight.stores)


class Heard:
    """The notifications that a client gets."""

    def __init__(self) -> None:
        self.news: list[str] = []
        self._more = anyio.Event()

    async def hear(self, message: object) -> None:
        await anyio.lowlevel.checkpoint()
        if isinstance(message, ResourceUpdatedNotification):
            self.news.append(str(message.params.uri))
        elif isinstance(message, ResourceListChangedNotification):
            self.news.append("list")
        self._more.set()
        self._more = anyio.Event()

    async def until(self, number: int) -> None:
        with anyio.fail_after(PATIENCE):
            while len(self.news) < number:
                await self._more.wait()


@asynccontextmanager
async def listening_to(served: House, token: str, era: Era, uri: str) -> AsyncGenerator[Heard]:
    """A client that is subscribed to a URI, and to the list of stores."""
    heard = Heard()
    async with served.known_as(token).client("http", mode=era, message_handler=heard.hear) as client:
        if era == "legacy":
            await subscribe(client, uri)
            yield heard
            return
        async with anyio.create_task_group() as tasks:
            ready = anyio.Event()

            async def listen() -> None:
                async with client.listen(resources_list_changed=True, resource_subscriptions=[uri]) as events:
                    ready.set()
                    async for _ in events:  # each of them goes to `hear`, too
                        pass

            tasks.start_soon(listen)
            await ready.wait()
            yield heard
            tasks.cancel_scope.cancel()


async def test_no_notification_tells_of_a_store_that_is_not_seen(tmp_path: Path, era: Era) -> None:
    async with world_of(tmp_path, 1) as (served, world, engine):
        sight = (await known(served, world, "blue")).sight
        mine, other = sight.stores[0].id, sight.hidden_stores[0].id
        async with (
            listening_to(served, "blue", era, uris.store(mine)) as blue,
            listening_to(served, "everything", era, uris.store(other)) as all_of_it,
        ):
            for number in range(3):  # a new store, another name, a store that is gone
                made = await engine.create_store(StoreCreate(name=f"Hidden {number}", metadata={"team": "red"}))
                await all_of_it.until(3 * number + 1)
                await engine.update_store(other, StoreUpdate(name=f"Renamed {number}"))
                await all_of_it.until(3 * number + 3)
                await engine.delete_store(made.id)
            await engine.update_store(mine, StoreUpdate(name="Seen"))
            await blue.until(2)
        assert sorted(blue.news[:2]) == ["list", uris.store(mine)]
        assert uris.store(other) in all_of_it.news


async def test_over_sse_a_token_meets_its_stores_alone_too(tmp_path: Path, era: Era) -> None:
    async with world_of(tmp_path, 1) as (served, world, _):
        at = await known(served, world, "blue")
        async with served.known_as("blue").client("sse", mode=era) as client:
            at.keep("list", await called(client, "list", {}))
            at.keep("files", await called(client, "list", {"of": "files"}))
            at.keep("search", await called(client, "search", {"query": "keeper lamp"}))
            for place in hidden(at.sight, ["S"]):
                pair = [await called(client, "retrieve", {"vector_store_id": value}) for value in place.pair]
                at.compare("retrieve", place, *pair)
        assert at.leaks() == {}
        assert at.differing == []
        assert all(store.id.encode() in at.replies["list 0"] for store in at.sight.stores)

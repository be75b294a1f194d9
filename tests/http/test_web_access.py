"""The guard and what is behind it, together: sessions, caps and limits as clients meet them."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client, MCPError
from mcp.client.sse import sse_client
from mcp.server import MCPServer

from support.local import opened
from support.oauth_issuer import AUDIENCE, ISSUER
from support.serving import listening
from vectorstores_server.http.app import Servers, build_web
from vectorstores_server.http.auth import Caller, StaticTokens
from vectorstores_server.http.concurrency import Admission
from vectorstores_server.http.oauth import resource_server
from vectorstores_server.http.policy import Policy
from vectorstores_tools.contract.maintenance import Health

TOKENS = StaticTokens(["first", "second", "ro:third"])
MEBIBYTE = 1024 * 1024
HELLO: Mapping[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}
LIST: Mapping[str, Any] = {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}}
ACCEPT = {"accept": "application/json, text/event-stream"}


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@dataclass
class Web:
    """A server whose tool `hold` answers when `leave` is set; the reading one has the tool `look` instead."""

    url: str
    http: httpx.AsyncClient
    entered: anyio.Event
    leave: anyio.Event
    admission: Admission


@asynccontextmanager
async def web(
    directory: Path, policy: Policy | None = None, admission: Admission | None = None, **options: Any
) -> AsyncGenerator[Web]:
    entered, leave = anyio.Event(), anyio.Event()
    writing, reading = MCPServer("writing"), MCPServer("reading")

    async def hold() -> str:
        entered.set()
        await leave.wait()
        return "held"

    async def look() -> str:
        return "seen"

    async def probe() -> Health:
        await anyio.lowlevel.checkpoint()
        return Health({})

    writing.add_tool(hold)
    reading.add_tool(look)
    admission = admission or Admission(8, 8)
    async with opened(directory) as engine:
        app = build_web(Servers(writing, reading), engine, probe, policy=policy, admission=admission, **options)
        async with listening(app) as url, httpx.AsyncClient(base_url=url, timeout=20, trust_env=False) as http:
            yield Web(url, http, entered, leave, admission)


async def test_a_session_of_mcp_answers_only_to_the_token_that_opened_it(tmp_path: Path) -> None:
    async with web(tmp_path, Policy(verifier=TOKENS)) as served:
        begun = await served.http.post("/mcp", json=HELLO, headers={**ACCEPT, **bearer("first")})
        session = {"mcp-session-id": begun.headers["mcp-session-id"], **ACCEPT}
        for token, status in (("first", 200), ("second", 404), ("third", 404), ("nobody", 401)):
            reply = await served.http.post("/mcp", json=LIST, headers={**session, **bearer(token)})
            assert reply.status_code == status, token
        assert (await served.http.delete("/mcp", headers={**session, **bearer("second")})).status_code == 404


async def test_a_connection_of_sse_answers_only_to_the_token_that_opened_it(tmp_path: Path) -> None:
    async with (
        web(tmp_path, Policy(verifier=TOKENS)) as served,
        served.http.stream("GET", "/sse", headers=bearer("first")) as stream,
    ):
        lines = stream.aiter_lines()
        assert await anext(lines) == "event: endpoint"
        messages = (await anext(lines)).removeprefix("data: ")
        for token, status in (("second", 404), ("third", 404), ("nobody", 401), ("first", 202)):
            reply = await served.http.post(messages, json=HELLO, headers=bearer(token))
            assert reply.status_code == status, token


@pytest.mark.parametrize("path", ["/sse", "/mcp"])
async def test_a_stream_ends_with_the_token_that_opened_it(tmp_path: Path, path: str) -> None:
    class Brief:
        async def caller(self, token: str) -> Caller:
            return Caller(token, expires_at=time.time() + 0.5)

    with anyio.fail_after(10):
        async with web(tmp_path, Policy(verifier=Brief())) as served:
            begun = await served.http.post("/mcp", json=HELLO, headers={**ACCEPT, **bearer("one")})
            headers = {"accept": "text/event-stream", "mcp-session-id": begun.headers["mcp-session-id"]}
            async with served.http.stream("GET", path, headers={**headers, **bearer("one")}) as stream:
                assert stream.status_code == 200
                await stream.aread()
            assert served.admission.streams.running == 0


@pytest.mark.parametrize("era", ["legacy", "auto"])
async def test_calls_over_sse_take_room_like_any_others(tmp_path: Path, era: Any) -> None:
    async with (
        web(tmp_path, admission=Admission(1, 1)) as served,
        Client(sse_client(f"{served.url}/sse"), mode=era) as client,
    ):
        await full(served, client)
        assert served.admission.streams.running == 1


async def test_a_full_server_tells_an_mcp_client_why(tmp_path: Path) -> None:
    async with web(tmp_path, admission=Admission(1, 1)) as served, Client(f"{served.url}/mcp") as client:
        await full(served, client)


async def full(served: Web, client: Client) -> None:
    """Fill a server that has room for one request, and look at it."""
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "hold")
            await served.entered.wait()
            with pytest.raises(MCPError, match="Too many requests are running"):
                await client.call_tool("hold")
            assert (await served.http.get("/v1/files")).status_code == 429
            served.leave.set()
        assert (await served.http.get("/v1/files")).status_code == 200


async def test_who_listens_over_mcp_takes_no_room_from_who_works(tmp_path: Path) -> None:
    async with (
        web(tmp_path, admission=Admission(1, 1)) as served,
        Client(f"{served.url}/mcp") as client,
        client.listen(tools_list_changed=True),
    ):
        assert (served.admission.streams.running, served.admission.requests.running) == (1, 0)
        assert len((await client.list_tools()).tools) == 1


async def pieces(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // MEBIBYTE):
        yield b" " * MEBIBYTE


@pytest.mark.parametrize("path", ["/mcp", "/mcp/", "/messages/", "/v1/vector_stores"])
@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_above_16_mib_is_413_where_json_is_taken(tmp_path: Path, path: str, declared: bool) -> None:
    headers = {**ACCEPT, "content-type": "application/json"}
    content = b" " * 20 * MEBIBYTE if declared else pieces(20 * MEBIBYTE)
    async with web(tmp_path) as served:
        reply = await served.http.post(path, content=content, headers=headers)
    assert reply.status_code == 413
    assert "16 MiB" in reply.json()["error"]["message"]


async def test_an_upload_may_be_larger_and_has_an_end_too(tmp_path: Path) -> None:
    part = b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    headers = {"content-type": "multipart/form-data; boundary=b"}

    async def form(size: int) -> AsyncIterator[bytes]:
        yield part
        async for piece in pieces(size):
            yield piece
        yield b'\r\n--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nassistants\r\n--b--\r\n'

    async with web(tmp_path, Policy(max_upload=24 * MEBIBYTE)) as served:
        good = await served.http.post("/v1/files", content=form(20 * MEBIBYTE), headers=headers)
        large = await served.http.post("/v1/files", content=form(30 * MEBIBYTE), headers=headers)
        kept = (await served.http.get("/v1/files")).json()["data"]
    assert (good.status_code, large.status_code) == (200, 413)
    assert large.json()["error"]["code"] == "too_large"
    assert [one["id"] for one in kept] == [good.json()["id"]]


async def test_the_metadata_of_oauth_lies_at_the_root_and_needs_no_token(tmp_path: Path) -> None:
    oauth = resource_server(ISSUER, AUDIENCE)
    policy = Policy(verifier=oauth.verifier, metadata_url=oauth.metadata_url)
    async with web(tmp_path, policy, metadata=oauth.metadata) as served:
        for path in ("/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"):
            assert (await served.http.get(path)).json() == oauth.metadata
        assert (await served.http.get("/mcp")).status_code == 401


async def test_without_oauth_there_is_no_metadata(tmp_path: Path) -> None:
    async with web(tmp_path, Policy(verifier=TOKENS)) as served:
        assert (await served.http.get("/.well-known/oauth-protected-resource/mcp")).status_code == 404


ROUTES = ("/mcp", "/mcp/", "/sse", "/messages/", "/v1/vector_stores", "/v1/nothing", "/health", "/ready", "/metrics")
PAGE = "http://localhost:3000"


async def test_a_page_of_an_allowed_origin_may_read_every_reply(tmp_path: Path) -> None:
    async with web(tmp_path, Policy(verifier=TOKENS)) as site:
        for route in ROUTES:
            asking = {
                "origin": PAGE,
                "access-control-request-method": "POST",
                "access-control-request-headers": "authorization, content-type",
            }
            preflight = await site.http.options(route, headers=asking)
            assert (preflight.status_code, preflight.content) == (204, b"")
            assert preflight.headers["access-control-allow-headers"] == "authorization, content-type"
            assert "POST" in preflight.headers["access-control-allow-methods"]
            reply = await site.http.post(route, headers={"origin": PAGE, **bearer("first")}, json=LIST)
            refused = await site.http.post(route, headers={"origin": PAGE}, json=LIST)
            for answer in (preflight, reply, refused):
                assert answer.headers["access-control-allow-origin"] == PAGE
                assert "access-control-allow-credentials" not in answer.headers
            foreign = await site.http.options(route, headers=asking | {"origin": "http://evil.example"})
            assert foreign.status_code == 403
            assert "access-control-allow-origin" not in foreign.headers

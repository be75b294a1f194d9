"""What only HTTP has: sessions, many clients, large bodies, read-only callers."""

import math
import socket
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client

from support.clients import Era, text_of
from support.engine_calls import PATIENCE
from support.serving import House, Transport, house, over_http
from support.wire import ACCEPT, Wire
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.http.auth import StaticTokens
from vectorstores_server.http.policy import Policy
from vectorstores_server.http.server import BindAddress

MEBIBYTE = 1024 * 1024
CLIENTS = 24
BOTH: list[Transport] = ["http", "sse"]


@pytest.fixture
async def served(local_engine: LocalEngine, tmp_path: Path) -> AsyncGenerator[House]:
    async with house(local_engine, tmp_path) as served:
        yield served


@pytest.fixture
async def http() -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient(headers=ACCEPT, timeout=PATIENCE) as http:
        yield http


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_a_slash_at_the_end_makes_no_difference(served: House, era: Era, path: str) -> None:
    async with Client(over_http(served.url + path, {}), mode=era) as client:
        assert len((await client.list_tools()).tools) == 10


async def test_a_session_nobody_uses_ends_after_a_while(served: House, http: httpx.AsyncClient) -> None:
    served.server.session_manager.session_idle_timeout = 0.05
    wire = Wire(http, f"{served.url}/mcp")
    await wire.join()
    with anyio.fail_after(PATIENCE):
        while (await wire.post("ping")).status_code == 200:
            with anyio.move_on_after(0.1):
                await anyio.Event().wait()
    reply = await wire.post("ping")
    assert reply.status_code == 404


async def test_sessions_are_bounded_and_room_comes_back(served: House, http: httpx.AsyncClient) -> None:
    manager = served.server.session_manager
    assert (manager.max_sessions or math.inf) * (manager.session_idle_timeout or math.inf) < math.inf
    manager.max_sessions = 1
    wire, other = Wire(http, f"{served.url}/mcp"), Wire(httpx.AsyncClient(headers=ACCEPT), f"{served.url}/mcp")
    await wire.join()
    async with other.http:
        assert (await other.post("initialize")).status_code == 503
        assert (await wire.post("ping")).status_code == 200
        assert (await http.delete(wire.url)).status_code == 200
        await other.join()


async def test_a_session_that_never_was_is_not_found(served: House, http: httpx.AsyncClient) -> None:
    http.headers["mcp-session-id"] = "none"
    assert (await Wire(http, f"{served.url}/mcp").post("tools/list")).status_code == 404
    assert (await http.post(f"{served.url}/messages/?session_id={'0' * 32}", json={})).status_code == 404


@pytest.mark.parametrize("transport", BOTH)
async def test_many_clients_work_at_once(served: House, transport: Transport) -> None:
    names: set[str] = set()

    async def work(number: int) -> None:
        async with served.client(transport, mode="legacy" if number % 2 else "auto") as client:
            made = (await client.call_tool("create_store", {"name": f"Store {number}"})).structured_content
            assert made is not None
            seen = (await client.call_tool("retrieve", {"vector_store_id": made["id"]})).structured_content
            assert seen is not None
            names.add(seen["name"])

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            for number in range(CLIENTS):
                tasks.start_soon(work, number)
    assert names == {f"Store {number}" for number in range(CLIENTS)}


@pytest.mark.parametrize("transport", BOTH)
async def test_bodies_of_almost_16_mebibytes_reach_the_tool(served: House, era: Era, transport: Transport) -> None:
    async with served.client(transport, mode=era) as client:
        result = await client.call_tool("upload_file", {"text": "x" * (16 * MEBIBYTE - 4096)})
    assert result.is_error
    assert "at most 1000000 characters" in text_of(result)


@pytest.mark.parametrize("transport", BOTH)
async def test_a_token_that_may_only_read_meets_the_server_that_only_reads(
    local_engine: LocalEngine, tmp_path: Path, era: Era, transport: Transport
) -> None:
    policy = Policy(verifier=StaticTokens(("writing-token", "ro:reading-token")))
    async with house(local_engine, tmp_path, policy) as served:
        writing, reading = (served.known_as(token) for token in ("writing-token", "reading-token"))
        async with writing.client(transport, mode=era) as client:
            made: Any = (await client.call_tool("create_store", {"name": "Notes"})).structured_content
        async with reading.client(transport, mode=era) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == ["search", "list", "retrieve", "read"]
            seen: Any = (await client.call_tool("retrieve", {"vector_store_id": made["id"]})).structured_content
            assert seen["name"] == "Notes"
            assert (await client.call_tool("create_store", {})).is_error


def test_replies_are_not_held_back_until_the_client_acknowledges() -> None:
    with BindAddress("127.0.0.1", 0).listen() as listening:
        with socket.create_connection(listening.getsockname()[:2]):
            accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

"""MCP servers of bound callers: one for each set of bounds, made when it is needed and ended when it is not."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest
from mcp.server import MCPServer
from starlette.types import Receive, Scope, Send

from support.local import opened
from support.pages import page_of
from support.serving import house
from vectorstores_server.http.auth import Caller, StaticTokens
from vectorstores_server.http.bound_servers import BoundServers
from vectorstores_server.http.concurrency import Admission
from vectorstores_server.http.policy import Policy
from vectorstores_server.http.sse_calls import SseCallLimit
from vectorstores_tools.contract.bounds import StoreBounds

TOKENS = StaticTokens(["everything", "meta:team=blue blue", "meta:team=red ro:red"])


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


class Made:
    """Bound servers whose only app notes which of them it is in, and answers when it is let."""

    def __init__(self, most: int) -> None:
        self.made: list[tuple[str, bool]] = []
        self.passed: list[str] = []
        self.let = anyio.Event()
        self.servers = BoundServers(self.make, {"app": self.app}, SseCallLimit(Admission(8, 8)), most)

    def make(self, bounds: StoreBounds, read_only: bool) -> MCPServer:
        self.made.append((bounds.key, read_only))
        server = MCPServer(bounds.key)
        server.streamable_http_app()
        return server

    def app(self, server: MCPServer) -> Any:
        async def answer(scope: Scope, _receive: Receive, _send: Send) -> None:
            self.passed.append(server.name)
            if scope.get("waits"):
                await self.let.wait()
            await anyio.lowlevel.checkpoint()

        return answer

    async def ask(self, team: str, *, read_only: bool = False, waits: bool = False) -> None:
        async def nothing(*_: Any) -> Any:
            await anyio.lowlevel.checkpoint()

        caller = Caller(team, read_only, bounds=StoreBounds(metadata=(("team", team),)))
        await self.servers.over("app")({"state": {"caller": caller}, "waits": waits}, nothing, nothing)


async def test_equal_bounds_and_rights_share_a_server_and_no_others_do() -> None:
    made = Made(10)
    async with made.servers.running():
        for team, read_only in (("blue", False), ("red", False), ("blue", False), ("blue", True)):
            await made.ask(team, read_only=read_only)
    assert made.made == [("meta:team=blue", False), ("meta:team=red", False), ("meta:team=blue", True)]
    assert made.passed == ["meta:team=blue", "meta:team=red", "meta:team=blue", "meta:team=blue"]


async def test_what_was_used_longest_ago_goes_first_unless_a_request_runs_in_it() -> None:
    made = Made(1)
    async with made.servers.running(), anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: made.ask("waiting", waits=True))
        while not made.passed:
            await anyio.lowlevel.checkpoint()
        for team in ("a", "b", "c", "c"):
            await made.ask(team)
        assert len(made.made) == 4
        made.let.set()
        await made.ask("waiting")
        await made.ask("a")
    assert [key for key, _ in made.made] == [f"meta:team={team}" for team in ("waiting", "a", "b", "c", "a")]


@asynccontextmanager
async def served(tmp_path: Path, policy: Policy) -> AsyncGenerator[httpx.AsyncClient]:
    async with (
        opened(tmp_path / "data") as engine,
        house(engine, tmp_path, policy) as running,
        httpx.AsyncClient(base_url=running.url, timeout=30) as http,
    ):
        yield http


async def test_the_operators_numbers_are_for_who_sees_every_store(tmp_path: Path) -> None:
    async with served(tmp_path, Policy(verifier=TOKENS)) as http:
        assert (await http.get("/metrics", headers=bearer("everything"))).status_code == 200
        for token in ("blue", "red"):
            refused = await http.get("/metrics", headers=bearer(token))
            assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_allowed")
            assert (await http.get("/ready", headers=bearer(token))).status_code == 200


@pytest.mark.parametrize("path", ["/v1/vector_stores", "/mcp", "/"])
async def test_a_bound_token_is_refused_where_nothing_would_hold_it_to_its_stores(tmp_path: Path, path: str) -> None:
    async with served(tmp_path, Policy(verifier=TOKENS, binds=False)) as http:
        refused = await http.get(path, headers=bearer("blue"))
        assert (refused.status_code, "without bounds" in refused.text) == (403, True)
        assert (await http.get("/v1/vector_stores", headers=bearer("everything"))).status_code == 200


async def test_a_server_without_a_maker_of_bound_ones_refuses_over_mcp(tmp_path: Path) -> None:
    async with opened(tmp_path / "data") as engine, page_of(engine, verifier=TOKENS) as http:
        assert (await http.post("/mcp", json={}, headers=bearer("blue"))).status_code == 403
        assert (await http.get("/v1/vector_stores", headers=bearer("blue"))).json()["data"] == []

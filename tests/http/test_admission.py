"""How much runs at once."""

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from vectorstores_server.http.auth import ANYBODY, Caller
from vectorstores_server.http.concurrency import Admission, ConcurrencyLimit
from vectorstores_server.http.guard import Guard
from vectorstores_server.http.policy import Policy

MODERN = {"mcp-protocol-version": "2026-07-28", "mcp-method": "subscriptions/listen"}


def over(guard: Guard) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(guard), base_url="http://127.0.0.1:8000")


async def well(request: Request) -> Response:
    return PlainTextResponse("well")


class Holding:
    """An app whose requests stay until `leave` is set."""

    def __init__(self) -> None:
        self.entered, self.leave = anyio.Event(), anyio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.entered.set()
        await self.leave.wait()
        await PlainTextResponse("done")(scope, receive, send)


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [("GET", "/v1/hold", {}), ("GET", "/sse", {}), ("POST", "/mcp", MODERN), ("POST", "/mcp", {})],
)
async def test_over_the_cap_the_answer_is_429_with_retry_after_and_room_comes_back(
    method: str, path: str, headers: dict[str, str]
) -> None:
    holding = Holding()
    async with over(Guard(holding, Policy(), Admission(1, 1, streams=1))) as client:
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(lambda: client.request(method, path, headers=headers))
                await holding.entered.wait()
                refused = await client.request(method, path, headers=headers)
                assert refused.status_code == 429
                assert refused.headers["retry-after"] == "1"
                holding.leave.set()
            assert (await client.request(method, path, headers=headers)).text == "done"


@pytest.mark.parametrize("open_path", ["/sse", "/mcp"])
async def test_who_only_listens_takes_no_room_from_who_works(open_path: str) -> None:
    holding, app = Holding(), Starlette(routes=[Route("/v1/files", well)])
    admission = Admission(1, 1, streams=1)

    async def either(scope: Scope, receive: Receive, send: Send) -> None:
        await (holding if scope["path"] == open_path else app)(scope, receive, send)

    async with over(Guard(either, Policy(), admission)) as client:
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.get, open_path)
                await holding.entered.wait()
                assert (admission.streams.running, admission.requests.running) == (1, 0)
                assert (await client.get("/v1/files")).status_code == 200
                holding.leave.set()


async def test_an_old_client_cannot_call_its_work_listening() -> None:
    holding, admission = Holding(), Admission(1, 1)
    async with over(Guard(holding, Policy(), admission)) as client:
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                named = {**MODERN, "mcp-protocol-version": "2025-11-25"}
                tasks.start_soon(lambda: client.post("/mcp", headers=named))
                await holding.entered.wait()
                assert admission.requests.running == 1
                holding.leave.set()


async def test_a_server_that_is_full_still_says_that_it_is_well() -> None:
    admission = Admission(1, 1)
    with admission.requests.enter(ANYBODY):
        app = Starlette(routes=[Route("/{path:path}", well)])
        async with over(Guard(app, Policy(), admission)) as client:
            assert (await client.get("/v1/files")).status_code == 429
            for path in ("/health", "/ready", "/metrics"):
                assert (await client.get(path)).status_code == 200


def test_one_caller_does_not_take_the_room_of_another() -> None:
    cap = ConcurrencyLimit(in_all=4, per_caller=1)
    a, b = Caller("a"), Caller("b")
    with cap.enter(a) as first, cap.enter(a) as second, cap.enter(b) as third:
        assert (first, second, third) == (True, False, True)
    assert cap.running == 0


def test_without_tokens_only_the_cap_in_all_counts() -> None:
    cap = ConcurrencyLimit(in_all=2, per_caller=1)
    with cap.enter(ANYBODY) as first, cap.enter(ANYBODY) as second, cap.enter(ANYBODY) as third:
        assert (first, second, third) == (True, True, False)

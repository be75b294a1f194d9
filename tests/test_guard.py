import json
from collections.abc import AsyncIterator

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from vectorstores_server.access import StaticTokens
from vectorstores_server.admission import Admission
from vectorstores_server.guard import Guard, Policy, Seen

HERE = "http://127.0.0.1:8000"
TOKENS = StaticTokens(("writing-token", "ro:reading-token"))


async def echo(request: Request) -> Response:
    body = await request.body()
    return PlainTextResponse(f"{request.method} {len(body)} {request.state.read_only}")


def guarded(policy: Policy, admission: Admission | None = None, seen: list[Seen] | None = None) -> httpx.AsyncClient:
    app = Starlette(routes=[Route("/{path:path}", echo, methods=["GET", "POST", "DELETE"])])
    guard = Guard(app, policy, admission or Admission(8, 8), (seen if seen is not None else []).append)
    return httpx.AsyncClient(transport=httpx.ASGITransport(guard), base_url=HERE)


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "[::1]:9"])
async def test_loopback_names_are_answered(host: str) -> None:
    async with guarded(Policy()) as client:
        assert (await client.get("/v1/files", headers={"host": host})).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil:80"])
async def test_another_host_is_misdirected(host: str) -> None:
    async with guarded(Policy()) as client:
        reply = await client.get("/v1/files", headers={"host": host})
    assert reply.status_code == 421
    assert "--allowed-host" in reply.json()["error"]["message"]


async def test_a_web_page_of_another_origin_is_refused_on_every_route() -> None:
    async with guarded(Policy()) as client:
        for path in ("/mcp", "/sse", "/v1/files", "/health", "/metrics"):
            assert (await client.get(path, headers={"origin": "https://evil.example"})).status_code == 403
        assert (await client.get("/mcp", headers={"origin": "http://localhost:3000"})).status_code == 200
        assert (await client.get("/mcp", headers={"origin": "null"})).status_code == 403


@pytest.mark.parametrize("sent", [{}, {"authorization": "Bearer wrong"}, {"authorization": "Basic writing-token"}])
async def test_without_a_good_token_the_answer_is_401_and_says_how(sent: dict[str, str]) -> None:
    async with guarded(Policy(verifier=TOKENS)) as client:
        reply = await client.get("/v1/files", headers=sent)
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"] == "Bearer"
    assert reply.json()["error"]["code"] == "invalid_api_key"
    assert "wrong" not in reply.text


async def test_health_needs_no_token_and_ready_does() -> None:
    async with guarded(Policy(verifier=TOKENS)) as client:
        assert (await client.get("/health")).status_code == 200
        assert (await client.get("/.well-known/oauth-protected-resource/mcp")).status_code == 200
        for path in ("/ready", "/metrics", "/openapi.json", "/healthy"):
            assert (await client.get(path)).status_code == 401


async def test_a_read_only_token_reads_and_searches_but_writes_nothing() -> None:
    async with guarded(Policy(verifier=TOKENS)) as client:
        client.headers["authorization"] = "Bearer reading-token"
        assert (await client.get("/v1/files")).text == "GET 0 True"
        assert (await client.post("/v1/vector_stores/vs_1/search", json={})).status_code == 200
        for method, path in (("POST", "/v1/vector_stores"), ("DELETE", "/v1/files/x"), ("POST", "/v1/uploads")):
            assert (await client.request(method, path)).status_code == 403
        assert (await client.post("/mcp")).text.endswith("True")


async def test_the_mark_of_a_read_only_token_is_not_part_of_it() -> None:
    async with guarded(Policy(verifier=TOKENS)) as client:
        reply = await client.get("/v1/files", headers={"authorization": "Bearer ro:reading-token"})
    assert reply.status_code == 401


async def test_an_announced_body_over_the_limit_is_413_in_the_envelope() -> None:
    async with guarded(Policy(max_body=1024)) as client:
        reply = await client.post("/mcp", content=b"x" * 2000)
    assert reply.status_code == 413
    assert reply.json()["error"]["code"] == "too_large"


async def test_a_body_that_does_not_say_its_size_is_cut_at_the_limit() -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 100

    async with guarded(Policy(max_body=1024)) as client:
        reply = await client.post("/mcp", content=endless())
    assert reply.status_code == 413


async def test_uploads_have_a_limit_of_their_own() -> None:
    async with guarded(Policy(max_body=10, max_upload=1000)) as client:
        assert (await client.post("/v1/files", content=b"x" * 500)).status_code == 200
        assert (await client.post("/v1/uploads/u/parts", content=b"x" * 500)).status_code == 200
        assert (await client.post("/v1/vector_stores/v/files", content=b"x" * 500)).status_code == 413


async def test_over_the_cap_the_answer_is_429_with_retry_after_and_room_comes_back() -> None:
    entered, leave = anyio.Event(), anyio.Event()

    async def hold(request: Request) -> Response:
        entered.set()
        await leave.wait()
        return PlainTextResponse("done")

    guard = Guard(Starlette(routes=[Route("/v1/hold", hold)]), Policy(), Admission(1, 1))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(guard), base_url=HERE) as client:
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.get, "/v1/hold")
                await entered.wait()
                refused = await client.get("/v1/hold")
                leave.set()
                assert refused.status_code == 429
                assert refused.headers["retry-after"] == "1"
            assert (await client.get("/v1/hold")).text == "done"


async def test_one_caller_does_not_take_the_room_of_another() -> None:
    admission = Admission(in_all=4, per_caller=1)
    with admission.enter("a") as first, admission.enter("a") as second, admission.enter("b") as third:
        assert (first, second, third) == (True, False, True)
    assert admission.running == 0


async def test_every_reply_carries_a_request_id_that_the_log_has_too() -> None:
    seen: list[Seen] = []
    async with guarded(Policy(verifier=TOKENS), seen=seen) as client:
        good = await client.get("/v1/files", headers={"authorization": "Bearer writing-token"})
        bad = await client.get("/v1/files")
    assert [one.request_id for one in seen] == [good.headers["x-request-id"], bad.headers["x-request-id"]]
    assert [(one.status, one.caller) for one in seen] == [(200, "token-1"), (401, "anybody")]
    assert "writing-token" not in json.dumps([repr(one) for one in seen]) + repr(TOKENS)

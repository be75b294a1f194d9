"""The guard in front of an app that only says what reached it."""

import json
import logging
import time
from collections.abc import AsyncIterator, Sequence

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message, Scope

from vectorstores_server.http.access_log import FinishedRequest
from vectorstores_server.http.auth import Caller, StaticTokens
from vectorstores_server.http.concurrency import Admission
from vectorstores_server.http.guard import Guard
from vectorstores_server.http.policy import Policy

HERE = "http://127.0.0.1:8000"
TOKENS = StaticTokens(("writing-token", "ro:reading-token"))
WRITES = {"authorization": "Bearer writing-token"}
MODERN = {"mcp-protocol-version": "2026-07-28", "mcp-method": "subscriptions/listen"}


async def echo(request: Request) -> Response:
    body = await request.body()
    return JSONResponse(
        {"bytes": len(body), "read_only": request.state.caller.read_only, "headers": dict(request.headers)}
    )


def over(guard: Guard) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(guard, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=HERE)


def guarded(
    policy: Policy, admission: Admission | None = None, seen: list[FinishedRequest] | None = None
) -> httpx.AsyncClient:
    app = Starlette(routes=[Route("/{path:path}", echo, methods=["GET", "POST", "DELETE"])])
    return over(Guard(app, policy, admission or Admission(8, 8), (seen if seen is not None else []).append))


async def test_loopback_names_are_answered() -> None:
    async with guarded(Policy()) as client:
        for host in ("127.0.0.1:8000", "localhost", "[::1]:9", "LOCALHOST:1"):
            assert (await client.get("/v1/files", headers={"host": host})).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil:80", "localhost:x"])
async def test_another_host_is_misdirected(host: str) -> None:
    async with guarded(Policy()) as client:
        for path in ("/v1/files", "/mcp", "/sse", "/health", "/.well-known/oauth-protected-resource"):
            reply = await client.get(path, headers={"host": host})
            assert reply.status_code == 421
            assert "--allowed-host" in reply.json()["error"]["message"]


async def test_two_hosts_are_no_host() -> None:
    async with guarded(Policy()) as client:
        reply = await client.get("/v1/files", headers=[("host", "localhost"), ("host", "evil.example")])
    assert reply.status_code == 421


async def test_a_host_with_a_port_is_answered_on_that_port_only() -> None:
    async with guarded(Policy(hosts=frozenset({"vs.example:8443"}))) as client:
        for host, status in (("vs.example:8443", 200), ("vs.example:80", 421), ("vs.example", 421)):
            assert (await client.get("/v1/files", headers={"host": host})).status_code == status
        page = {"host": "vs.example:8443", "origin": "https://VS.example:8443"}
        assert (await client.get("/v1/files", headers=page)).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://[::1", "http://localhost.evil"])
async def test_a_web_page_of_another_origin_is_refused_on_every_route(origin: str) -> None:
    async with guarded(Policy()) as client:
        for path in ("/mcp", "/sse", "/v1/files", "/health", "/metrics"):
            assert (await client.get(path, headers={"origin": origin})).status_code == 403
        assert (await client.get("/mcp", headers={"origin": "http://localhost:3000"})).status_code == 200


@pytest.mark.parametrize("sent", [{}, {"authorization": "Basic writing-token"}, {"authorization": "Bearer "}])
async def test_without_a_token_the_answer_is_401_and_says_how(sent: dict[str, str]) -> None:
    async with guarded(Policy(verifier=TOKENS)) as client:
        reply = await client.get("/v1/files", headers=sent)
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"] == 'Bearer realm="vector-stores-mcp"'
    assert reply.json()["error"]["code"] == "invalid_api_key"
    assert "Authorization: Bearer" in reply.json()["error"]["message"]


async def test_a_wrong_token_is_not_repeated() -> None:
    async with guarded(Policy(verifier=TOKENS)) as client:
        for wrong in ("wrong", "writing-token2", "ro:reading-token", "ro:", "wr\u00f6ng"):
            reply = await client.get("/v1/files", headers={b"authorization": f"Bearer {wrong}".encode()})
            assert reply.status_code == 401
            assert 'error="invalid_token"' in reply.headers["www-authenticate"]
            assert wrong not in reply.text


async def test_a_token_may_come_as_azure_sends_it() -> None:
    async with guarded(Policy(verifier=TOKENS)) as client:
        assert (await client.get("/v1/files", headers={"api-key": "writing-token"})).status_code == 200


async def test_what_is_behind_the_guard_sees_no_token() -> None:
    async with guarded(Policy(verifier=TOKENS)) as client:
        reply = await client.get("/v1/files", headers={**WRITES, "api-key": "x", "cookie": "a=b"})
    assert not {"authorization", "api-key", "cookie"} & reply.json()["headers"].keys()


async def test_only_health_and_the_metadata_need_no_token() -> None:
    async with guarded(Policy(verifier=TOKENS)) as client:
        for path in ("/health", "/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"):
            assert (await client.get(path)).status_code == 200
        for path in ("/ready", "/metrics", "/openapi.json", "/healthy", "/health/x", "/v1/files", "/mcp", "/sse", "/"):
            assert (await client.get(path)).status_code == 401


async def test_a_read_only_token_reads_and_searches_but_writes_nothing() -> None:
    async with guarded(Policy(verifier=TOKENS)) as client:
        client.headers["authorization"] = "Bearer reading-token"
        assert (await client.get("/v1/files")).json()["read_only"] is True
        for prefix in ("/v1", "/v1/openai/v1"):
            assert (await client.post(f"{prefix}/vector_stores/vs_1/search", json={})).status_code == 200
        for method, path in (
            ("POST", "/v1/vector_stores"),
            ("POST", "/v1/vector_stores/search"),
            ("POST", "/v1/vector_stores/vs_1/files/search"),
            ("DELETE", "/v1/files/x"),
            ("POST", "/v1/uploads"),
            ("POST", "/somewhere/new"),
        ):
            reply = await client.request(method, path)
            assert reply.status_code == 403
            assert 'error="insufficient_scope"' in reply.headers["www-authenticate"]
        assert (await client.post("/mcp")).json()["read_only"] is True


async def test_mcp_is_refused_with_an_error_that_its_clients_read() -> None:
    async with guarded(Policy(verifier=TOKENS, max_body=10)) as client:
        for path in ("/mcp", "/mcp/", "/messages/", "/sse"):
            reply = await client.post(path, content=b"x" * 11, headers=WRITES)
            assert reply.status_code == 413
            assert reply.json()["jsonrpc"] == "2.0"
            assert reply.json()["id"] is None
            assert reply.json()["error"]["data"] == {"type": "invalid_request_error", "code": "too_large"}


async def test_an_announced_body_over_the_limit_is_413_in_the_envelope() -> None:
    async with guarded(Policy(max_body=1024)) as client:
        reply = await client.post("/v1/vector_stores", content=b"x" * 2000)
    assert reply.status_code == 413
    assert reply.json()["error"]["code"] == "too_large"


async def test_a_body_that_does_not_say_its_size_is_cut_at_the_limit() -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 100

    async with guarded(Policy(max_body=1024)) as client:
        reply = await client.post("/v1/vector_stores", content=endless())
        assert reply.status_code == 413
        assert reply.json()["error"]["code"] == "too_large"
        assert (await client.post("/v1/vector_stores", content=b"x" * 1024)).json()["bytes"] == 1024


async def test_uploads_have_a_limit_of_their_own() -> None:
    async with guarded(Policy(max_body=10, max_upload=1000)) as client:
        for path in ("/v1/files", "/v1/openai/v1/files", "/v1/uploads/u/parts"):
            assert (await client.post(path, content=b"x" * 500)).status_code == 200
            assert (await client.post(path, content=b"x" * 1001)).status_code == 413
        for path in ("/v1/vector_stores/v/files", "/v1/uploads/a/b/parts", "/mcp/parts", "/messages/parts"):
            assert (await client.post(path, content=b"x" * 500)).status_code == 413


async def test_a_body_that_stands_still_is_given_up() -> None:
    sent: list[Message] = []

    async def nothing() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    async def note(message: Message) -> None:
        sent.append(message)

    guard = Guard(
        Starlette(routes=[Route("/v1/x", echo, methods=["POST"])]), Policy(body_seconds=0.01), Admission(1, 1)
    )
    headers = [(b"host", b"localhost"), (b"content-length", b"5")]
    with anyio.fail_after(5):
        await guard(
            {"type": "http", "method": "POST", "path": "/v1/x", "headers": headers, "query_string": b""}, nothing, note
        )
    assert sent[0]["status"] == 408


async def test_a_stream_ends_with_the_token_that_opened_it() -> None:
    class Brief:
        async def caller(self, token: str) -> Caller:
            return Caller("brief", expires_at=time.time() + 0.05)

    async def events() -> AsyncIterator[bytes]:
        yield b"first"
        await anyio.sleep_forever()

    async def endless(request: Request) -> Response:
        return StreamingResponse(events())

    guard = Guard(Starlette(routes=[Route("/sse", endless)]), Policy(verifier=Brief()), Admission(1, 1))
    with anyio.fail_after(5):
        async with over(guard) as client:
            assert (await client.get("/sse", headers=WRITES)).text == "first"


def lines(records: Sequence[logging.LogRecord]) -> list[dict[str, object]]:
    return [json.loads(r.getMessage()) for r in records if r.name == "vectorstores_server.http.access_log"]


async def test_every_request_is_one_line_of_json_with_the_id_of_its_reply(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with guarded(Policy(verifier=TOKENS)) as client:
        good = await client.get("/v1/files?secret=in-the-query", headers=WRITES)
        bad = await client.get("/v1/files")
        await client.get("/health")
    first, second = lines(caplog.records)
    assert (first["request_id"], second["request_id"]) == (good.headers["x-request-id"], bad.headers["x-request-id"])
    assert (first["status"], first["caller"], first["path"]) == (200, "token-1", "/v1/files")
    assert (second["status"], second["caller"]) == (401, "anybody")
    ours = [record.getMessage() for record in caplog.records if record.name != "httpx"]
    assert not [text for text in (*ours, repr(TOKENS)) if "in-the-query" in text or "writing-token" in text]


async def test_a_failure_of_the_app_is_noted_with_its_kind(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(request: Request) -> Response:
        raise LookupError("the text may hold anything")

    caplog.set_level(logging.INFO)
    seen: list[FinishedRequest] = []
    async with over(
        Guard(Starlette(routes=[Route("/v1/x", broken)]), Policy(), Admission(1, 1), seen.append)
    ) as client:
        reply = await client.get("/v1/x")
    assert (reply.status_code, seen[0].status, seen[0].error) == (500, 500, "LookupError")
    assert lines(caplog.records)[0]["error"] == "LookupError"
    assert reply.headers["x-request-id"] == seen[0].request_id


async def test_a_client_that_hangs_up_in_the_middle_of_its_body_is_no_failure() -> None:
    async def hang_up() -> Message:
        await anyio.lowlevel.checkpoint()
        return {"type": "http.disconnect"}

    async def drop(message: Message) -> None:
        del message

    seen: list[FinishedRequest] = []
    guard = Guard(Starlette(routes=[Route("/v1/x", echo, methods=["POST"])]), Policy(), Admission(1, 1), seen.append)
    scope: Scope = {"type": "http", "method": "POST", "path": "/v1/x", "headers": [(b"host", b"localhost")]}
    await guard({**scope, "query_string": b""}, hang_up, drop)
    assert [(one.status, one.error) for one in seen] == [(499, None)]

"""Listening on a port, and how it ends: running calls finish, nothing new comes in."""

import os
import signal
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from vectorstores_server.http import server
from vectorstores_server.http.auth import ANYBODY
from vectorstores_server.http.concurrency import Admission, ConcurrencyLimit
from vectorstores_server.http.guard import Guard
from vectorstores_server.http.policy import Policy
from vectorstores_server.http.server import BindAddress, serve_http
from vectorstores_tools.contract.errors import InvalidRequest


@dataclass
class Port:
    """A server on a free port whose `/v1/slow` answers when `go` is set."""

    admission: Admission = field(default_factory=lambda: Admission(8, 8))
    entered: anyio.Event = field(default_factory=anyio.Event)
    go: anyio.Event = field(default_factory=anyio.Event)
    ended: anyio.Event = field(default_factory=anyio.Event)
    url: str = ""

    async def slow(self, request: Request) -> Response:
        self.entered.set()
        await self.go.wait()
        return PlainTextResponse("done")

    async def endless(self, request: Request) -> Response:
        async def events() -> AsyncGenerator[bytes]:
            yield b"data: hello\n\n"
            await anyio.sleep_forever()

        return StreamingResponse(events(), media_type="text/event-stream")

    async def serve(self, listening: socket.socket) -> None:
        app = Starlette(routes=[Route("/v1/slow", self.slow), Route("/sse", self.endless)])
        await serve_http(Guard(app, Policy(), self.admission), self.admission, listening)
        self.ended.set()


@asynccontextmanager
async def opened() -> AsyncGenerator[tuple[Port, httpx.AsyncClient]]:
    port = Port()
    with BindAddress("127.0.0.1", 0).listen() as listening:
        port.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with (
            anyio.create_task_group() as tasks,
            httpx.AsyncClient(base_url=port.url, timeout=30, trust_env=False) as client,
        ):
            tasks.start_soon(port.serve, listening)
            yield port, client


def stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


async def closing(port: Port) -> None:
    # The flag is set by a signal's receiver; nothing else tells of it.
    while not port.admission.closing:  # noqa: ASYNC110
        await anyio.sleep(0.01)


async def test_a_stop_lets_a_running_call_finish_and_nothing_new_in() -> None:
    replies: list[httpx.Response] = []
    with anyio.fail_after(20):
        async with opened() as (port, client), anyio.create_task_group() as tasks:

            async def ask() -> None:
                replies.append(await client.get("/v1/slow"))

            tasks.start_soon(ask)
            await port.entered.wait()
            stop()
            await closing(port)
            late = await client.get("/v1/slow")
            assert late.status_code == 503
            assert late.headers["retry-after"] == "5"
            assert late.headers["connection"] == "close"
            assert late.json()["error"]["code"] == "stopping"
            assert (await client.post("/mcp")).json()["error"]["data"]["code"] == "stopping"
            assert not port.ended.is_set()
            port.go.set()
            await port.ended.wait()
    assert [reply.text for reply in replies] == ["done"]


async def test_a_stop_does_not_wait_for_streams_that_only_listen() -> None:
    with anyio.fail_after(8):
        async with opened() as (port, client), client.stream("GET", "/sse") as stream:
            chunks = stream.aiter_bytes()
            assert await anext(chunks) == b"data: hello\n\n"
            stop()
            await port.ended.wait()


async def test_a_second_signal_waits_for_nothing() -> None:
    with anyio.fail_after(8):
        async with opened() as (port, client), anyio.create_task_group() as tasks:
            tasks.start_soon(client.get, "/v1/slow")
            await port.entered.wait()
            stop()
            await closing(port)
            stop()
            await port.ended.wait()
            port.go.set()


async def test_waiting_for_running_calls_has_an_end() -> None:
    assert server.SECONDS_TO_FINISH == 10
    cap = ConcurrencyLimit(8, 8)
    with cap.enter(ANYBODY), cap.enter(ANYBODY):
        assert not await cap.finished(0.01)
    assert await cap.finished(5)


def test_a_port_that_is_taken_is_an_error_that_says_what_to_do() -> None:
    with BindAddress("127.0.0.1", 0).listen() as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InvalidRequest, match=rf"Cannot listen on 127\.0\.0\.1:{port}: .*--http HOST:PORT"):
            BindAddress.of(f"127.0.0.1:{port}").listen()
    with pytest.raises(InvalidRequest, match="there is no such port"):
        BindAddress.of("127.0.0.1:70000").listen()


def test_an_ipv6_address_is_written_in_brackets() -> None:
    assert BindAddress.of("[::1]:8000") == BindAddress("::1", 8000)

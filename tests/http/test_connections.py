"""What is bounded before any request is read: places, headers that never end, bodies that trickle."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import anyio
import anyio.abc
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from support.waiting import moment
from vectorstores_server.http.concurrency import Admission
from vectorstores_server.http.connections import KEPT, MOST, Connections, most_connections
from vectorstores_server.http.guard import Guard
from vectorstores_server.http.policy import Policy
from vectorstores_server.http.server import BACKLOG, BindAddress, serve_http
from vectorstores_server.system import posix


async def ok(request: Request) -> Response:
    return PlainTextResponse("ok")


async def echo(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


ROUTES = [Route("/health", ok), Route("/ready", ok), Route("/v1/x", ok), Route("/v1/echo", echo, methods=["POST"])]


@asynccontextmanager
async def serving(connections: Connections, policy: Policy | None = None) -> AsyncGenerator[int]:
    admission = Admission(64, 64)
    listening = BindAddress("127.0.0.1", 0).listen()
    port: int = listening.getsockname()[1]
    app = Guard(Starlette(routes=ROUTES), policy or Policy(), admission)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve_http, app, admission, listening, connections)
        try:
            yield port
            await until(lambda: connections.open == 0)
        finally:
            listening.close()
            tasks.cancel_scope.cancel()


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(20):
        while not condition():
            await moment()


async def connect(port: int) -> anyio.abc.SocketStream:
    return await anyio.connect_tcp("127.0.0.1", port)


async def all_of(stream: anyio.abc.SocketStream) -> bytes:
    received = b""
    with anyio.fail_after(20):
        try:
            while True:
                received += await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            await stream.aclose()
            return received


async def test_health_answers_however_full_the_server_is(caplog: pytest.LogCaptureFixture) -> None:
    connections = Connections(8)
    async with serving(connections) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        await client.get("/health")
        held = [await connect(port) for _ in range(8)]
        await until(lambda: connections.open >= 9)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as late:
            for path in ("/health", "/ready"):
                assert (await late.get(path)).status_code == 200
            refused = await late.get("/v1/x")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        more = [await connect(port) for _ in range(KEPT + 8)]
        await until(lambda: connections.open == 8 + KEPT)
        assert await all_of(more[0]) == b"", "the oldest that says nothing made room"
        for stream in [*held, *more]:
            await stream.aclose()
        await until(lambda: connections.open <= 1)
        assert (await client.get("/v1/x")).status_code == 200
    events = [record for record in caplog.records if getattr(record, "event", "") == "connections_full"]
    assert len(events) == 1, "one line for all refusals of some seconds"
    assert connections.refused >= 1


@pytest.mark.parametrize("sent", [b"", b"GET /health HTTP/1.1\r\nhost: x\r\nx-slow: ", b"POST "])
async def test_headers_that_never_end_are_given_up(sent: bytes) -> None:
    connections = Connections(8, header_seconds=0.05)
    async with serving(connections) as port:
        stream = await connect(port)
        if sent:
            await stream.send(sent)
        assert (await all_of(stream)).startswith(b"HTTP/1.1 408")
        await until(lambda: connections.open == 0)


async def test_headers_of_the_second_request_of_a_connection_are_bounded_too() -> None:
    async with serving(Connections(8, header_seconds=0.2)) as port:
        stream = await connect(port)
        await stream.send(b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        assert b"200 OK" in await stream.receive()
        await stream.send(b"GET /health HTTP/1.1\r\nhost: ")
        assert b"408" in await all_of(stream)


async def begun_body(port: int) -> anyio.abc.SocketStream:
    stream = await connect(port)
    await stream.send(b"POST /v1/echo HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 100000\r\n\r\n")
    return stream


async def test_a_body_that_never_ends_is_given_up() -> None:
    async with serving(Connections(8), Policy(body_seconds=0.2)) as port, await begun_body(port) as stream:
        with anyio.fail_after(20):
            assert b"408" in await stream.receive()


async def test_a_body_that_trickles_is_given_up() -> None:
    policy = Policy(body_seconds=0.2, body_rate=1e9)  # bytes that come one by one are too slow for it
    async with serving(Connections(8), policy) as port, await begun_body(port) as stream:
        # What is still sent when the server hangs up may cost the client the answer, but never the end.
        with anyio.fail_after(20), suppress(anyio.BrokenResourceError):
            while True:
                await stream.send(b"x")
                await moment()


async def test_a_large_body_that_comes_at_a_usual_pace_is_taken() -> None:
    policy = Policy(body_seconds=5)
    async with serving(Connections(8), policy) as port, httpx.AsyncClient() as client:
        reply = await client.post(f"http://127.0.0.1:{port}/v1/echo", content=bytes(3_000_000))
    assert (reply.status_code, reply.text) == (200, "3000000")


async def test_who_says_nothing_in_the_places_kept_for_health_makes_room_for_who_asks() -> None:
    connections = Connections(8)
    async with serving(connections) as port:
        held = [await connect(port) for _ in range(8 + KEPT)]
        await until(lambda: connections.open == 8 + KEPT)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as late:
            for path in ("/health", "/ready") * KEPT:
                assert (await late.get(path, headers={"connection": "close"})).status_code == 200
        for stream in held:
            await stream.aclose()
    assert not connections.silent


def test_the_cap_lies_below_the_limit_of_descriptors_by_what_one_turn_may_accept() -> None:
    limit = posix.descriptor_limit()
    cap = most_connections(BACKLOG)
    assert cap <= MOST
    assert limit is None or cap == KEPT or cap + KEPT + 3 * BACKLOG < limit


class OtherTransport:
    """The transport of another event loop, which is of no class of asyncio's."""

    def close(self) -> None: ...


async def test_a_transport_of_another_event_loop_is_taken() -> None:
    made: list[object] = []

    class Inner:
        app: object = None

        def connection_made(self, transport: object) -> None:
            made.append(transport)

        def connection_lost(self, error: object) -> None: ...

    connections = Connections(most=1)
    connection = connections.wrap(cast("Any", Inner))()
    transport = OtherTransport()
    connection.connection_made(cast("Any", transport))
    assert (made, connections.open) == ([transport], 1)
    connection.connection_lost(None)
    assert connections.open == 0

import hashlib
import json
import tracemalloc
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import anyio
import httpx
import pytest

from support.clients import connected
from vectorstores_server.engines.remote.dialects import DIALECTS
from vectorstores_server.engines.remote.engine import RemoteEngine
from vectorstores_server.engines.remote.files import sending
from vectorstores_server.engines.remote.files.sending import PART_BYTES, send_file
from vectorstores_server.engines.remote.http.address import RemoteAddress
from vectorstores_server.engines.remote.http.client import RemoteClient
from vectorstores_tools.contract.engine import NewFile
from vectorstores_tools.contract.errors import InvalidRequest, RateLimited, TooLarge, Unavailable
from vectorstores_tools.contract.requests import FileExpiresAfter

MB = 1024 * 1024
ZEROS = bytes(MB)
OPENAI, OGX, YANDEX = DIALECTS["openai"], DIALECTS["ogx"], DIALECTS["yandex"]
UPLOAD = {"id": "upload_1", "object": "upload", "status": "pending"}
FILE = {"id": "file-1", "object": "file", "filename": "a.txt"}


@pytest.fixture
def megabyte_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of one megabyte: what is not about their size takes less time so."""
    monkeypatch.setattr(sending, "PART_BYTES", MB)


class Service(httpx.AsyncBaseTransport):
    """Takes uploads as OpenAI does, and keeps of each request what it was: its path, size and the hash of its body."""

    def __init__(self, refuse: Callable[[str, int], httpx.Response | None] = lambda path, nth: None) -> None:
        self.paths: list[str] = []
        self.bodies: list[bytes] = []
        self._refuse = refuse

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        size, kept = 0, b""
        async for piece in request.stream:
            size += len(piece)
            await self.taken(size)
            kept = (kept + piece)[: 2 * MB]
        assert size == int(request.headers.get("content-length", 0))
        path = request.url.path.removeprefix("/v1")
        self.paths.append(path)
        self.bodies.append(kept if size <= 2 * MB else b"%d" % size)
        refused = self._refuse(path, self.paths.count(path))
        if refused is not None:
            return refused
        if path.endswith("/parts"):
            return httpx.Response(200, json={"id": f"part_{len(self.paths)}", "object": "upload.part"})
        done = {**UPLOAD, "status": "completed", "file": FILE}
        known = {"/files": FILE, "/uploads": UPLOAD, "/uploads/upload_1/complete": done}
        return httpx.Response(200, json=known.get(path, {**UPLOAD, "status": "cancelled"}))

    async def taken(self, size: int) -> None:
        """So many bytes of a body have come."""

    def client(self) -> RemoteClient:
        async def no_wait(seconds: float) -> None:
            await anyio.lowlevel.checkpoint()

        return RemoteClient(RemoteAddress("https://api.example.com/v1"), self, no_wait)


async def zeros(megabytes: int, last: bytes = b"") -> AsyncGenerator[bytes]:
    for _ in range(megabytes):
        yield ZEROS
    yield last


def at_once(status: int) -> httpx.Response:
    return httpx.Response(status, headers={"retry-after-ms": "1"}, json={})


async def test_a_small_file_is_one_form_as_openai_describes_it() -> None:
    service = Service()
    new = NewFile('a "b".txt', zeros(0, b"hello"), "user_data", FileExpiresAfter(anchor="created_at", seconds=3600))
    assert (await send_file(service.client(), OPENAI, new)).id == "file-1"
    [body] = service.bodies
    boundary = body[: body.index(b"\r\n")]
    parts = [part.strip(b"\r\n").partition(b"\r\n\r\n") for part in body.split(boundary)[1:-1]]
    assert [value for *_, value in parts] == [b"user_data", b"created_at", b"3600", b"hello"]
    assert [head.splitlines()[0] for head, *_ in parts] == [
        b'Content-Disposition: form-data; name="purpose"',
        b'Content-Disposition: form-data; name="expires_after[anchor]"',
        b'Content-Disposition: form-data; name="expires_after[seconds]"',
        b'Content-Disposition: form-data; name="file"; filename="a %22b%22.txt"',
    ]


@pytest.mark.parametrize("known", [True, False], ids=["of known size", "of unknown size"])
async def test_above_64_mb_a_file_goes_out_in_parts(known: bool) -> None:
    service = Service()
    size = 130 * MB + 5
    file = await send_file(
        service.client(), OPENAI, NewFile("a.md", zeros(130, b"12345"), size=size if known else None)
    )
    assert file.id == "file-1"
    parts = "/uploads/upload_1/parts"
    assert service.paths == ["/uploads", parts, parts, parts, "/uploads/upload_1/complete"]
    assert json.loads(service.bodies[0]) == {
        "filename": "a.md",
        "purpose": "assistants",
        "bytes": size,
        "mime_type": "text/markdown",
    }
    assert [int(body) // PART_BYTES for body in service.bodies[1:3]] == [1, 1]
    assert service.bodies[3].count(b"\x00") == 0 or b"12345" in service.bodies[3]
    assert json.loads(service.bodies[4]) == {"part_ids": ["part_2", "part_3", "part_4"]}


async def test_the_parts_together_are_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "PART_BYTES", 1000)
    service = Service()
    data = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(100))

    async def uneven() -> AsyncGenerator[bytes]:
        for start in range(0, len(data), 700):
            yield data[start : start + 700]

    for size in (len(data), None):
        service.bodies.clear()
        await send_file(service.client(), OPENAI, NewFile("a.txt", uneven(), size=size))
        parts = [body.split(b"\r\n\r\n", 1)[1].rsplit(b"\r\n--", 1)[0] for body in service.bodies[1:-1]]
        assert [len(part) for part in parts] == [1000, 1000, 1000, 200]
        assert b"".join(parts) == data


async def test_where_there_are_no_parts_a_large_file_goes_out_whole() -> None:
    service = Service()
    await send_file(service.client(), OGX, NewFile("a.txt", zeros(65), size=65 * MB))
    assert service.paths == ["/files"]
    assert int(service.bodies[0]) > 65 * MB


@pytest.mark.usefixtures("megabyte_parts")
@pytest.mark.parametrize("size", [3 * MB, None], ids=["of known size", "of unknown size"])
async def test_a_service_that_proves_to_have_no_parts_gets_the_file_whole(size: int | None) -> None:
    nowhere = httpx.Response(404, json={"detail": "Not Found"})
    service = Service(lambda path, nth: nowhere if path == "/uploads" else None)
    assert (await send_file(service.client(), OPENAI, NewFile("a.txt", zeros(3), size=size))).id == "file-1"
    assert service.paths == ["/uploads", "/files"]


async def test_memory_stays_flat() -> None:
    service = Service()
    tracemalloc.start()
    try:
        await send_file(service.client(), OPENAI, NewFile("a.txt", zeros(70), size=70 * MB))
        await send_file(service.client(), OGX, NewFile("a.txt", zeros(70)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12 * MB


@pytest.mark.usefixtures("megabyte_parts")
async def test_what_went_out_is_told_as_it_goes() -> None:
    service, told = Service(), list[int]()
    size = 9 * MB + 3
    await send_file(service.client(), OPENAI, NewFile("a.txt", zeros(9, b"123"), size=size, sent=told.append))
    assert told == sorted(told)
    assert told[-1] == size
    assert len(told) > 100


async def test_a_file_too_large_for_the_service_is_refused_before_anything_is_sent() -> None:
    service = Service()
    for size in (129 * MB, None):
        with pytest.raises(TooLarge, match="larger than"):
            await send_file(service.client(), YANDEX, NewFile("a.txt", zeros(129), size=size))
    with pytest.raises(InvalidRequest, match="empty"):
        await send_file(service.client(), YANDEX, NewFile("a.txt", zeros(0)))
    assert service.paths == []


@pytest.mark.usefixtures("megabyte_parts")
@pytest.mark.parametrize("megabytes", [3, 7], ids=["less than it was", "more than it was"])
async def test_a_file_that_changes_while_it_is_sent_is_given_up(megabytes: int) -> None:
    service = Service()
    with pytest.raises(InvalidRequest, match=r"a\.txt changed"):
        await send_file(service.client(), OPENAI, NewFile("a.txt", zeros(megabytes), size=5 * MB))
    assert service.paths[-1] == "/uploads/upload_1/cancel"


@pytest.mark.usefixtures("megabyte_parts")
async def test_a_part_may_be_sent_again_and_only_the_last_of_it_counts() -> None:
    service = Service(lambda path, nth: at_once(500) if path.endswith("/parts") and nth == 1 else None)
    await send_file(service.client(), OPENAI, NewFile("a.txt", zeros(2), size=2 * MB))
    assert service.paths.count("/uploads/upload_1/parts") == 3
    assert json.loads(service.bodies[-1]) == {"part_ids": ["part_3", "part_4"]}


async def test_a_whole_file_is_sent_again_only_when_it_was_surely_not_taken() -> None:
    service = Service(lambda path, nth: at_once(429) if nth == 1 else None)
    await send_file(service.client(), OPENAI, NewFile("a.txt", zeros(0, b"hello")))
    assert service.paths == ["/files", "/files"]
    assert all(b"hello" in body for body in service.bodies)

    service = Service(lambda path, nth: at_once(500))
    with pytest.raises(Unavailable):
        await send_file(service.client(), OPENAI, NewFile("a.txt", zeros(0, b"hello")))
    assert service.paths == ["/files"]


@pytest.mark.usefixtures("megabyte_parts")
async def test_an_upload_that_fails_is_given_up_and_the_first_error_is_told() -> None:
    service = Service(lambda path, nth: at_once(429) if path.endswith(("/parts", "/cancel")) else None)
    with pytest.raises(RateLimited):
        await send_file(service.client(), OPENAI, NewFile("a.txt", zeros(2), size=2 * MB))
    assert service.paths[-1] == "/uploads/upload_1/cancel"


@pytest.mark.usefixtures("megabyte_parts")
async def test_an_upload_that_nobody_waits_for_any_more_is_given_up() -> None:
    service, waiting = Service(), anyio.Event()

    async def stuck() -> AsyncGenerator[bytes]:
        async for piece in zeros(1):
            yield piece
        waiting.set()
        await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send_file, service.client(), OPENAI, NewFile("a.txt", stuck(), size=2 * MB))
        with anyio.fail_after(10):
            await waiting.wait()
        tasks.cancel_scope.cancel()
    assert service.paths == ["/uploads", "/uploads/upload_1/parts", "/uploads/upload_1/cancel"]


async def test_a_client_hears_how_much_has_gone_out_and_it_only_grows(tmp_path: Path) -> None:
    heard, reports = anyio.Event(), list[tuple[float, float | None, str | None]]()

    class Slow(Service):
        async def taken(self, size: int) -> None:
            if size > MB:
                await heard.wait()

    async def report(progress: float, total: float | None, message: str | None) -> None:
        reports.append((progress, total, message))
        if message and "MB sent" in message:
            heard.set()

    engine = RemoteEngine(Slow().client(), OPENAI)
    async with connected(engine, "auto", tmp_path / "files") as caller:
        path = caller.write("a.txt", "Bees make honey.\n" * 125_000)
        with anyio.fail_after(30):
            await caller.client.call_tool("upload_file", {"path": path}, progress_callback=report)
    await engine.aclose()
    steps = [progress for progress, _, _ in reports]
    assert steps == sorted(set(steps))
    (whole,) = {total for _, total, message in reports if message}
    assert any(message and message.endswith("of 2.1 MB sent") for _, _, message in reports)
    assert reports[-1][0] == whole

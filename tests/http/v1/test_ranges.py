"""The bytes of a File come back whole or in part, as RFC 9110 has it."""

from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import httpx
import psutil
import pytest

from support.local import opened, upload
from support.serving import listening
from support.v1_client import Watched, api_of, said
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.http.v1.api import build_api
from vectorstores_server.http.v1.file_content import ByteSpan, span_of

DATA = b"0123456789"
WHOLE = ByteSpan(0, 10, partial=False)


@pytest.mark.parametrize(
    ("header", "span"),
    [
        (None, WHOLE),
        ("bytes=0-", ByteSpan(0, 10, partial=True)),
        ("bytes=2-4", ByteSpan(2, 5, partial=True)),
        ("BYTES=2-4", ByteSpan(2, 5, partial=True)),
        ("bytes= 2-4 ", ByteSpan(2, 5, partial=True)),
        ("bytes=9-9", ByteSpan(9, 10, partial=True)),
        ("bytes=5-99999", ByteSpan(5, 10, partial=True)),
        ("bytes=-3", ByteSpan(7, 10, partial=True)),
        ("bytes=-30", ByteSpan(0, 10, partial=True)),
        ("bytes=10-", None),
        ("bytes=10-20", None),
        ("bytes=-0", None),
        ("bytes=4-2", WHOLE),
        ("bytes=-", WHOLE),
        ("bytes=0-1,4-5", WHOLE),
        ("bytes=a-b", WHOLE),
        ("lines=0-1", WHOLE),
        ("bytes=" + "9" * 5_000 + "-", WHOLE),
    ],
)
def test_a_range_is_read_as_the_rfc_says(header: str | None, span: ByteSpan | None) -> None:
    assert span_of(header, 10) == span


@pytest.fixture
async def local_engine(tmp_path: Path) -> AsyncGenerator[LocalEngine]:
    async with opened(tmp_path / "data") as engine:
        yield engine


@pytest.fixture
async def content(local_engine: LocalEngine) -> AsyncGenerator[tuple[httpx.AsyncClient, str]]:
    """A client, and the path of the bytes of a File that it can read."""
    file = await upload(local_engine, DATA, 'b\u00e4r\'s "x".txt')
    async with api_of(local_engine) as client:
        yield client, f"/v1/files/{file}/content"


async def test_the_whole_comes_with_its_name_and_length(content: tuple[httpx.AsyncClient, str]) -> None:
    client, path = content
    reply = await client.get(path)
    assert (reply.status_code, reply.content) == (200, DATA)
    assert reply.headers["content-length"] == "10"
    assert reply.headers["accept-ranges"] == "bytes"
    assert reply.headers["content-type"] == "application/octet-stream"
    assert reply.headers["content-disposition"] == "attachment; filename*=UTF-8''b%C3%A4r%27s%20%22x%22.txt"
    assert "content-range" not in reply.headers


async def test_a_part_is_a_206_that_says_which(content: tuple[httpx.AsyncClient, str]) -> None:
    client, path = content
    reply = await client.get(path, headers={"range": "bytes=2-4"})
    assert (reply.status_code, reply.content) == (206, b"234")
    assert reply.headers["content-range"] == "bytes 2-4/10"
    assert reply.headers["content-length"] == "3"


async def test_what_lies_outside_is_a_416_that_says_how_long_the_file_is(
    content: tuple[httpx.AsyncClient, str],
) -> None:
    client, path = content
    reply = await client.get(path, headers={"range": "bytes=10-"})
    assert said(reply, 416)[2] == "range"
    assert reply.headers["content-range"] == "bytes */10"


async def test_a_download_is_resumed_only_when_the_bytes_are_the_same(content: tuple[httpx.AsyncClient, str]) -> None:
    client, path = content
    tag = (await client.get(path)).headers["etag"]
    resumed = await client.get(path, headers={"range": "bytes=5-", "if-range": tag})
    assert (resumed.status_code, resumed.content) == (206, DATA[5:])
    other = await client.get(path, headers={"range": "bytes=5-", "if-range": '"file-other"'})
    assert (other.status_code, other.content) == (200, DATA)


async def test_a_reader_who_leaves_half_way_leaves_no_file_open(local_engine: LocalEngine, tmp_path: Path) -> None:
    file = await upload(local_engine, b"x" * 30_000_000)
    path = f"/v1/files/{file}/content"
    app = Watched(build_api(local_engine))
    with anyio.fail_after(20):
        async with listening(app) as url:
            async with httpx.AsyncClient() as client, client.stream("GET", url + path) as reply:
                await anext(reply.aiter_bytes())
            await app.ended(path)
    blobs = str(tmp_path / "data" / "blobs")
    assert [opened for opened in psutil.Process().open_files() if opened.path.startswith(blobs)] == []

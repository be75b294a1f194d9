"""No reply of another service is unpacked, and none is longer than its kind can be."""

import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from vectorstores_server.engines.local.embedding.errors import ServiceRefused
from vectorstores_server.engines.local.embedding.openai import OpenAIEmbedder
from vectorstores_server.engines.remote.http.address import RemoteAddress
from vectorstores_server.engines.remote.http.client import RemoteClient
from vectorstores_server.engines.remote.http.reply_errors import Subject
from vectorstores_server.http.jwks import IssuerKeys
from vectorstores_server.system import replies
from vectorstores_tools.contract.errors import Unavailable


class Service(httpx.AsyncBaseTransport):
    """Answers everything with the same reply, and notes what was asked and how much of it was taken."""

    def __init__(self, block: bytes, blocks: int, **headers: str) -> None:
        self.block, self.blocks, self.headers = block, blocks, headers
        self.asked: list[httpx.Request] = []
        self.taken = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return httpx.Response(200, headers=self.headers, stream=_Blocks(self))


class _Blocks(httpx.AsyncByteStream):
    def __init__(self, service: Service) -> None:
        self._service = service

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self._service.blocks):
            self._service.taken += len(self._service.block)
            yield self._service.block


def remote(service: Service) -> RemoteClient:
    return RemoteClient(RemoteAddress("https://remote.example/v1"), service)


async def ask_remote(service: Service, folder: Path) -> None:
    client = remote(service)
    try:
        await client.get("vector_stores")
    finally:
        await client.aclose()


async def fetch_from_remote(service: Service, folder: Path) -> None:
    client = remote(service)
    try:
        async with client.stream("files/f/content", {}, Subject()) as (_, blocks):
            async for _block in blocks:
                pass
    finally:
        await client.aclose()


async def ask_embedder(service: Service, folder: Path) -> None:
    embedder = OpenAIEmbedder("https://embedder.example/v1", None, "a-model", transport=service)
    try:
        await embedder.embed_query("words")
    finally:
        await embedder.aclose()


async def fetch_keys(service: Service, folder: Path) -> None:
    await IssuerKeys("https://issuer.example", transport=service).key("a-key")


Ask = Callable[[Service, Path], Awaitable[None]]
ASKING: dict[str, tuple[Ask, type[Exception]]] = {
    "remote": (ask_remote, Unavailable),
    "remote's bytes": (fetch_from_remote, Unavailable),
    "embedder": (ask_embedder, ServiceRefused),
    "keys": (fetch_keys, Unavailable),
}


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "x-unknown"])
@pytest.mark.parametrize("name", ASKING)
async def test_a_packed_reply_is_refused_before_a_byte_of_it_is_taken(name: str, encoding: str, tmp_path: Path) -> None:
    ask, refusal = ASKING[name]
    service = Service(gzip.compress(bytes(10_000_000)), 1, **{"content-encoding": encoding})
    with pytest.raises(refusal):
        await ask(service, tmp_path)
    assert service.taken == 0
    assert {request.headers["accept-encoding"] for request in service.asked} == {"identity"}


@pytest.mark.parametrize("name", [name for name in ASKING if name != "remote's bytes"])
async def test_a_reply_without_end_is_given_up_at_its_bound(name: str, tmp_path: Path) -> None:
    ask, refusal = ASKING[name]
    service = Service(b" " * (1 << 20), 100_000)
    with pytest.raises(refusal):
        await ask(service, tmp_path)
    assert service.taken <= len(service.asked) * (2 * replies.MOST_JSON)


async def test_a_reply_that_is_too_long_is_not_asked_for_again() -> None:
    service = Service(b" " * (1 << 20), 100_000)
    client = remote(service)
    with pytest.raises(Unavailable, match=r"^remote\.example answered with more than 67,108,864 bytes\."):
        await client.get("vector_stores")
    await client.aclose()
    assert len(service.asked) == 1

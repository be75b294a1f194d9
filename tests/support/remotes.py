"""The remote engine over a double of each service, in this process."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from support.doubles import Azure, LiteLLM, Ours, Published, Yandex
from support.doubles_ogx import OGX, LlamaStack
from support.engine_calls import SERVED
from vectorstores_server.engines.remote.engine import RemoteEngine
from vectorstores_server.engines.remote.factory import chosen_dialect
from vectorstores_server.engines.remote.http.address import RemoteChoice, address_of
from vectorstores_server.engines.remote.http.client import RemoteClient
from vectorstores_tools.contract.engine import Engine

KEY = "planted-key"
POLL_SECONDS = 0.01
"""Between two looks at first; the doubles name no pace of their own."""

SERVICES: dict[str, tuple[type[Published], RemoteChoice]] = {
    "forwarded": (Ours, RemoteChoice("http://127.0.0.1/v1")),
    "azure": (Azure, RemoteChoice("https://a.openai.azure.com/openai/v1?api-version=v1", KEY, auth="azure-api-key")),
    "ogx": (OGX, RemoteChoice("http://127.0.0.1:8321/v1")),
    "llama_stack": (LlamaStack, RemoteChoice("http://127.0.0.1:8321/v1/openai/v1")),
    "yandex": (Yandex, RemoteChoice("https://ai.api.cloud.yandex.net/v1", KEY, "folder", auth="yandex-api-key")),
    "litellm": (LiteLLM, RemoteChoice("http://127.0.0.1:4000/v1", KEY)),
}


@asynccontextmanager
async def forwarded_to(
    service: str, served: Engine, kind: type[Published] | None = None
) -> AsyncGenerator[tuple[RemoteEngine, Published]]:
    """The engine for a service, and the double, which answers from `served`; a double of another `kind` if given."""
    usual, choice = SERVICES[service]
    double, dialect = (kind or usual)(served), chosen_dialect(choice)
    client = RemoteClient(address_of(choice, keep_alive=dialect.keep_alive), httpx.ASGITransport(double))
    client.poll_seconds = POLL_SECONDS
    engine = RemoteEngine(client, dialect)
    SERVED[engine] = served
    try:
        yield engine, double
    finally:
        await engine.aclose()
        await double.aclose()


@asynccontextmanager
async def over(
    service: str, directory: Path, kind: type[Published] | None = None
) -> AsyncGenerator[tuple[RemoteEngine, Published]]:
    """The same over a local engine of its own."""
    from support.engines import local

    async with local(directory) as served, forwarded_to(service, served, kind) as both:
        yield both

"""The engines that every promise of the contract is tried on. A further engine adds its opener to ENGINES."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeAlias

from vectorstores_tools.contract.engine import Engine

OpenEngine: TypeAlias = Callable[[Path], AbstractAsyncContextManager[Engine]]


MAX_FILE_BYTES = 100_000
COPIES_BYTES = 100_000_000


@asynccontextmanager
async def local(directory: Path) -> AsyncGenerator[Engine]:
    """The local engine without a model: what the contract promises needs none."""
    async with opened_local(directory, "none") as engine:
        yield engine


@asynccontextmanager
async def local_minilm(directory: Path) -> AsyncGenerator[Engine]:
    """The local engine with the model of the installed wheel."""
    async with opened_local(directory, "minilm") as engine:
        yield engine


@asynccontextmanager
async def opened_local(directory: Path, embedder: str) -> AsyncGenerator[Engine]:
    """The local engine; what it imports is imported by the tests that use it only."""
    from vectorstores_server.engines.local.embedding import EmbedderChoice
    from vectorstores_server.engines.local.engine import LocalEngine

    choice = EmbedderChoice(name=embedder, cache=directory / "cache")
    engine = LocalEngine(directory / "data", choice, max_file_bytes=MAX_FILE_BYTES)
    try:
        yield engine
    finally:
        await engine.aclose()


@asynccontextmanager
async def shared(directory: Path) -> AsyncGenerator[Engine]:
    """The local engine over PostgreSQL and S3."""
    from support.buckets import lasting_server, new_bucket, place_at
    from support.postgres import ADDRESS, SCHEMA_NAME, schema
    from vectorstores_server.engines.local.catalog.postgres import PostgresCatalog
    from vectorstores_server.engines.local.embedding import EmbedderChoice
    from vectorstores_server.engines.local.engine import LocalEngine
    from vectorstores_server.engines.local.shared_storage import in_objects, over_postgres

    with schema() as name:
        (directory / SCHEMA_NAME).write_text(name, encoding="utf-8")
        catalog = PostgresCatalog(ADDRESS, name)
        endpoint = lasting_server()
        place = in_objects(place_at(endpoint, f"{new_bucket(endpoint)}/stores"), directory / "copies", COPIES_BYTES)
        storage = over_postgres(catalog, place, directory / "server")
        choice = EmbedderChoice(name="none", cache=directory / "cache")
        engine = LocalEngine(storage, choice, max_file_bytes=MAX_FILE_BYTES)
        try:
            yield engine
        finally:
            await engine.aclose()


def remote(service: str) -> OpenEngine:
    """The remote engine over a double of that service, which answers from a local engine."""

    @asynccontextmanager
    async def opened(directory: Path) -> AsyncGenerator[Engine]:
        from support.remotes import forwarded_to

        async with local(directory) as served, forwarded_to(service, served) as (engine, _):
            yield engine

    return opened


@asynccontextmanager
async def bounded(directory: Path) -> AsyncGenerator[Engine]:
    """The local engine as a token sees it that is bound by metadata, with a store and a File of others beside."""
    from support.engine_calls import new_store, upload
    from vectorstores_server.bounds.engine import seen_within
    from vectorstores_tools.contract.bounds import StoreBounds

    async with local(directory) as engine:
        await new_store(engine, name="Others")
        await upload(engine, "Others wrote this.")
        yield seen_within(engine, StoreBounds(metadata=(("team", "blue"),)))


BOTH: dict[str, OpenEngine] = {"local": local, "forwarded": remote("forwarded")}
"""For what is built on the contract and asks no more of an engine: one of each kind."""


ENGINES: dict[str, OpenEngine] = (
    BOTH
    | {"shared": shared, "bounded": bounded}
    | {name: remote(name) for name in ("azure", "ogx", "yandex", "litellm")}
)
"""For the contract itself."""

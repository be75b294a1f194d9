"""The engines that every promise of the contract is tried on. A further engine adds its opener to ENGINES."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest

from clients import caller, caller_of_era, era
from vectorstores_tools.contract.engine import Engine

if TYPE_CHECKING:
    import httpx

    from vectorstores_server.engines.local.engine import LocalEngine

__all__ = ["anyio_backend", "caller", "caller_of_era", "engine", "era", "minilm_engine"]

OpenEngine: TypeAlias = Callable[[Path], AbstractAsyncContextManager[Engine]]

MAX_FILE_BYTES = 100_000


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


def remote(service: str) -> OpenEngine:
    """The remote engine over a double of that service, which answers from a local engine."""

    @asynccontextmanager
    async def opened(directory: Path) -> AsyncGenerator[Engine]:
        from remotes import forwarded_to

        async with local(directory) as served, forwarded_to(service, served) as (engine, _):
            yield engine

    return opened


BOTH: dict[str, OpenEngine] = {"local": local, "forwarded": remote("forwarded")}
"""For what is built on the contract and asks no more of an engine: one of each kind."""

ENGINES: dict[str, OpenEngine] = BOTH | {name: remote(name) for name in ("azure", "ogx", "yandex", "litellm")}
"""For the contract itself."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test of `engine` all the engines that it is meant for.

    The parameter is what opens the engine: a test that has its engine from elsewhere asks for none, and is not named
    after one.
    """
    if "opener" in metafunc.fixturenames:
        engines = ENGINES if metafunc.definition.path.name.startswith("test_contract_") else BOTH
        metafunc.parametrize("opener", engines.values(), ids=list(engines))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Everything runs on asyncio: the server does, too."""
    return "asyncio"


@pytest.fixture
async def engine(opener: OpenEngine, tmp_path: Path) -> AsyncGenerator[Engine]:
    """Each engine in turn, empty."""
    async with opener(tmp_path) as engine:
        yield engine


@pytest.fixture
async def minilm_engine(tmp_path: Path) -> AsyncGenerator[Engine]:
    """The local engine with vectors."""
    async with local_minilm(tmp_path) as engine:
        yield engine


@pytest.fixture
async def local_engine(tmp_path: Path) -> AsyncGenerator["LocalEngine"]:
    """The local engine, by its own name, with an embedder that costs nothing."""
    from local import Words, opened

    async with opened(tmp_path / "data", Words()) as engine:
        yield engine


@pytest.fixture
async def api(local_engine: "LocalEngine") -> AsyncGenerator["httpx.AsyncClient"]:
    """/v1 over that engine, without a port."""
    from v1_client import api_of

    async with api_of(local_engine) as client:
        yield client

"""The engines that every promise of the contract is tried on. A further engine adds its opener to ENGINES."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from clients import caller, caller_of_era, era
from vectorstores_tools.contract import Engine

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


ENGINES: list[OpenEngine] = [local]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Everything runs on asyncio: the server does, too."""
    return "asyncio"


@pytest.fixture(params=ENGINES, ids=[opener.__name__ for opener in ENGINES])
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Engine]:
    """Each engine in turn, empty."""
    async with request.param(tmp_path) as engine:
        yield engine


@pytest.fixture
async def minilm_engine(tmp_path: Path) -> AsyncGenerator[Engine]:
    """The local engine with vectors."""
    async with local_minilm(tmp_path) as engine:
        yield engine

"""Fixtures for every test: an engine in turn, a client of each protocol era."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from support.clients import caller, caller_of_era, era
from support.commands import run
from support.engines import BOTH, ENGINES, OpenEngine, local_minilm
from vectorstores_tools.contract.engine import Engine

if TYPE_CHECKING:
    import httpx

    from vectorstores_server.engines.local.engine import LocalEngine

__all__ = ["anyio_backend", "caller", "caller_of_era", "engine", "era", "minilm_engine", "run"]


SHARED_SOON = {"test_stores.py", "test_places.py"}
"""Modules of the contract that `make test` runs over PostgreSQL too; make test-slow runs all, and each dialect."""

hypothesis.settings.register_profile("many", max_examples=1000, deadline=None)
hypothesis.settings.register_profile("usual", parent=hypothesis.settings.default, deadline=None)
hypothesis.settings.register_profile("few", parent=hypothesis.settings.default, max_examples=25, deadline=None)
hypothesis.settings.load_profile("few")  # make test-slow and make fuzz name another; see support/examples.py


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test of `engine` all the engines that it is meant for.

    The parameter is what opens the engine: a test that has its engine from elsewhere asks for none, and is not named
    after one.
    """
    if "opener" in metafunc.fixturenames:
        path = metafunc.definition.path
        engines = ENGINES if path.parent.name == "contract" else BOTH
        soon = {*BOTH, "shared"} if path.name in SHARED_SOON else {*BOTH}
        marks = [() if name in soon else pytest.mark.slow for name in engines]
        openers = [pytest.param(engines[name], id=name, marks=mark) for name, mark in zip(engines, marks, strict=True)]
        metafunc.parametrize("opener", openers)


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
    from support.local import Words, opened

    async with opened(tmp_path / "data", Words()) as engine:
        yield engine


@pytest.fixture
async def api(local_engine: "LocalEngine") -> AsyncGenerator["httpx.AsyncClient"]:
    """/v1 over that engine, without a port."""
    from support.v1_client import api_of

    async with api_of(local_engine) as client:
        yield client

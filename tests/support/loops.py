"""One event loop for all tests of a module, where none of them runs one of its own.

The processes that an event loop keeps for its work go with it: a parser's child, which takes .15 s to start, is used by
the next test too. A conftest.py imports the fixtures for the modules beside and below it; a module whose tests run
loops themselves, or look at what a new loop starts, says so by `FRESH_LOOPS = True`.
"""

from typing import cast

import pytest

__all__ = ["event_loop_of_module", "one_event_loop"]


@pytest.fixture(scope="module")
async def event_loop_of_module(anyio_backend: str) -> str:
    """A fixture of the module's scope, for which the event loop stays."""
    return anyio_backend


@pytest.fixture(scope="module", autouse=True)
def one_event_loop(request: pytest.FixtureRequest) -> None:
    """The loop, asked for by every test of a module that needs no fresh ones."""
    module = cast("object", request.module)  # pyright: ignore[reportUnknownMemberType] - pytest gives it no type
    if not getattr(module, "FRESH_LOOPS", False):
        request.getfixturevalue("event_loop_of_module")

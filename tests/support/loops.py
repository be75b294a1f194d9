"""One event loop for all tests of a module, where none of them runs one of its own.

The processes that an event loop keeps for its work go with it: a parser's child, which takes .15 s to start, is used by
the next test too. A conftest.py imports the fixture for the modules beside it.
"""

import pytest

__all__ = ["one_event_loop"]


@pytest.fixture(scope="module", autouse=True)
async def one_event_loop(anyio_backend: str) -> str:
    """A fixture of the module's scope, for which the event loop stays; sync tests have it too, and do not use it."""
    return anyio_backend

"""How any engine is asked whether it works."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import anyio

from vectorstores_server.engines.health import Check, Health
from vectorstores_tools.contract.errors import Unavailable
from vectorstores_tools.contract.requests import PageRequest

if TYPE_CHECKING:
    from vectorstores_tools.contract.engine import Engine

SECONDS_TO_ANSWER = 5.0


def engine_probe(engine: "Engine") -> Callable[[], Awaitable[Health]]:
    """Return what tells how `engine` is. It raises VectorStoreError."""
    from vectorstores_server.engines.local.engine import LocalEngine

    if isinstance(engine, LocalEngine):
        return engine.health

    async def ask() -> Health:
        with anyio.move_on_after(SECONDS_TO_ANSWER):
            await engine.list_stores(PageRequest(limit=1))
            return Health({"remote": Check(True, "it answers")})
        raise Unavailable(f"The remote does not answer within {SECONDS_TO_ANSWER:.0f} s.", "Try again later.")

    return ask

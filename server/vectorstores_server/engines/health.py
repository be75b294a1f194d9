"""How an engine is, for an operator: which of its parts work, and what it counts. Not of the contract."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio

from vectorstores_tools.errors import Unavailable
from vectorstores_tools.models import PageRequest

if TYPE_CHECKING:
    from vectorstores_tools.contract import Engine

SECONDS_TO_ANSWER = 5.0


@dataclass(frozen=True, slots=True)
class Check:
    """Whether a part works, and a few words about it: what it is, or what is wrong and what to do."""

    ok: bool
    state: str


@dataclass(frozen=True, slots=True)
class Health:
    """The parts by name, and numbers by name; a number whose name ends in `_total` only grows."""

    checks: Mapping[str, Check]
    numbers: Mapping[str, float] = field(default_factory=dict[str, float])

    def report(self) -> dict[str, Any]:
        """Return it as plain data; it is ready when every part works."""
        parts = {name: {"ok": check.ok, "state": check.state} for name, check in self.checks.items()}
        return {"ready": all(check.ok for check in self.checks.values()), "checks": parts, "numbers": self.numbers}


def engine_probe(engine: "Engine") -> Callable[[], Awaitable[Mapping[str, Any]]]:
    """Return what tells how `engine` is, as plain data (see `Health.report`). It raises VectorStoreError."""
    from vectorstores_server.engines.local.engine import LocalEngine

    if isinstance(engine, LocalEngine):
        return engine.health

    async def ask() -> Mapping[str, Any]:
        with anyio.move_on_after(SECONDS_TO_ANSWER):
            await engine.list_stores(PageRequest(limit=1))
            return Health({"remote": Check(True, "it answers")}).report()
        raise Unavailable(f"The remote does not answer within {SECONDS_TO_ANSWER:.0f} s.", "Try again later.")

    return ask

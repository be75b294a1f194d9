"""What an operator looks at: /health (the process answers), /ready (its parts work), /metrics (Prometheus)."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from vectorstores_server.metrics import Metrics
from vectorstores_server.policy import HEALTH
from vectorstores_tools.errors import VectorStoreError

SECONDS_GOOD = 1.0

Probe = Callable[[], Awaitable[Mapping[str, Any]]]
"""Says how the engine is: {"ready": bool, "checks": {part: {"ok": bool, "state": str}}, "numbers": {name: float}}.

`checks` and `numbers` may be absent; a number whose name ends in `_total` only grows. A VectorStoreError: not ready.
"""


class Recent:
    """The last answer of a probe, asked for anew after a second; who comes while it is asked waits for that answer."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._asking = anyio.Lock()
        self._asked_at = float("-inf")
        self._state: Mapping[str, Any] = {}

    async def __call__(self) -> Mapping[str, Any]:
        """Return the engine's state."""
        async with self._asking:
            if time.monotonic() - self._asked_at > SECONDS_GOOD:
                self._state = await self._ask()
                self._asked_at = time.monotonic()
        return self._state

    async def _ask(self) -> Mapping[str, Any]:
        try:
            return await self._probe()
        except VectorStoreError as error:
            return {"ready": False, "checks": {"engine": {"ok": False, "state": str(error)}}}


def operations(probe: Probe, metrics: Metrics) -> list[BaseRoute]:
    """Return the routes."""
    recent = Recent(probe)

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(request: Request) -> Response:
        state = await recent()
        is_ready = bool(state.get("ready"))
        return JSONResponse({"ready": is_ready, "checks": state.get("checks", {})}, 200 if is_ready else 503)

    async def show(request: Request) -> Response:
        return Response(metrics.render(await recent()), media_type=metrics.content_type)

    return [Route(HEALTH, health), Route("/ready", ready), Route("/metrics", show)]

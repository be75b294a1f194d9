"""Endpoints for operators: /health (the process answers), /ready (its parts work), /metrics (Prometheus)."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from vectorstores_server.bounds.engine import without_counts
from vectorstores_server.http.auth import ANYBODY, Caller
from vectorstores_server.http.metrics import Metrics
from vectorstores_server.http.policy import HEALTH, METRICS
from vectorstores_tools.contract.errors import VectorStoreError
from vectorstores_tools.contract.maintenance import Check, Health

SECONDS_GOOD = 1.0

Probe = Callable[[], Awaitable[Health]]
"""A probe of the engine's health, which raises VectorStoreError where it is not ready."""


class ProbeCache:
    """The last answer of a probe, refreshed after a second; calls during a probe wait for its answer."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._asking = anyio.Lock()
        self._asked_at = float("-inf")
        self._health = Health({})

    async def __call__(self) -> Health:
        """Return the engine's health."""
        async with self._asking:
            if time.monotonic() - self._asked_at > SECONDS_GOOD:
                self._health = await self._ask()
                self._asked_at = time.monotonic()
        return self._health

    async def _ask(self) -> Health:
        try:
            return await self._probe()
        except VectorStoreError as error:
            return Health({"engine": Check(False, str(error))})


def operations(probe: Probe, metrics: Metrics) -> list[BaseRoute]:
    """Return the routes."""
    recent = ProbeCache(probe)

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(request: Request) -> Response:
        health = await recent()
        caller: Caller = getattr(request.state, "caller", ANYBODY)
        if caller.bounds is not None:
            health = without_counts(health)
        checks = {part: asdict(check) for part, check in health.checks.items()}
        return JSONResponse({"ready": health.ready, "checks": checks}, 200 if health.ready else 503)

    async def show(_request: Request) -> Response:
        return Response(metrics.render(await recent()), media_type=metrics.content_type)

    return [Route(HEALTH, health), Route("/ready", ready), Route(METRICS, show)]

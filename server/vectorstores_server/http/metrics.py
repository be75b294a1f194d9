"""Counts and times for Prometheus, in a registry of this server's own."""

from collections.abc import Iterator

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from vectorstores_server.http.access_log import FinishedRequest
from vectorstores_server.http.concurrency import Admission
from vectorstores_tools.contract.maintenance import Health

PREFIX = "vector_stores_"
TOTAL = "_total"
BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
FIRST_STEPS = frozenset(
    {
        "mcp",
        "sse",
        "messages",
        "health",
        "ready",
        "metrics",
        "openapi.json",
        "stores",
        "calls",
        "page",
        "sign-in",
        "sign-out",
    }
)
API_ROUTES = frozenset(
    {
        "vector_stores", "vector_stores/search", "vector_stores/files", "vector_stores/files/content",
        "vector_stores/file_batches", "vector_stores/file_batches/cancel", "vector_stores/file_batches/files",
        "files", "files/content", "uploads", "uploads/parts", "uploads/complete", "uploads/cancel",
    }
)  # fmt: skip
API_STEPS = frozenset(step for route in API_ROUTES for step in route.split("/"))


class Metrics:
    """The metrics of `/metrics`."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, admission: Admission) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            f"{PREFIX}requests", "Finished requests.", ("route", "method", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            f"{PREFIX}request_seconds",
            "Time of a request until the last byte of its reply; without streams that only listen.",
            ("route",),
            buckets=BUCKETS,
            registry=self._registry,
        )
        running = Gauge(f"{PREFIX}requests_running", "Requests that run now.", registry=self._registry)
        running.set_function(lambda: admission.requests.running)
        streams = Gauge(f"{PREFIX}streams_open", "Streams that listen now.", registry=self._registry)
        streams.set_function(lambda: admission.streams.running)
        self._engine = _Engine()
        self._registry.register(self._engine)
        ProcessCollector(registry=self._registry)

    def observe(self, request: FinishedRequest) -> None:
        """Count one finished request."""
        route = route_of(request.path)
        method = request.method if request.method in METHODS else "other"
        self._requests.labels(route, method, str(request.status)).inc()
        if not request.stream:
            self._seconds.labels(route).observe(request.seconds)

    def render(self, health: Health) -> bytes:
        """Return the page; `health` is the engine's."""
        self._engine.health = health
        return generate_latest(self._registry)


class _Engine(Collector):
    """The engine's numbers, as the probe has just read them."""

    def __init__(self) -> None:
        self.health = Health({})

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(f"{PREFIX}ready", "Whether all parts work.", value=float(self.health.ready))
        parts = GaugeMetricFamily(f"{PREFIX}part_ok", "Whether a part works.", labels=["part"])
        for part, check in self.health.checks.items():
            parts.add_metric([part], float(check.ok))
        yield parts
        for name, value in self.health.numbers.items():
            about = f"{name.removesuffix(TOTAL).replace('_', ' ').capitalize()}."
            family = CounterMetricFamily if name.endswith(TOTAL) else GaugeMetricFamily
            yield family(f"{PREFIX}{name}", about, value=value)


def route_of(path: str) -> str:
    """Return the path with ids left out, one of few values whatever is asked for."""
    steps = [step for step in path.split("/") if step]
    if steps[:1] == ["v1"]:
        route = "/".join(step for step in steps if step in API_STEPS)
        return f"/v1/{route}" if route in API_ROUTES else "other"
    return f"/{steps[0]}" if steps and steps[0] in FIRST_STEPS else "other"

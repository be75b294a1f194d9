"""Counts and times for Prometheus, in a registry of this server's own."""

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from vectorstores_server.admission import Admission
from vectorstores_server.guard import Seen

BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
FIRST_STEPS = frozenset({"v1", "mcp", "sse", "messages", "health", "ready", "metrics", "openapi.json"})


class Metrics:
    """What `/metrics` shows."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, admission: Admission) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "vector_stores_requests_total", "Finished requests.", ("route", "method", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "vector_stores_request_seconds",
            "Time from the first byte of a request to the last of its reply.",
            ("route",),
            buckets=BUCKETS,
            registry=self.registry,
        )
        running = Gauge("vector_stores_requests_running", "Requests that run now.", registry=self.registry)
        running.set_function(lambda: admission.running)
        self._engine = Gauge(
            "vector_stores_engine", "State of the engine, by what is counted.", ("what",), registry=self.registry
        )

    def observe(self, seen: Seen) -> None:
        """Count one finished request."""
        route = route_of(seen.path)
        self._requests.labels(route, seen.method, str(seen.status)).inc()
        self._seconds.labels(route).observe(seen.seconds)

    def render(self, state: dict[str, float]) -> bytes:
        """Return the page, `state` being the engine's numbers of now."""
        for what, value in state.items():
            self._engine.labels(what).set(value)
        return generate_latest(self.registry)


def route_of(path: str) -> str:
    """Return the path with ids left out, one of few values whatever is asked for."""
    steps = [step for step in path.split("/") if step]
    if not steps or steps[0] not in FIRST_STEPS:
        return "other"
    if steps[0] != "v1":
        return f"/{steps[0]}"
    kept = [
        s for s in steps if s in ("vector_stores", "files", "file_batches", "uploads", "search", "content", "parts")
    ]
    return "/v1/" + "/".join(kept)

"""Time limits of the remote: for each phase of a request, and for a request with its repetitions."""

from collections.abc import Mapping
from dataclasses import dataclass

import anyio
import httpx

LEAST_LEFT = 1.0
"""Seconds that must be left for a repetition to be worth while."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds for each phase of a request. No time bounds a whole transfer: only standing still ends it."""

    connect: float = 5.0
    pool: float = 30.0
    write: float = 60.0
    """The limit for one piece of a body."""
    answer: float = 45.0
    """The limit until the answer begins, and between its pieces."""
    whole: float = 45.0
    """The limit for all repetitions of a call that takes no files in: clients of MCP wait for a minute."""
    taking_in: float = 600.0
    """The same limit for a call that takes files in: some services parse and embed inside it. openai 3.52 waits so."""

    def of(self, method: str, path: str, body: Mapping[str, object] | None) -> httpx.Timeout:
        """Return those of one request."""
        answer = self.taking_in if _takes_files_in(method, path, body or {}) else self.answer
        return httpx.Timeout(connect=self.connect, read=answer, write=self.write, pool=self.pool)


class RetryBudget:
    """The time left for a request and its repetitions. A call that takes files in may be repeated whenever it ends."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._answer = timeouts.answer
        self._until = anyio.current_time() + timeouts.whole

    def shorten(self, request: httpx.Request) -> None:
        """Let the request take no longer than what is left."""
        if self._bounds(request):
            left = max(0.0, self._until - anyio.current_time())
            phases: dict[str, float] = request.extensions["timeout"]
            request.extensions["timeout"] = {phase: min(seconds, left) for phase, seconds in phases.items()}

    def lasts(self, request: httpx.Request, wait: float) -> bool:
        """Tell whether the request may be sent again after that many seconds."""
        return not self._bounds(request) or anyio.current_time() + wait + LEAST_LEFT <= self._until

    def _bounds(self, request: httpx.Request) -> bool:
        return request.extensions["timeout"]["read"] <= self._answer


def only_reads(request: httpx.Request) -> bool:
    """Tell whether the request changes nothing there, whatever became of it."""
    return request.method == "GET" or request.url.path.endswith("/search")


def _takes_files_in(method: str, path: str, body: Mapping[str, object]) -> bool:
    ends = ("files", "/file_batches", "/parts", "/complete")
    return method == "POST" and (path.endswith(ends) or bool(body.get("file_ids")))

"""The cap on calls over SSE: their HTTP request is answered as soon as they begin, so the guard cannot count them."""

from typing import TYPE_CHECKING, Any, cast

from mcp import MCPError
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.types import INVALID_REQUEST

from vectorstores_server.http.concurrency import Admission
from vectorstores_server.http.policy import LISTEN, MESSAGES

if TYPE_CHECKING:
    from starlette.requests import Request


class SseCallLimit:
    """Counts calls with the requests, and those that only listen with the streams."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    async def count(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Let a request in where there is room (a middleware)."""
        request = cast("Request[Any] | None", ctx.request)
        if request is None or ctx.request_id is None or not request.url.path.startswith(MESSAGES):
            return await call_next(ctx)
        cap = self._admission.streams if ctx.method == LISTEN else self._admission.requests
        with cap.enter(request.state.caller) as has_room:
            if not has_room:
                data = {"type": "rate_limit_error", "code": "rate_limit_exceeded"}
                raise MCPError(INVALID_REQUEST, "Too many requests are running. Try again shortly.", data)
            return await call_next(ctx)

"""A client that goes away cancels its call over /mcp, in the protocol of 2025 too.

The SDK leaves such a call running there, for clients that come back for the answer; without an event store nobody can,
and a call that waits for a batch would hold its place for 50 seconds. What the call had started goes on.
"""

from typing import Any

import anyio
from mcp import MCPError
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.types import INTERNAL_ERROR
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STATE = "hangup"


class CallDisconnect:
    """Ends one call as soon as its client is gone."""

    def __init__(self) -> None:
        self._gone = False
        self._call: anyio.CancelScope | None = None

    def ends(self, call: anyio.CancelScope) -> None:
        """Cancel this scope when the client goes, or now if it went before."""
        self._call = call
        if self._gone:
            call.cancel()

    def noted(self) -> None:
        """Take note that the client is gone."""
        self._gone = True
        if self._call is not None:
            self._call.cancel()


class DisconnectWatch:
    """Gives each request a CallDisconnect and tells it when the client has gone (an ASGI app around the SDK's)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, watching what its client does."""
        hangup = CallDisconnect()

        async def watched() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect":
                hangup.noted()
            return message

        await self._app({**scope, "state": {**scope.get("state", {}), STATE: hangup}}, watched, send)


async def end_with_client(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Run a request no longer than its client is there (a middleware)."""
    hangup = getattr(getattr(ctx.request, "state", None), STATE, None)
    if not isinstance(hangup, CallDisconnect):
        return await call_next(ctx)
    with anyio.CancelScope() as call:
        hangup.ends(call)
        return await call_next(ctx)
    raise MCPError(INTERNAL_ERROR, "The client is gone.")

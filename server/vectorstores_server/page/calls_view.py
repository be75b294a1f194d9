"""`/calls`: the calls of agents, as they happen."""

from dataclasses import dataclass, replace

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response

from vectorstores_server.calls.ring import CallRecord, CallRing
from vectorstores_server.page import paths
from vectorstores_server.page.views import PageParts, Visitor


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call as the list shows it; `hidden` where its query is somebody else's."""

    call: CallRecord
    href: str
    hidden: bool


class CallsView:
    """The last calls of tools."""

    def __init__(self, parts: PageParts, ring: CallRing) -> None:
        self._parts = parts
        self._ring = ring

    async def show(self, request: Request) -> Response:
        """Return them, newest first."""
        visitor: Visitor = request.state.caller
        calls = await anyio.to_thread.run_sync(self._ring.latest)
        return self._parts.html(request, "calls.html", rows=[_row(call, visitor) for call in calls])


def _row(call: CallRecord, visitor: Visitor) -> CallRow:
    """Return a row; a visitor who may only read sees the queries that came with the same token, and no others."""
    hidden = visitor.read_only and call.caller != visitor.name and bool(call.query)
    href = paths.store(call.store) if call.store.startswith("vs_") and ";" not in call.store else ""
    return CallRow(replace(call, query="") if hidden else call, href, hidden)

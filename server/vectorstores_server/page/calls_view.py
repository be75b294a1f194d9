"""`/calls`: the calls of agents, as they happen."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response

from vectorstores_server.calls.ring import CallRecord, CallRing
from vectorstores_server.page import paths
from vectorstores_server.page.views import PageParts, Visitor
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.errors import NotFound


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
        """Return them, newest first; a bound visitor's are those of the same token in stores that it sees now."""
        visitor: Visitor = request.state.caller
        calls = await anyio.to_thread.run_sync(self._ring.latest)
        if visitor.bounds is not None:
            calls = await _seen(self._parts.engine_of(request), [call for call in calls if call.caller == visitor.name])
        return self._parts.html(request, "calls.html", rows=[_row(call, visitor) for call in calls])


async def _seen(engine: Engine, calls: Sequence[CallRecord]) -> list[CallRecord]:
    """Return the calls of one store each that is there; a token of this name may have had other bounds before."""
    there: set[str] = set()
    for store_id in {call.store for call in calls if call.store}:
        with suppress(NotFound):
            await engine.retrieve_store(store_id)
            there.add(store_id)
    return [call for call in calls if call.store in there]


def _row(call: CallRecord, visitor: Visitor) -> CallRow:
    """Return a row; a visitor who may only read sees the queries that came with the same token, and no others."""
    hidden = visitor.read_only and call.caller != visitor.name and bool(call.query)
    href = paths.store(call.store) if call.store.startswith("vs_") and ";" not in call.store else ""
    return CallRow(replace(call, query="") if hidden else call, href, hidden)

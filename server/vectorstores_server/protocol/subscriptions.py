"""Notifications of subscribed resources that read differently, whichever process changed them.

Subscribers of 2026-07-28 are served by the SDK's bus; those of 2025 are notified one connection at a time. Nothing runs
while nobody is subscribed.
"""

import logging
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import anyio
import anyio.abc
from mcp import MCPError
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.subscriptions import ResourcesListChanged, ResourceUpdated, SubscriptionBus
from mcp.types import INVALID_PARAMS

from vectorstores_server.protocol.resources import GONE, StoreResources
from vectorstores_server.system.logs import event
from vectorstores_tools.contract.characters import line
from vectorstores_tools.contract.errors import VectorStoreError

logger = logging.getLogger(__name__)

LEAST_BETWEEN = 1.0
"""Seconds between two notifications of one URI."""

AFTER_FAILURE = 5.0
"""Seconds until the engine is asked again after it could not answer."""

SECONDS_TO_TELL = 1.0
"""Seconds for a connection to take a notification; one that does not read must not keep the others waiting."""

MOST_WATCHED = 200
"""URIs of one listen stream, or of one connection of 2025; more would be read again at every change."""

MOST_OF_A_CALLER = 1_000
"""URIs that one caller may hold over all of its connections, each connection counted; without tokens nobody is told
apart."""

MOST_IN_ALL = 2_000
"""URIs that one server watches, for all connections together."""

STORES = ""
"""Stands in the place of a URI for the list of stores."""

Tell = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One connection of 2025 that is subscribed to a URI; `caller` is "" without tokens."""

    tell: Tell
    caller: str


@dataclass(slots=True)
class SubscribedUri:
    """One URI: its state when its subscribers were last notified, and the subscribers."""

    state: str
    told_at: float = -LEAST_BETWEEN
    streams: int = 0
    connections: dict[Hashable, Subscriber] = field(default_factory=dict[Hashable, Subscriber])


class Subscriptions:
    """The subscriptions of one server, or of one connection where a transport starts a server for each."""

    def __init__(self, resources: StoreResources, bus: SubscriptionBus, tasks: anyio.abc.TaskGroup) -> None:
        self.resources = resources
        self.bus = bus
        self.tasks = tasks
        self.watched: dict[str, SubscribedUri] = {}
        self.running: anyio.CancelScope | None = None
        self.held: Counter[str] = Counter()

    async def add(self, uri: str) -> SubscribedUri | None:
        """Begin to watch a URI, or return what watches it; None for one that names nothing."""
        if uri not in self.watched:
            try:
                state = await self._state(uri)
            except VectorStoreError:
                return None
            if state == GONE:
                return None
            self.watched.setdefault(uri, SubscribedUri(state))
        if self.running is None:
            self.running = anyio.CancelScope()
            self.tasks.start_soon(self._run, self.running)
        return self.watched[uri]

    def drop(self, uri: str) -> None:
        """Stop watching a URI that nobody is subscribed to any more."""
        watched = self.watched.get(uri)
        if watched is not None and not watched.streams and not watched.connections:
            del self.watched[uri]
        if not self.watched and self.running is not None:
            self.running.cancel()
            self.running = None

    async def subscribe(self, connection: Hashable, uri: str, tell: Tell) -> None:
        """Notify a connection of 2025 of changes, and of those of the list of stores, until `unsubscribe`.

        MCPError where it has as many subscriptions as it may.
        """
        if sum(connection in watched.connections for watched in self.watched.values()) > MOST_WATCHED:
            raise MCPError(INVALID_PARAMS, f"{MOST_WATCHED} resources are subscribed to. Unsubscribe from one first.")
        if uri not in self.watched and len(self.watched) >= MOST_IN_ALL:
            raise MCPError(INVALID_PARAMS, f"This server watches {MOST_IN_ALL} resources already. Try again later.")
        caller = _caller()
        if not self._has_room(caller):
            raise MCPError(
                INVALID_PARAMS, f"{MOST_OF_A_CALLER} resources are subscribed to. Unsubscribe from one first."
            )
        for each in (uri, STORES):
            watched = await self.add(each)
            if watched is None and "://" in each and not each.startswith("vectorstore://"):
                continue  # another resource of this server, which has its own way to tell; nothing is held for it
            if watched is None:
                raise MCPError(INVALID_PARAMS, f"The resource {line(each)} names nothing that is here.")
            if connection not in watched.connections:
                self.held[caller] += 1
            watched.connections[connection] = Subscriber(tell, caller)

    def unsubscribe(self, connection: Hashable, uri: str | None = None) -> None:
        """Forget one URI of a connection, or all of them."""
        for each in [uri] if uri is not None else list(self.watched):
            if watched := self.watched.get(each):
                if subscriber := watched.connections.pop(connection, None):
                    self._give_back(subscriber.caller)
                self.drop(each)
        left = [each for each, watched in self.watched.items() if connection in watched.connections]
        if left == [STORES]:
            self.unsubscribe(connection, STORES)

    @asynccontextmanager
    async def streaming(self, uris: Iterable[str]) -> AsyncGenerator[None]:
        """Watch URIs for a listen stream, as long as it is open."""
        subscribed: list[tuple[str, SubscribedUri]] = []
        caller = _caller()
        try:
            for uri in list(uris)[: max(0, MOST_IN_ALL - len(self.watched))]:
                if self._has_room(caller) and (watched := await self.add(uri)):
                    watched.streams += 1
                    self.held[caller] += 1
                    subscribed.append((uri, watched))
            yield
        finally:
            for uri, watched in subscribed:
                watched.streams -= 1
                self._give_back(caller)
                self.drop(uri)

    def _has_room(self, caller: str) -> bool:
        return not caller or self.held[caller] < MOST_OF_A_CALLER

    def _give_back(self, caller: str) -> None:
        self.held[caller] -= 1
        if not self.held[caller]:
            del self.held[caller]

    async def _run(self, scope: anyio.CancelScope) -> None:
        with scope:
            mark = 0
            while self.watched:
                try:
                    mark = await self._wait(mark)
                    await self._look()
                except VectorStoreError as error:
                    logger.warning(
                        "Cannot see changes: %s", error, extra=event("changes_unseen", kind=type(error).__name__)
                    )
                    await anyio.sleep(AFTER_FAILURE)

    async def _wait(self, mark: int) -> int:
        """Wait for a change, or until a URI that changed too soon after its last notification is due."""
        now = anyio.current_time()
        due = [w.told_at + LEAST_BETWEEN - now for w in self.watched.values() if w.told_at + LEAST_BETWEEN > now]
        with anyio.move_on_after(min(due) if due else None):
            return await self.resources.engine.changed(mark)
        return mark

    async def _look(self) -> None:
        for uri, watched in list(self.watched.items()):
            if anyio.current_time() - watched.told_at < LEAST_BETWEEN:
                continue
            state = await self._state(uri)
            if state != watched.state:
                watched.state, watched.told_at = state, anyio.current_time()
                await self._tell(uri, watched)

    async def _state(self, uri: str) -> str:
        return await (self.resources.stores_state() if uri == STORES else self.resources.state(uri))

    async def _tell(self, uri: str, watched: SubscribedUri) -> None:
        await self.bus.publish(ResourcesListChanged() if uri == STORES else ResourceUpdated(uri=uri))
        for connection, subscriber in list(watched.connections.items()):
            with anyio.move_on_after(SECONDS_TO_TELL) as telling:
                await subscriber.tell(uri)
            if telling.cancelled_caught:
                self.unsubscribe(connection)


async def watch_listeners(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Watch the URIs of a subscriptions/listen, as long as its stream is open (a middleware)."""
    if ctx.method != "subscriptions/listen" or not isinstance(ctx.lifespan_context, Subscriptions):
        return await call_next(ctx)
    async with ctx.lifespan_context.streaming(_wanted(ctx.params or {})):
        return await call_next(ctx)


def _caller() -> str:
    """Return the caller, as the guard has named them to the SDK; "" without tokens."""
    token = get_access_token()
    return token.client_id if token is not None else ""


def _wanted(params: Any) -> list[str]:
    """Return the URIs of a listen request as it came, before the SDK has checked it."""
    notifications: Any = params.get("notifications")
    if not isinstance(notifications, dict):
        return []
    asked = cast("dict[str, Any]", notifications)
    uris = asked.get("resourceSubscriptions")
    named = [uri for uri in cast("list[Any]", uris) if isinstance(uri, str)] if isinstance(uris, list) else []
    return ([STORES] if asked.get("resourcesListChanged") is True else []) + named[:MOST_WATCHED]

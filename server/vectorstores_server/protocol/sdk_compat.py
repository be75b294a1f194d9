"""Everything that needs a private attribute of the SDK, each piece installed only where the attribute is.

MCPServer 2.3 has no pages of resources, and for clients of 2025 no resources/subscribe, no logging/setLevel and no
listChanged. Without the attributes a server still works: the list of resources ends after its first page, and clients
of 2025 cannot subscribe.
"""

from typing import Any, cast

from mcp.server import MCPServer
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import NotificationOptions, Server
from mcp.server.mcpserver import server as mcpserver
from mcp.server.models import InitializationOptions
from mcp.types import (
    EmptyResult,
    ListResourcesResult,
    PaginatedRequestParams,
    SetLevelRequestParams,
    SubscribeRequestParams,
    UnsubscribeRequestParams,
)

from vectorstores_server.protocol.resources import StoreResources
from vectorstores_server.protocol.subscriptions import STORES, Subscriptions

Context = ServerRequestContext[Subscriptions, Any]


def lowlevel(server: MCPServer[Any]) -> Server[Any] | None:
    """Return the server of the SDK that takes streams of messages."""
    return cast("Server[Any] | None", getattr(server, "_lowlevel_server", None))


def install(server: MCPServer[Subscriptions], resources: StoreResources) -> None:
    """Add the features for which MCPServer has no public way."""
    low = lowlevel(server)
    if low is None:
        return

    async def page(_ctx: Context, params: PaginatedRequestParams) -> ListResourcesResult:
        return await resources.page(params.cursor)

    low.add_request_handler("resources/list", PaginatedRequestParams, page)
    low.add_request_handler("resources/subscribe", SubscribeRequestParams, _subscribe)
    low.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, _unsubscribe)
    low.add_request_handler("logging/setLevel", SetLevelRequestParams, _set_level)
    _announce_changes(low)


def leave_logging_alone() -> None:
    """Keep MCPServer from importing rich for a log handler that ours makes useless: 4 % of the start."""
    if hasattr(mcpserver, "configure_logging"):
        mcpserver.configure_logging = _no_logging  # pyright: ignore[reportPrivateImportUsage]  # this module's point


def _no_logging(level: str = "INFO") -> None:
    """Do nothing: `logs.configure` has run."""


async def _subscribe(ctx: Context, params: SubscribeRequestParams) -> EmptyResult:
    connection = _connection(ctx)
    watch = ctx.lifespan_context

    async def tell(uri: str) -> None:
        if uri == STORES:
            await connection.send_resource_list_changed()
        else:
            await connection.send_resource_updated(uri)

    stack = getattr(connection, "exit_stack", None)
    if stack is not None:
        stack.callback(watch.unsubscribe, connection)
    await watch.subscribe(connection, str(params.uri), tell)
    return EmptyResult()


async def _unsubscribe(ctx: Context, params: UnsubscribeRequestParams) -> EmptyResult:
    ctx.lifespan_context.unsubscribe(_connection(ctx), str(params.uri))
    return EmptyResult()


async def _set_level(_ctx: Context, _params: SetLevelRequestParams) -> EmptyResult:
    """Accept any level: our log goes to stderr or a file, never to the client."""
    return EmptyResult()


def _connection(ctx: Context) -> Any:
    """Return the object that outlives this request: the connection, or the session without such an attribute."""
    return getattr(ctx.session, "_connection", ctx.session)


def _announce_changes(low: Server[Subscriptions]) -> None:
    """Tell clients of 2025 that the list of resources changes; tools and prompts never do."""
    made = low.create_initialization_options

    def options(
        notification_options: NotificationOptions | None = None, *args: Any, **kwargs: Any
    ) -> InitializationOptions:
        return made(notification_options or NotificationOptions(resources_changed=True), *args, **kwargs)

    low.create_initialization_options = options

"""The stdio transport. Every way to end takes one path."""

import sys
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, cast

import anyio
from mcp.server import MCPServer
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCError

from vectorstores_server.protocol import sdk_compat
from vectorstores_server.protocol.stdio_lines import MessageLines
from vectorstores_server.system import posix
from vectorstores_server.system.logs import event
from vectorstores_server.system.shutdown import close_and_leave, log
from vectorstores_tools.contract.engine import Engine

SECONDS_TO_FINISH = 0.25


async def serve_stdio(
    server: MCPServer[Any], engine: Engine, beside: Callable[[], Coroutine[Any, Any, None]] | None = None
) -> NoReturn:
    """Serve until standard input ends or a signal asks to stop; then close the engine and end the process.

    `beside` runs meanwhile.

    The process is ended from here: a thread that reads standard input, or one that waits for a lock, cannot be
    cancelled, and returning would wait for it.
    """
    served, hung_up, stopped = anyio.Event(), anyio.Event(), anyio.Event()
    async with anyio.create_task_group() as tasks:
        posix.watch_hangup(sys.stdin.fileno(), hung_up.set)
        tasks.start_soon(_end_at_signal, stopped)
        tasks.start_soon(_end_after_hangup, hung_up, served, stopped)
        tasks.start_soon(_serve, server, served, stopped)
        if beside is not None:
            tasks.start_soon(beside)
        await stopped.wait()
        await close_and_leave(engine)
    raise AssertionError  # the process has ended


async def _serve(server: MCPServer[Any], served: anyio.Event, stopped: anyio.Event) -> None:
    try:
        await _run(server)
    except* OSError as group:
        log.warning("The client is gone: %s", group.exceptions[0], extra=event("client_gone"))
    served.set()
    stopped.set()


async def _run(server: MCPServer[Any]) -> None:
    """Let the SDK serve the messages of `MessageLines`; where it cannot be given these, it reads its own."""
    low = sdk_compat.lowlevel(server)
    if low is None:
        await server.run_stdio_async()
        return
    with posix.diverted_input() as stream:
        lines = MessageLines(stream)
        async with stdio_server(stdin=cast("anyio.AsyncFile[str]", lines)) as (received, sent):

            async def reply(error: JSONRPCError) -> None:
                await sent.send(SessionMessage(error))

            lines.reply = reply
            await low.run(received, sent, low.create_initialization_options())


async def _end_after_hangup(hung_up: anyio.Event, served: anyio.Event, stopped: anyio.Event) -> None:
    """Answer the messages that were sent before the end, but wait for no long call."""
    await hung_up.wait()
    with anyio.move_on_after(SECONDS_TO_FINISH):
        await served.wait()
    stopped.set()


async def _end_at_signal(stopped: anyio.Event) -> None:
    async for received in posix.stop_signals():
        log.info("Stopping: %s", received.name, extra=event("stopping", signal=received.name))
        stopped.set()

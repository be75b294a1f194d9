"""The end of work and of a process: a signal cancels the work, an engine has a moment to close."""

import logging
import os
from collections.abc import Awaitable, Callable
from typing import NoReturn

import anyio

from vectorstores_server.system import posix
from vectorstores_server.system.logs import event
from vectorstores_tools.contract.engine import Engine

log = logging.getLogger(__name__)


SECONDS_TO_CLOSE = 0.6


async def close_and_leave(engine: Engine) -> NoReturn:
    """Close the engine and end the process, soon, whatever still runs."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_leave_in_time)
        await engine.aclose()
        _leave()
    raise AssertionError  # the process has ended


async def _leave_in_time() -> None:
    """End the process though the engine has not closed; it is built for that."""
    await anyio.sleep(SECONDS_TO_CLOSE)
    extra = event("closed_late")
    log.info("The engine did not close in time; what it was doing is done again at the next start", extra=extra)
    _leave()


def _leave() -> NoReturn:
    logging.shutdown()
    os._exit(0)


async def until_stopped(work: Callable[[], Awaitable[int]]) -> int | None:
    """Return the result of `work`, None where a signal stopped it.

    asyncio's own way, one `Task.cancel`, is lost when it meets the end of a time-out: then the work went on.
    """
    codes: list[int] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_cancel_at_signal, tasks.cancel_scope)
        codes.append(await work())
        tasks.cancel_scope.cancel()
    return codes[0] if codes else None


async def _cancel_at_signal(scope: anyio.CancelScope) -> None:
    async for _ in posix.stop_signals():
        scope.cancel()

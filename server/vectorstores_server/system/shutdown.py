"""The end of a process: the engine is closed for a moment, then the process ends whatever still runs."""

import logging
import os
from typing import NoReturn

import anyio

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

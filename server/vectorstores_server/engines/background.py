"""Tasks that belong to the engine and to no call: they outlive the call that began them, and end with the engine."""

import asyncio
import contextvars
import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import anyio

from vectorstores_server.system.logs import event

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

SECONDS_TO_END = 3

log = logging.getLogger(__name__)


class BackgroundTasks:
    """One task group in a task of its own, from `begin` to `end`."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._group: TaskGroup | None = None
        self._over = False

    @property
    def begun(self) -> bool:
        """Tell whether `begin` was called."""
        return self._task is not None

    async def begin(self) -> None:
        """Open the group, in a task of its own: the task that opened it must also close it, and a call ends earlier."""
        if self._task is not None or self._over:
            return
        ready = anyio.Event()
        # A context of its own: the context variables of the first call must not be kept for good.
        self._task = asyncio.create_task(self._live(ready), context=contextvars.Context())
        self._task.add_done_callback(self._report)
        await ready.wait()

    def spawn(self, fn: Callable[..., Coroutine[Any, Any, object]], *args: object) -> None:
        """Start a task in the group; nothing happens once the end has come."""
        if self._group is not None:
            self._group.start_soon(fn, *args)

    async def end(self) -> None:
        """Cancel all tasks and wait for them, but not for a thread that does not stop: its work is never needed."""
        self._over = True
        if self._task is None or self._group is None:
            return
        self._group.cancel_scope.cancel()
        with anyio.move_on_after(SECONDS_TO_END, shield=True):
            await asyncio.wait([self._task])

    async def _live(self, ready: anyio.Event) -> None:
        try:
            async with anyio.create_task_group() as group:
                self._group = group
                ready.set()
                await anyio.sleep_forever()
        except* OSError:
            log.exception("The work in the background has stopped", extra=event("background_stopped"))
        finally:
            self._group = None

    def _report(self, task: asyncio.Task[None]) -> None:
        """Log what ended the background tasks: no call waits for them, and without them nothing is built any more."""
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._over:
            extra = event("background_lost", kind=type(error).__name__)
            log.critical("The work in the background has stopped; restart the server", exc_info=error, extra=extra)

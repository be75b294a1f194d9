"""Work that a person may stop at any moment: a signal cancels it, as often as it takes."""

from collections.abc import Awaitable, Callable

import anyio

from vectorstores_server.system import posix


async def until_stopped(work: Callable[[], Awaitable[int]]) -> int | None:
    """Return what `work` returns, None where a signal stopped it.

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

"""Several requests side by side."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio

from vectorstores_tools.contract.errors import VectorStoreError

T = TypeVar("T")

AT_ONCE = 8


async def side_by_side(calls: Sequence[Callable[[], Awaitable[T]]], at_once: int = AT_ONCE) -> list[T]:
    """Await calls, so many at a time; return what they return. The first error ends the others and is raised."""
    done: dict[int, T] = {}
    errors: list[VectorStoreError | OSError] = []
    left = iter(enumerate(calls))

    async def work() -> None:
        for at, call in left:
            try:
                done[at] = await call()
            except (VectorStoreError, OSError) as error:
                errors.append(error)
                tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        for _ in range(min(at_once, len(calls))):
            tasks.start_soon(work)
    if errors:
        raise errors[0]
    return [done[at] for at in range(len(calls))]

"""Waiting for work, started by this call or any other, with progress for the client."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import anyio

from vectorstores_tools.context import Report, ToolCall
from vectorstores_tools.contract.characters import line
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.errors import VectorStoreError
from vectorstores_tools.contract.intake import Source

MB = 1_000_000


def watched(source: Source, tell: Callable[[float, str], None]) -> Source:
    """Return the source with reports: `tell` gets the share that was sent, 0 to 1, and the same in words."""

    def sent(count: int) -> None:
        tell(count / max(1, source.size), f"{count / MB:.1f} of {source.size / MB:.1f} MB sent")

    return replace(source, sent=sent)


T = TypeVar("T")

TICK = 2.5
"""Seconds between two reports at most; clients that reset their time-out on progress may wait for 5."""

LEAST_BETWEEN = 0.25
"""Seconds between two reports at least."""

PARTS = 1_000
"""Steps that each thing counts for: clients take whole numbers only, and no two reports may be equal."""


@dataclass(slots=True)
class Progress:
    """The progress of a call: `done` of `total` things, and a few words."""

    done: int = 0
    total: int | None = None
    message: str = ""

    def says(self, done: int, total: int | None, message: str) -> None:
        """Set all three; the next report has them."""
        self.done, self.total, self.message = done, total, line(message)


async def reported(report: Report, work: Callable[[Progress], Awaitable[T]]) -> T:
    """Return the result of `work`; its Progress is reported from time to time while it runs, and at its end."""
    progress = Progress()
    reports = _ProgressReports(report, progress)
    done: list[T] = []
    refused: VectorStoreError | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(reports.go_on)
        try:
            done.append(await work(progress))
        except VectorStoreError as error:
            refused = error  # raised outside, where no task group wraps it
        tasks.cancel_scope.cancel()
    if refused is not None:
        raise refused
    if reports.news:
        await reports.send()
    return done[0]


class _ProgressReports:
    """The reports of a Progress to the client."""

    def __init__(self, report: Report, progress: Progress) -> None:
        self._report = report
        self._progress = progress
        self._state = (0, "")
        self._last = -1

    @property
    def news(self) -> bool:
        return self._state != (self._progress.done, self._progress.message)

    async def go_on(self) -> None:
        silence = 0.0
        while True:
            await anyio.sleep(LEAST_BETWEEN)
            silence += LEAST_BETWEEN
            if self.news or silence >= TICK:
                silence = 0.0
                await self.send()

    async def send(self) -> None:
        progress = self._progress
        # It must grow with every report, also when nothing was finished since.
        self._last = max(progress.done * PARTS, self._last + 1)
        self._state = (progress.done, progress.message)
        total = None if progress.total is None else progress.total * PARTS
        await self._report(self._last, total, progress.message)


async def until(engine: Engine, retrieve: Callable[[], Awaitable[T]], final: Callable[[T], bool], seconds: float) -> T:
    """Return the object of `retrieve` as soon as it is final, or as it is when the time is up."""
    deadline = anyio.current_time() + seconds
    mark = await engine.changed(0) if seconds > 0 else 0
    item = await retrieve()
    while not final(item) and (left := deadline - anyio.current_time()) > 0:
        with anyio.move_on_after(left):
            mark = await engine.changed(mark)
        item = await retrieve()
    return item


async def followed(
    call: ToolCall, retrieve: Callable[[], Awaitable[T]], tell: Callable[[T, Progress], bool], seconds: float
) -> T:
    """Wait as `until` does, with reports; `tell` puts the object's state into the Progress and says if it is final."""
    if seconds <= 0:
        return await retrieve()
    return await reported(
        call.report, lambda progress: until(call.engine, retrieve, lambda item: tell(item, progress), seconds)
    )

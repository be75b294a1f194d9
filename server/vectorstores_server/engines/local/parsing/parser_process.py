"""The parent's side of the parser process: one child, one file at a time, killed when too slow or not wanted."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
from anyio import BrokenWorkerProcess, CancelScope, CapacityLimiter, current_time, to_process, to_thread

from vectorstores_server.engines.local.parsing import ParseFailure, child_main
from vectorstores_server.engines.local.parsing.dispatch import shown_name
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.page_image import RenderedPage
from vectorstores_server.engines.local.parsing.page_marks import PassageOnPage
from vectorstores_server.system.machine_errors import is_of_the_machine
from vectorstores_tools.contract.errors import Unavailable

_SHIELDED_SECONDS = 3.0  # a child starts in .2 s, and in more than one where other work keeps the machine busy
_AT_ONCE_SECONDS = 0.5
_LARGE = 1 << 20  # bytes; a smaller document is taken back faster than a thread is asked

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """Seconds and bytes for one parse.

    CPU time is the limit that counts; the clock may run `patience` times longer, because the machine does other work
    too. Both grow with the file.
    """

    cpu_seconds: float = 20
    cpu_seconds_per_megabyte: float = 5
    budget: float = 2
    memory_bytes: int = 2 << 30

    def cpu_allowance(self, size: int) -> float:
        """CPU seconds for a file of `size` bytes."""
        return self.cpu_seconds + self.cpu_seconds_per_megabyte * size / 1e6

    def time_allowance(self, size: int) -> float:
        """Seconds by the clock for a file of `size` bytes."""
        return self.budget * self.cpu_allowance(size)


PAGE_LIMITS = ParseLimits(cpu_seconds=60, cpu_seconds_per_megabyte=0.5, budget=5)
"""The limits for the recognition of one page, which takes 2 to 6 seconds at a lower priority than all other work."""


class ParserProcess:
    """Parses files in a child process, which starts at the first call and is used again.

    Cancelling a call kills the child; the next call starts another. Calls wait for each other. The child ends with the
    event loop, or on `end_child`.
    """

    def __init__(self, limits: ParseLimits | None = None) -> None:
        self._limits = limits or ParseLimits()
        self._turn = anyio.Lock()
        self._single = CapacityLimiter(1)
        self._child_waits = False

    async def parse(self, path: Path, filename: str, *, blank: bool = False) -> Document:
        """Parse the file at `path` as what the name says it is; ParseFailure when no document can be had of it.

        `blank`: of a file that holds nothing but pictures the empty pages are returned.
        Raises Unavailable when the parser cannot be started, OSError where the system will not let the file be read.
        """
        async with self._turn:
            try:
                size = (await to_thread.run_sync(path.stat)).st_size
                work = partial(child_main.parse_in_child, str(path), filename, blank)
                result = await self._in_child(work, filename, size)
            except OSError as error:
                if is_of_the_machine(error):
                    raise
                raise ParseFailure("server_error", f"{shown_name(filename)} could not be read: {error}.") from error
        return await to_thread.run_sync(Document.loads, result) if len(result) > _LARGE else Document.loads(result)

    async def parse_run(self, files: Sequence[tuple[Path, str]]) -> list[bytes | None]:
        """Parse small files together, each given by its path and name, into what `Document.dumps` writes.

        None for a file of which no document can be had, and for all where the child ends: `parse` tells why. Raises
        as `parse`.
        """
        named = [(str(path), filename) for path, filename in files]
        try:
            async with self._turn:
                return await self._in_child(partial(child_main.parse_run_in_child, named), files[0][1], 0)
        except ParseFailure:
            return [None] * len(files)

    async def render(self, path: Path, filename: str, page: int, passage: PassageOnPage | None) -> RenderedPage:
        """Return a page of the file as an image; ParseFailure when there is none. Raises as `parse`."""
        async with self._turn:
            size = (await to_thread.run_sync(path.stat)).st_size
            return await self._in_child(
                partial(child_main.render_in_child, str(path), filename, page, passage), filename, size
            )

    async def recognise(self, path: Path, filename: str, page: int, command: Sequence[str]) -> str:
        """Return the text in the picture of a page; ParseFailure when it cannot be had. Raises as `parse`."""
        async with self._turn:
            size = (await to_thread.run_sync(path.stat)).st_size
            work = partial(child_main.recognise_in_child, str(path), filename, page, tuple(command))
            return await self._in_child(work, filename, size)

    async def end_child(self) -> None:
        """Give back the memory of a child that waits; nothing when there is none."""
        async with self._turn:
            if self._child_waits:
                self._child_waits = False
                try:
                    await to_process.run_sync(child_main.end, cancellable=True, limiter=self._single)
                except (SystemExit, BrokenWorkerProcess):  # the child's ways to say that it ends, or that it has ended
                    return

    async def _in_child(self, task: Callable[..., T | ParseFailure], filename: str, size: int) -> T:
        seconds = self._limits.time_allowance(size)
        cpu_seconds = self._limits.cpu_allowance(size)
        work = partial(
            task,
            parent=os.getpid(),
            cpu_seconds=cpu_seconds,
            seconds=seconds + 1,
            memory_bytes=self._limits.memory_bytes,
        )
        took = 0.0
        for _ in range(2):  # a child that waited may have been ended from outside: once more, with a new one
            began = current_time()
            result = await self._attempt(work, seconds)
            if isinstance(result, ParseFailure):
                raise result
            if result is not None:
                return result
            took = current_time() - began
            if took > _AT_ONCE_SECONDS:
                break
        raise _ended(filename, slow=took >= min(seconds, cpu_seconds))

    async def _attempt(self, work: Callable[[], T | ParseFailure], seconds: float) -> T | ParseFailure | None:
        """Return its result; None when the child ended: by itself, or killed after `seconds`."""
        with anyio.move_on_after(seconds), suppress(BrokenWorkerProcess):
            return await self._run(work)
        return None

    async def _run(self, work: Callable[[], T | ParseFailure]) -> T | ParseFailure:
        if not self._child_waits:
            await _start_child(self._single)
        self._child_waits = False
        result = await to_process.run_sync(work, cancellable=True, limiter=self._single)
        self._child_waits = True
        return result


async def _start_child(one_at_a_time: CapacityLimiter) -> None:
    """Raise Unavailable when it does not start."""
    failure = await _started(one_at_a_time)
    if isinstance(
        failure, BrokenWorkerProcess
    ):  # one that was ended a moment ago may still be taken for one that waits
        failure = await _started(one_at_a_time)
    if failure is not None:
        raise Unavailable(
            f"The parser process could not be started ({failure}).", "Queued files are tried again by themselves."
        ) from failure


async def _started(one_at_a_time: CapacityLimiter) -> Exception | None:
    """Start a child, shielded for a while: anyio does not close a process if it is cancelled while that starts."""
    failure: Exception | None = None
    with CancelScope(shield=True) as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(_lift, scope)
            try:
                await to_process.run_sync(child_main.ready, cancellable=True, limiter=one_at_a_time)
            except (BrokenWorkerProcess, OSError) as error:
                failure = error
            group.cancel_scope.cancel()
    return failure


async def _lift(scope: CancelScope) -> None:
    await anyio.sleep(_SHIELDED_SECONDS)
    scope.shield = False


def _ended(filename: str, *, slow: bool) -> ParseFailure:
    name = shown_name(filename)
    if slow:
        return ParseFailure("invalid_file", f"{name} took too long to read. Split it, or save it again more simply.")
    return ParseFailure(
        "invalid_file",
        f"The parser broke off while it read {name}: the file is damaged or needs too much memory. "
        "Save it again in the program that made it, or split it, and upload that.",
    )

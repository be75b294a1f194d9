"""Small tables that are searched in memory: built when a table is searched again, and grown by what is new in it.

A search is answered from here only when the table has not changed since; otherwise LanceDB answers, and the table in
memory is brought up to date meanwhile. Tables that nobody asks for are dropped, and all of them when the machine runs
short of memory.
"""

import asyncio
import contextvars
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio.to_thread

from vectorstores_server.engines.local.index.errors import IndexUnavailable, WrongDimensions, translated
from vectorstores_server.engines.local.index.lance import Table, give_back_memory
from vectorstores_server.engines.local.index.records import CandidateQuery, Candidates, RevFilter
from vectorstores_server.engines.local.index.resident_rows import (
    MOST_DEAD,
    QuestionTokens,
    ResidentRows,
    ResidentRowsBuilder,
)
from vectorstores_server.engines.local.index.term_tokens import TermTokens
from vectorstores_server.engines.local.index.versions import VersionStamp
from vectorstores_server.system import posix
from vectorstores_server.system.logs import event

MOST_ROWS = 30_000
"""The number of rows from which on the codes of LanceDB's index are read faster than all vectors."""
BYTES_A_ROW = 700
"""The approximate bytes of a row besides its vector."""
SEARCHES = 2
"""The search of a table at which building it becomes worth while."""
UNUSED_SECONDS = 600.0
LOOK_SECONDS = 30.0
REST = 4.0
"""The rest of a table after an update, in multiples of its duration: while files go in it changes twice a second."""
LEAST_FREE = 0.08
"""The share of the machine's memory that has to be free."""
BLOCK = 512
"""Rows that are read and split into words at a time: some milliseconds of the event loop, and 10 MB for a moment."""

log = logging.getLogger(__name__)

T = TypeVar("T")
Opened = Callable[[str], Awaitable[Table]]


@dataclass(slots=True)
class ResidentTable:
    """The state of a table that is searched; `rows` are those of `stamp`, None while there are none here."""

    searches: int = 0
    stamp: VersionStamp | None = None
    rows: ResidentRows | None = None
    used_at: float = field(default_factory=time.monotonic)
    not_before: float = 0.0
    building: bool = False


class ResidentTables:
    """The tables of one index that are in memory, `budget` bytes at most. Everything is called on the event loop."""

    def __init__(self, directory: Path, opened: Opened, budget: int) -> None:
        self._directory = directory
        self._opened = opened
        self._budget = budget
        self._tables: dict[str, ResidentTable] = {}
        self._terms = TermTokens()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = ThreadPoolExecutor(1, "resident", initializer=posix.stand_back)

    @property
    def number(self) -> int:
        """The number of tables in memory."""
        return sum(table.rows is not None for table in self._tables.values())

    @property
    def nbytes(self) -> int:
        """The bytes of memory that they take."""
        return sum(table.rows.nbytes for table in self._tables.values() if table.rows is not None)

    async def candidates(self, name: str, query: CandidateQuery) -> Candidates | None:
        """Answer from memory; None where the table has changed since, or is not there."""
        known = self._tables.get(name)
        if known is None or known.rows is None or known.stamp is None:
            return None
        if known.stamp != VersionStamp.of(self._folder(name)):
            return None
        known.used_at = time.monotonic()
        rows = known.rows
        if query.vector is not None and rows.vectors is not None and rows.vectors.shape[1] != len(query.vector):
            raise WrongDimensions(name, rows.vectors.shape[1], len(query.vector))
        tokens = await self._tokens(name, query)
        return await anyio.to_thread.run_sync(rows.find, query, tokens)

    def searched(self, name: str) -> None:
        """Take note of a search that LanceDB answered; the second one has the table built, later ones updated."""
        known = self._tables.setdefault(name, ResidentTable())
        known.searches += 1
        known.used_at = time.monotonic()
        if self._budget and known.searches >= SEARCHES and not known.building and known.used_at >= known.not_before:
            known.building = True
            self._start(self._update(name, known))

    async def updated(self, name: str) -> bool:
        """Bring a table up to date now; tell whether it is in memory then."""
        known = self._tables.setdefault(name, ResidentTable())
        known.building = True
        await self._update(name, known)
        return known.rows is not None and known.stamp is not None

    def let_go(self, name: str | None = None) -> None:
        """Forget a table, or all."""
        for gone in [name] if name is not None else list(self._tables):
            self._tables.pop(gone, None)

    async def aclose(self) -> None:
        """End the updates that are under way, and forget all tables."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._thread.shutdown(wait=False)
        self.let_go()

    async def _tokens(self, name: str, query: CandidateQuery) -> QuestionTokens:
        async def tokenize(text: str) -> list[str]:
            return await (await self._opened(name)).token_list(text)

        counted = query.text if query.counted is None else query.counted
        named = len(query.names)
        text, length, *others = await self._terms.of([query.text, counted, *query.names, *query.words], tokenize)
        return QuestionTokens(text, len(length), others[:named], others[named:])

    async def _update(self, name: str, known: ResidentTable) -> None:
        began = time.monotonic()
        try:
            stamp = VersionStamp.of(self._folder(name))
            with translated(name):
                rows = await self._read(name, known.rows) if stamp is not None and self._has_memory() else None
            if stamp is not None:
                known.stamp, known.rows = stamp, rows
            self._keep_within_budget(name)
        except (IndexUnavailable, MemoryError, OSError) as error:
            log.info("A table is not kept in memory: %s", error, extra=event("table_not_resident"))
            known.rows = None
        finally:
            ended = time.monotonic()
            known.building = False
            known.not_before = ended + REST * (ended - began)

    async def _read(self, name: str, former: ResidentRows | None) -> ResidentRows | None:
        """Return the rows of the newest version, of which `former` has some; None for a table that is too large."""
        opened = await self._opened(name)
        count = await opened.count()
        if not opened.has_terms or not 0 < count <= MOST_ROWS or self._size(count, opened) > self._budget:
            return None
        rows = former or ResidentRows.empty(opened.dimensions)
        live_rows = await opened.revs()
        gone = [rev for rev, number in rows.revs.items() if live_rows.get(rev) != number]
        if gone:
            rows = await self._in_thread(lambda rows=rows: rows.without(gone))
            if rows.dead > MOST_DEAD:
                rows = ResidentRows.empty(opened.dimensions)
        new = sorted(live_rows.keys() - rows.revs.keys())
        if new:
            where = RevFilter("in", new).sql() if len(new) < len(live_rows) else None
            rows = await self._with_new(rows, opened, where, sum(live_rows[rev] for rev in new))
            await self._in_thread(give_back_memory)
        return rows

    async def _with_new(self, rows: ResidentRows, opened: Table, where: str | None, number: int) -> ResidentRows:
        """Return the rows with those of the table that match: all at once would take ten times the room they keep."""
        builder = ResidentRowsBuilder(rows, number)
        async with aclosing(opened.blocks(where, BLOCK)) as blocks:
            async for places, vectors, words in blocks:
                tokens = await self._terms.of(words, opened.token_list)
                await self._in_thread(partial(builder.add, places, vectors, tokens))
        return await self._in_thread(builder.finished)

    def _size(self, count: int, opened: Table) -> int:
        return count * (BYTES_A_ROW + 4 * (opened.dimensions or 0))

    def _keep_within_budget(self, name: str) -> None:
        """Drop the tables that were least recently asked, `name` last."""
        others = sorted((t.used_at, n) for n, t in self._tables.items() if n != name and t.rows is not None)
        for _, other in [*others, (0.0, name)]:
            if self.nbytes <= self._budget:
                return
            self.let_go(other)

    def _has_memory(self) -> bool:
        free = posix.free_memory()
        return free is None or free >= LEAST_FREE

    async def _watch(self) -> None:
        """Drop tables that are not used, and all when memory runs short; ends when none is left."""
        while self._tables:
            await asyncio.sleep(LOOK_SECONDS)
            self.look(time.monotonic())

    def look(self, now: float) -> None:
        """Drop tables that are not used at this moment, and all when memory runs short."""
        if not self._has_memory():
            self.let_go()
        for name, table in list(self._tables.items()):
            if now - table.used_at > UNUSED_SECONDS:
                self.let_go(name)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        if not self._tasks:
            self._spawn(self._watch())
        self._spawn(work)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        # A context of its own: the context variables of the search must not be kept for good.
        task = asyncio.create_task(work, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            extra = event("unforeseen_resident_error", kind=type(error).__name__)
            log.error("Tables are searched on the disk from now on", exc_info=error, extra=extra)
            self._budget = 0
            self.let_go()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.wrap_future(self._thread.submit(work))

    def _folder(self, name: str) -> Path:
        return self._directory / f"{name}.lance"

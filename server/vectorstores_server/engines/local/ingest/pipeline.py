"""The way of a file into the index: parse and cut, embed, add and flip, each while the next file is one step behind."""

import logging
import math
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import cast

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from vectorstores_server.engines.local import failpoints
from vectorstores_server.engines.local.catalog.index_tables import ANY_SIZE, TABLE_FORMAT
from vectorstores_server.engines.local.catalog.revisions import BuiltRevision
from vectorstores_server.engines.local.catalog.work_queue import QueuedRevision
from vectorstores_server.engines.local.embedding import Embedder, EmbeddingFailure
from vectorstores_server.engines.local.index import Index, IndexUnavailable, Rows
from vectorstores_server.engines.local.index.errors import IndexBusy
from vectorstores_server.engines.local.ingest.documents import LARGE_BYTES
from vectorstores_server.engines.local.ingest.index_rows import make_rows
from vectorstores_server.engines.local.ingest.preparation import FilePreparer, PreparedFile
from vectorstores_server.engines.local.ingest.scheduler import PassageRun, PassageScheduler
from vectorstores_server.engines.local.ingest.work_sources import WorkSource
from vectorstores_server.engines.local.parsing import ParseFailure
from vectorstores_server.engines.local.parsing.dispatch import shown_name
from vectorstores_server.system.logs import event
from vectorstores_server.system.machine_errors import is_of_the_machine
from vectorstores_tools.contract.errors import Unavailable

log = logging.getLogger(__name__)

POLL_SECONDS = 0.25
LOOK_SHARE = 20
"""The pause after a look at the queue that found nothing, in multiples of the look's duration; at most REST_SECONDS."""
REST_SECONDS = 2.0
SLOW_SECONDS = 2.0
"""A small file that takes longer to parse and cut no longer holds up others: most take some milliseconds."""
WANTED_SECONDS = 1.0
"""The time between two checks whether a file that is being prepared is still wanted."""
LINGER_SECONDS = 0.3
"""The time that small files wait for others being prepared, to be embedded and committed with them."""
TELL_SECONDS = 1.0
"""The time between two notes of a long file's progress."""
PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)
"""The pauses, about so many seconds, after which a table is written to again that another server has just changed."""
LARGE = range(LARGE_BYTES, ANY_SIZE.stop)
LANES = (range(LARGE_BYTES), LARGE)


@dataclass(frozen=True, slots=True)
class PassageGroup:
    """Pieces on their way from the embedder to the index."""

    pieces: Sequence[PassageRun]
    rows: Sequence[Rows]


class IngestPipeline:
    """One run over the sources, the most important first, until all are empty.

    `before_add` is called with the tables that rows are going to be added to, `after_add` when they are. After a run
    that was cancelled or failed, `half_built` tells whether the index holds rows that the catalog does not know.
    """

    def __init__(
        self,
        sources: Sequence[WorkSource],
        preparer: FilePreparer,
        embedder: Embedder | None,
        index: Index,
        *,
        before_add: Callable[[Iterable[str]], Awaitable[None]],
        after_add: Callable[[Iterable[str]], Awaitable[None]],
        slow_seconds: float = SLOW_SECONDS,
        former: Embedder | None = None,
    ) -> None:
        self._slow_seconds = slow_seconds
        self._slow: deque[tuple[int, QueuedRevision]] = deque()
        self._sources = sources
        self._preparer = preparer
        self._embedder = embedder
        self._former = former
        self._index = index
        self._before_add = before_add
        self._after_add = after_add
        self._scheduler = PassageScheduler()
        self._tables: set[str] | None = None
        self._unflipped: set[int] = set()
        self._idle: set[range] = set()
        self._ended = False
        self._stopping = False
        self.files = 0

    @property
    def half_built(self) -> bool:
        """Tell whether rows were added to the index and neither made live nor noted as dead."""
        return bool(self._unflipped)

    async def run(self) -> None:
        """Work until no source has anything left; `files` counts the outcomes."""
        send, receive = anyio.create_memory_object_stream[PassageGroup](1)
        async with anyio.create_task_group() as watch, send, receive:
            watch.start_soon(self._watch)
            async with anyio.create_task_group() as stages:
                stages.start_soon(self._prepare_all)
                stages.start_soon(self._embed_all, send)
                stages.start_soon(self._store_all, receive)
            watch.cancel_scope.cancel()

    async def _watch(self) -> None:
        """Tell the embedder's thread, which no cancellation reaches, that it should stop."""
        try:
            await anyio.sleep_forever()
        finally:
            self._stopping = True

    async def _prepare_all(self) -> None:
        """Prepare large files beside small ones: each of them may take a minute."""
        async with anyio.create_task_group() as lanes:
            for sizes in LANES:
                lanes.start_soon(self._prepare_lane, sizes)
        self._scheduler.close()

    async def _prepare_lane(self, sizes: range) -> None:
        while not self._ended:
            began = time.monotonic()
            if not await self._prepare_some(sizes):
                self._idle.add(sizes)
                self._scheduler.moved()  # a task that waits for more files need not wait any longer
                self._ended = self._scheduler.empty and len(self._idle) == len(LANES)
                await anyio.sleep(max(POLL_SECONDS, min(REST_SECONDS, LOOK_SHARE * (time.monotonic() - began))))
                self._idle.discard(sizes)

    async def _prepare_some(self, sizes: range) -> bool:
        """Prepare a few small files, or one large one; False when there is none."""
        works = await self._next(sizes)
        if sizes == LARGE and self._slow:
            works = [self._slow.popleft()]
        if sizes == LARGE:
            for priority, work in works:
                if not self._scheduler.put_back(work):
                    await self._prepare(work, priority)
                    break
        else:
            await self._prepare_run(works)
        return bool(works)

    async def _prepare_run(self, works: Sequence[tuple[int, QueuedRevision]]) -> None:
        """Prepare small files: those that can be together, the others one by one."""
        await self._room()
        together = await self._together([work for _, work in works])
        for priority, work in works:
            await self._room()
            await self._prepare(work, priority, patience=self._slow_seconds, prepared=together.get(work.rev))

    async def _room(self) -> None:
        while self._scheduler.crowded:
            await self._scheduler.wait()

    async def _together(self, works: Sequence[QueuedRevision]) -> dict[int, PreparedFile]:
        """Return the files that could be prepared together, within the patience that is had with one alone."""
        with anyio.move_on_after(self._slow_seconds):
            try:
                return await self._preparer.prepare_run(works)
            except Exception as error:
                if not is_of_one_file(error):
                    raise
                _tell_of_group(len(works), error)
        return {}

    async def _next(self, sizes: range) -> list[tuple[int, QueuedRevision]]:
        for priority, source in enumerate(self._sources):
            works = await source.next(self._scheduler.revs, sizes)
            if works:
                return [(priority, work) for work in works]
        return []

    async def _prepare(
        self,
        work: QueuedRevision,
        priority: int,
        *,
        patience: float = math.inf,
        prepared: PreparedFile | None = None,
    ) -> None:
        """Prepare a file. One that takes longer than `patience` seconds is begun again beside the large ones."""
        self._scheduler.claim(work)
        try:
            failpoints.reached("claimed")
            result = prepared
            with anyio.move_on_after(patience) as limit:
                result = result or await self._prepared(work, self._sources[priority])
            if limit.cancelled_caught:
                self._slow.append((priority, work))
                return
            if isinstance(result, PreparedFile):
                result.priority = priority
                failpoints.reached("cut")
                self._scheduler.put(result)
                return
            if result is not None:
                await self._sources[priority].refuse(work, result)
                failpoints.reached("refused")
        except Exception as error:
            if not is_of_one_file(error):
                raise
            await self._sources[priority].refuse(work, unforeseen(work, error))
        self._done(work.rev)

    async def _prepared(self, work: QueuedRevision, source: WorkSource) -> PreparedFile | ParseFailure | None:
        """Return the prepared file or its failure; None when nobody wants the file any more."""
        result: PreparedFile | ParseFailure | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_while_wanted, source, work.rev, tasks.cancel_scope)
            try:
                result = await self._preparer.prepare(work)
            except ParseFailure as failure:
                result = failure
            tasks.cancel_scope.cancel()
        return result

    async def _embed_all(self, send: MemoryObjectSendStream[PassageGroup]) -> None:
        async with send:
            while True:
                await self._linger()
                pieces = self._scheduler.next_group()
                if pieces:
                    pieces = await self._still_wanted(pieces)
                    await self._embed(pieces, send)
                elif self._scheduler.closed:
                    return
                else:
                    await self._scheduler.wait()

    async def _linger(self) -> None:
        """Let small files come together while the queue has more: a commit costs as much as embedding several."""
        with anyio.move_on_after(LINGER_SECONDS):
            while self._scheduler.sparse and LANES[0] not in self._idle:
                await self._scheduler.wait()

    async def _still_wanted(self, pieces: Sequence[PassageRun]) -> list[PassageRun]:
        """Let go of files that were cancelled, detached, deleted or attached again meanwhile."""
        kept: list[PassageRun] = []
        for priority, source in enumerate(self._sources):
            same_priority = [p for p in pieces if p.file.priority == priority]
            wanted = await source.wanted([p.file.work.rev for p in same_priority]) if same_priority else set[int]()
            for piece in same_priority:
                if piece.file.work.rev in wanted:
                    kept.append(piece)
                else:
                    await self._abandon(piece.file)
        return kept

    async def _abandon(self, file: PreparedFile) -> None:
        file.abandoned = True
        if file.taken:
            await self._sources[file.priority].drop(file.work.table, file.work.rev)
        self._done(file.work.rev)

    async def _embed(self, pieces: Sequence[PassageRun], send: MemoryObjectSendStream[PassageGroup]) -> None:
        try:
            rows = await make_rows(pieces, self._embedder, lambda: self._stopping, self._former)
            failpoints.reached("embedded")
        except EmbeddingFailure as failure:
            await self._without_vectors(pieces, str(failure))
            return
        except Exception as error:
            if not is_of_one_file(error):
                raise
            await self._one_by_one(pieces, error, lambda piece: self._embed([piece], send))
            return
        with suppress(anyio.BrokenResourceError):  # storing has failed; its error, and no other, ends this run
            await send.send(PassageGroup(pieces, rows))

    async def _without_vectors(self, pieces: Sequence[PassageRun], reason: str) -> None:
        for priority, source in enumerate(self._sources):
            files = [p.file for p in pieces if p.file.priority == priority]
            if files:
                await source.without_vectors([file.work for file in files], reason)
            for file in files:
                file.abandoned = True
                self._done(file.work.rev)

    async def _store_all(self, receive: MemoryObjectReceiveStream[PassageGroup]) -> None:
        async with receive:
            async for group in receive:
                groups = [group]
                while receive.statistics().current_buffer_used:
                    groups.append(receive.receive_nowait())
                await self._after_add(await self._store(groups))

    async def _store(self, groups: Sequence[PassageGroup]) -> set[str]:
        """Add rows and make them live. Half of this would need a reconciliation; all of it takes some milliseconds."""
        pieces = [piece for group in groups for piece in group.pieces]
        rows = [rows for group in groups for rows in group.rows]
        tables = set[str]()
        with anyio.CancelScope(shield=True):
            try:
                tables |= await self._add(pieces, rows)
                await self._finish(pieces)
            except Exception as error:
                if not is_of_one_file(error):
                    raise
                made = dict(zip(pieces, rows, strict=True))
                await self._one_by_one(pieces, error, lambda piece: self._store_again(piece, made[piece]))
        return tables

    async def _one_by_one(
        self, pieces: Sequence[PassageRun], error: Exception, step: Callable[[PassageRun], Awaitable[None]]
    ) -> None:
        """Do for each file alone what failed for several; a file that fails alone fails."""
        if len(pieces) > 1:
            _tell_of_group(len(pieces), error)
            for piece in pieces:
                await step(piece)
            return
        [piece] = pieces
        await self._sources[piece.file.priority].refuse(piece.file.work, unforeseen(piece.file.work, error))
        self._unflipped.discard(piece.file.work.rev)
        await self._abandon(piece.file)

    async def _store_again(self, piece: PassageRun, rows: Rows) -> None:
        """Store one file's rows, unless they are in the table already: what failed may have failed after the commit."""
        file = piece.file
        if file.abandoned or file.work.rev not in self._scheduler.revs:
            return
        try:
            stored = await self._index.rows(file.work.table, [file.work.rev])
            if stored == piece.first:
                await self._add([piece], [rows])
            elif file.added < piece.last:
                file.added, file.usage_bytes = piece.last, file.usage_bytes + usage(rows)
            await self._finish([piece])
        except Exception as error:
            if not is_of_one_file(error):
                raise
            await self._one_by_one([piece], error, _nothing)

    async def _add(self, pieces: Sequence[PassageRun], rows: Sequence[Rows]) -> set[str]:
        if self._tables is None:
            self._tables = set(await self._index.tables())
        by_table: dict[str, list[Rows]] = {}
        for piece, made in zip(pieces, rows, strict=True):
            work = piece.file.work
            by_table.setdefault(work.table, []).append(made)
            if work.table not in self._tables:
                await _patiently(partial(self._create, work))
                self._tables.add(work.table)
                failpoints.reached("created")
        await self._before_add(by_table)
        self._unflipped.update(piece.file.work.rev for piece in pieces)
        for table, of_table in by_table.items():
            await _patiently(partial(self._index.add, table, of_table))
            failpoints.reached("added")
        for piece, made in zip(pieces, rows, strict=True):
            piece.file.added += piece.last - piece.first
            piece.file.usage_bytes += usage(made)
        return set(by_table)

    async def _create(self, work: QueuedRevision) -> None:
        await self._index.create(work.table, work.dimensions, analysed=work.format >= TABLE_FORMAT)

    async def _finish(self, pieces: Sequence[PassageRun]) -> None:
        files = {piece.file.work.rev: piece.file for piece in pieces}.values()
        for file in files:
            if file.abandoned:
                await self._sources[file.priority].drop(file.work.table, file.work.rev)
                self._unflipped.discard(file.work.rev)
        complete = [f for f in files if f.complete and not f.abandoned]
        for priority, source in enumerate(self._sources):
            same_priority = [f for f in complete if f.priority == priority]
            if same_priority:
                await source.finish([built(f) for f in same_priority])
                failpoints.reached("flipped")
        await self._tell([f for f in files if not f.complete and not f.abandoned])
        for file in complete:
            self._unflipped.discard(file.work.rev)
            self._done(file.work.rev)

    async def _tell(self, unfinished: Sequence[PreparedFile]) -> None:
        """Note the progress of long files, from time to time."""
        for file in unfinished:
            if time.monotonic() - file.told_at > TELL_SECONDS:
                file.told_at = time.monotonic()
                await self._sources[file.priority].progress(file.work.rev, file.added, len(file.passages))

    def _done(self, rev: int) -> None:
        self.files += 1
        self._scheduler.let_go(rev)


async def _patiently(step: Callable[[], Awaitable[object]]) -> None:
    """Do a step that wrote nothing where another server was faster, until it is done; the last error is raised."""
    for seconds in PAUSES:
        try:
            await step()
        except IndexBusy:
            await anyio.sleep(seconds * (0.5 + random.random()))  # noqa: S311 so that servers do not meet again
        else:
            return
    await step()


async def _nothing(piece: PassageRun) -> None:
    """Do nothing: one piece alone is never tried again."""
    del piece


def is_of_one_file(error: BaseException) -> bool:
    """Tell whether an error may be blamed on the file in hand: not the machine's, the catalog's, the index's."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return all(is_of_one_file(inner) for inner in group.exceptions)
    return isinstance(error, Exception) and not (
        is_of_the_machine(error) or isinstance(error, Unavailable | IndexUnavailable | anyio.BrokenResourceError)
    )


def _tell_of_group(files: int, error: Exception) -> None:
    extra = event("unforeseen_group_error", files=files, kind=type(error).__name__)
    log.error("%d files are tried again one by one", files, exc_info=error, extra=extra)


def unforeseen(work: QueuedRevision, error: Exception) -> ParseFailure:
    """Return the failure of a file that met an error nobody had foreseen, and log the error with its stack."""
    extra = event("unforeseen_file_error", file=work.file_id, kind=type(error).__name__)
    log.error("File %s failed alone and the work goes on", work.file_id, exc_info=error, extra=extra)
    return ParseFailure(
        "server_error",
        f"{shown_name(work.filename)} met an unforeseen error ({type(error).__name__}), which is in the server's log."
        " Attach it again; if it fails again, report it.",
    )


async def _while_wanted(source: WorkSource, rev: int, scope: anyio.CancelScope) -> None:
    """Cancel when nobody waits for the revision any more. It was wanted when it was fetched."""
    await anyio.sleep(WANTED_SECONDS)
    while await source.wanted([rev]):  # noqa: ASYNC110 other processes cancel and delete too, and tell nobody
        await anyio.sleep(WANTED_SECONDS)
    scope.cancel()


def built(file: PreparedFile) -> BuiltRevision:
    """Return the catalog's record of a file that is complete in the index."""
    notes, found = file.document.notes, dict(file.document.properties)
    version, unread = file.text_version, file.unread
    return BuiltRevision(
        file.work.rev, file.work.table, file.added, file.usage_bytes, version, notes, found, unread=unread
    )


def usage(rows: Rows) -> int:
    """Return the bytes of the rows' texts and vectors."""
    vectors = 0 if rows.vectors is None else rows.vectors.nbytes
    return vectors + sum(len(text.encode()) for text in rows.texts)

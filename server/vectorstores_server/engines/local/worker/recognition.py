"""The recognition of pictures: one page at a time, when there is nothing else to do, and kept as it is done."""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskGroup

from vectorstores_server.engines.local import failpoints
from vectorstores_server.engines.local.catalog import enqueue, work_queue
from vectorstores_server.engines.local.catalog.ids import clock
from vectorstores_server.engines.local.catalog.work_queue import QueuedRevision
from vectorstores_server.engines.local.components import Components
from vectorstores_server.engines.local.files.recognised_pages import RecognisedPages
from vectorstores_server.engines.local.ingest.pipeline import is_of_one_file
from vectorstores_server.engines.local.parsing import ParseFailure
from vectorstores_server.system.logs import event

WANTED_SECONDS = 1.0
"""The time between two checks whether a file whose page is being read is still wanted."""

log = logging.getLogger(__name__)


class PageRecognition:
    """Reads the pictures of files that wait for it.

    A page that was begun is read to its end beside whatever else comes, by a process that stands back behind all
    others; the next one is begun when there is nothing else to do. It is read in a task of `tasks`.
    """

    def __init__(self, components: Components, tasks: TaskGroup) -> None:
        self._catalog = components.catalog
        self._blobs = components.blobs
        self._tesseract = components.tesseract
        self._pages = RecognisedPages(components.blobs)
        self._process = components.page_reader
        self._tasks = tasks
        self._done = anyio.Event()
        self._done.set()

    async def go_on(
        self,
        identities: Collection[str],
        busy: Callable[[], Awaitable[bool]],
        wait: Callable[[], Awaitable[None]],
    ) -> bool:
        """Read pages of stores with these embedders until something else is to be done; False when no page is left.

        `busy` tells whether there is something else; `wait` waits until it is asked again.
        """
        while not await busy():
            if self._done.is_set() and not await self._begin(identities):
                return False
            await wait()
        return True

    async def _begin(self, identities: Collection[str]) -> bool:
        """Begin with the next page, or let a file be built whose pages are all read; False when none waits."""
        work = await self._catalog.read(work_queue.next_unread, identities, clock())
        if work is None:
            return False
        kept = await self._pages.load(work.sha256)
        command = await self._tesseract.command() if self._tesseract is not None else None
        if kept is None or command is None or not kept.left:
            await self._catalog.write(enqueue.resume, work.rev)
            return True
        done, of = len(kept.wanted) - len(kept.left), len(kept.wanted)
        await self._catalog.write(work_queue.note_progress, work.rev, done, of)
        self._done = anyio.Event()
        self._tasks.start_soon(self._read, work, kept.left[0], command)
        return True

    async def _read(self, work: QueuedRevision, page: int, command: tuple[str, ...]) -> None:
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._while_wanted, work.rev, tasks.cancel_scope)
                await self._keep(work, page, await self._text(work, page, command))
                tasks.cancel_scope.cancel()
        except Exception as error:
            if not is_of_one_file(error):
                raise
            extra = event("unforeseen_page_error", file=work.file_id, page=page, kind=type(error).__name__)
            log.exception("Page %d of %s is left out", page, work.file_id, extra=extra)
            await self._pages.add(work.sha256, page, None)
        finally:
            self._done.set()

    async def _keep(self, work: QueuedRevision, page: int, text: str | None) -> None:
        failpoints.reached("page_read")
        await self._pages.add(work.sha256, page, text)

    async def _text(self, work: QueuedRevision, page: int, command: tuple[str, ...]) -> str | None:
        try:
            async with self._blobs.files([work.sha256]) as [path]:
                return await self._process.recognise(path, work.filename, page, command)
        except ParseFailure as failure:
            extra = event("page_not_read", file=work.file_id, page=page)
            log.warning("Page %d of %s was not read: %s", page, work.file_id, failure, extra=extra)
            return None
        except FileNotFoundError:  # the bytes were deleted a moment ago, and nobody waits for the page
            return None

    async def _while_wanted(self, rev: int, scope: anyio.CancelScope) -> None:
        while await self._catalog.read(work_queue.still_wanted, [rev]):  # noqa: ASYNC110 other processes tell nobody
            await anyio.sleep(WANTED_SECONDS)
        scope.cancel()


@asynccontextmanager
async def recognition(components: Components) -> AsyncGenerator[PageRecognition]:
    """Give a PageRecognition for a while; the page that is being read is given up at the end."""
    try:
        async with anyio.create_task_group() as tasks:
            yield PageRecognition(components, tasks)
            tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await components.page_reader.end_child()

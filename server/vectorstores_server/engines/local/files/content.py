"""Reading back: a file's parsed text by characters or page, and its bytes as they were uploaded."""

import hashlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import PurePath

import anyio.to_thread

from vectorstores_server.engines.local.catalog import Catalog
from vectorstores_server.engines.local.catalog.attachments import live_text_version, retrieve_store_file
from vectorstores_server.engines.local.catalog.files import is_live, retrieve_file
from vectorstores_server.engines.local.catalog.ids import clock
from vectorstores_server.engines.local.catalog.stores import usable
from vectorstores_server.engines.local.catalog.successors import SupersededFile, find_successor
from vectorstores_server.engines.local.files.blobs import Blobs, is_text
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.system.logs import event
from vectorstores_tools.contract.engine import FileContent, TextRequest
from vectorstores_tools.contract.errors import InvalidRequest, NotReady, Unavailable
from vectorstores_tools.contract.models import File, TextSlice, VectorStoreFile
from vectorstores_tools.contract.uris import TEXT_ID_DIGITS

log = logging.getLogger(__name__)

MARKED_UP = frozenset(
    [".pdf", ".docx", ".pptx", ".xlsx", ".xlsm", ".epub", ".html", ".htm", ".xhtml", ".ipynb", ".xml"]
)
"""Formats whose text is not their bytes."""


class ContentReader:
    """Reads the contents of a catalog's Files. `restore` parses a blob again, by its hash and file name."""

    def __init__(
        self, catalog: Catalog, blobs: Blobs, restore: Callable[[str, str], Awaitable[Document | None]]
    ) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._restore = restore

    async def text(self, request: TextRequest) -> TextSlice:
        """Return a range of the parsed text. Raises NotReady while there is none, InvalidRequest for a bad range."""
        attached: VectorStoreFile | None = None
        version: int | None = None
        if request.store_id is not None:
            await self._catalog.read(usable, request.store_id, clock())
            successor = await self._catalog.read(find_successor, request.store_id, request.file_id, clock())
            if successor is not None:
                return await self._of_successor(request, successor)
            attached = await self._catalog.read(retrieve_store_file, request.store_id, request.file_id)
            version = await self._catalog.read(live_text_version, request.store_id, request.file_id)
        file, sha256 = await self._catalog.read(retrieve_file, request.file_id, clock())
        today = await self.document(file, sha256, version)
        older = await self._older(sha256, request.text_id, today)
        document = older or today
        if document is None:
            raise _not_ready(file, attached)
        part = _of_text(file, request, document).model_copy(update={"outdated": True if older else None})
        if attached is not None:
            part.source, part.path = attached.source, attached.path
        return part

    async def _older(self, sha256: str, text_id: str | None, today: Document | None) -> Document | None:
        """Return the text that an address counts in, where it is another than that of today and is still there."""
        if text_id is None or (today is not None and is_text(today, text_id)):
            return None
        return await self._blobs.find_document(sha256, text_id)

    async def counted_in(self, file: File, sha256: str, text_id: str | None) -> Document | None:
        """Return the text that an address counts in, without an id that of today; None where it is not there."""
        today = await self.document(file, sha256)
        if today is not None and (text_id is None or is_text(today, text_id)):
            return today
        return await self._older(sha256, text_id, today)

    async def _of_successor(self, request: TextRequest, superseded: SupersededFile) -> TextSlice:
        """Return the requested words as they stand in the file that replaced theirs, or its beginning.

        They are looked for as long as the text of the older file is on the disk.
        """
        new = replace(request, file_id=superseded.superseded_by, page=None, text_id=None)
        old = await self._replaced_text(superseded, request.text_id)
        quoted = old.text[request.start : request.end] if old is not None and request.page is None else ""
        start = None
        if quoted.strip():
            whole = await self.text(replace(new, start=0, end=None))
            start = nearest(whole.text, quoted, request.start)
        if start is None:
            length = None if request.end is None else max(0, request.end - request.start)
            part = await self.text(replace(new, start=0, end=length))
        else:
            part = await self.text(replace(new, start=start, end=start + len(quoted)))
        return part.model_copy(update={"superseded_by": part.file_id, "same_words": start is not None})

    async def _replaced_text(self, superseded: SupersededFile, text_id: str | None) -> Document | None:
        if superseded.sha256 is None:
            return None
        if text_id is not None:
            return await self._blobs.find_document(superseded.sha256, text_id)
        return await self._blobs.read_document(superseded.sha256)

    @asynccontextmanager
    async def content(self, file_id: str, start: int, end: int | None) -> AsyncGenerator[FileContent]:
        """Open a range of the bytes; they stay readable when the File is deleted meanwhile."""
        file, sha256 = await self._catalog.read(retrieve_file, file_id, clock())
        async with self._blobs.opened(sha256) as opened:
            if opened is None:
                raise Unavailable(
                    f"The bytes of {file_id} are missing from the data directory.", "Upload the file again."
                )
            size = opened.size
            if size != file.bytes:
                extra = event("blob_damaged", file=file_id, blob=sha256[:12])
                log.error("Blob %s has %d bytes instead of %d", sha256[:12], size, file.bytes, extra=extra)
                raise damaged(file_id)
            first, last = max(start, 0), size if end is None else min(end, size)
            bytes_ = opened.range(first, last)
            yield FileContent(file, size, _verified(bytes_, sha256, file_id) if (first, last) == (0, size) else bytes_)

    async def document(self, file: File, sha256: str, version: int | None = None) -> Document | None:
        """Return the parsed text of a File whose bytes have this hash, None where there is none.

        That of the `version` of the parsers which its hits stand in, else the newest.
        """
        parsed = await self._blobs.read_document(sha256, version) if version is not None else None
        parsed = parsed or await self._blobs.read_document(sha256)
        if parsed is not None:
            return parsed
        if await self._catalog.read(is_live, file.id):  # it was parsed, and its text has been lost since
            return await self._restore(sha256, file.filename)
        if PurePath(file.filename).suffix.lower() in MARKED_UP:
            return None
        return await self._as_text(sha256)

    async def _as_text(self, sha256: str) -> Document | None:
        """Return a file that nobody has parsed as the UTF-8 text that it is, None for anything else."""
        try:
            async with self._blobs.files([sha256]) as [path]:
                text = (await anyio.to_thread.run_sync(path.read_bytes)).decode("utf-8-sig")
        except (UnicodeDecodeError, FileNotFoundError):
            return None
        return None if "\0" in text else Document(text.replace("\r\n", "\n"))


def nearest(text: str, quoted: str, place: int) -> int | None:
    """Return the offset at which the words stand in the text, of several the nearest; None where they do not."""
    after = text.find(quoted, place)
    before = text.rfind(quoted, 0, place + len(quoted))
    found = [start for start in (before, after) if start >= 0]
    return min(found, key=lambda start: abs(start - place)) if found else None


def _of_text(file: File, request: TextRequest, document: Document) -> TextSlice:
    """Return the part that is asked for; the beginning where the text that it counts in is not there any more."""
    if request.text_id is None or is_text(document, request.text_id):
        return _slice(file, document, request.start, request.end, request.page)
    length = None if request.end is None else max(0, request.end - request.start)
    return _slice(file, document, 0, length, None).model_copy(update={"same_words": False})


def _slice(file: File, document: Document, start: int, end: int | None, page: int | None) -> TextSlice:
    total, pages = len(document.text), len(document.page_starts)
    if page is not None:
        start, end = _page(file, document, page)
    if not 0 <= start <= total or (end is not None and end < start):
        raise InvalidRequest(
            f"No characters {start} to {end} in {file.filename}, which has {total}.",
            "start counts from 0, end is not included.",
            param="start",
        )
    end = total if end is None else min(end, total)
    return TextSlice(
        file_id=file.id,
        filename=file.filename,
        text=document.text[start:end],
        start=start,
        end=end,
        total=total,
        page=document.page_at(start),
        pages=pages,
        notes=list(document.notes) or None,
        lines=document.lines(start, end),
        heading_path=list(document.heading_path_at(start)) or None,
        text_id=document.sha256[:TEXT_ID_DIGITS],
    )


def _page(file: File, document: Document, page: int) -> tuple[int, int]:
    starts = document.page_starts
    if not starts:
        raise InvalidRequest(
            f"{file.filename} has no pages.", "Read it by characters, with start and end.", param="page"
        )
    if not 1 <= page <= len(starts):
        raise InvalidRequest(
            f"{file.filename} has no page {page}.", f"Pass a page from 1 to {len(starts)}.", param="page"
        )
    return starts[page - 1], starts[page] if page < len(starts) else len(document.text)


def _not_ready(file: File, attached: VectorStoreFile | None) -> NotReady:
    if attached is None:
        return NotReady(
            f"{file.filename} has not been parsed yet.", "Attach it to a store first; then its text can be read."
        )
    if attached.last_error is not None and attached.status != "in_progress":
        return NotReady(
            f"{file.filename} has no text: {attached.last_error.message}", "Upload a file that can be read."
        )
    if attached.status == "cancelled":
        return NotReady(f"Processing {file.filename} was cancelled.", "Attach it again.")
    return NotReady(
        f"{file.filename} is still being processed.",
        f"Wait with retrieve(vector_store_id='{attached.vector_store_id}', file_id='{file.id}', wait_seconds=20).",
    )


def damaged(file_id: str) -> Unavailable:
    """Return the error for bytes that are not those which were uploaded."""
    return Unavailable(
        f"The bytes of {file_id} in the data directory are damaged.",
        "Upload the file again; `vector-stores-mcp doctor --check` looks at all of them.",
    )


async def _verified(stream: AsyncIterator[bytes], sha256: str, file_id: str) -> AsyncIterator[bytes]:
    """Pass on the bytes of a whole file. Raises Unavailable at the end when they are not those which were uploaded.

    The last block is passed on after that, so that a reader who takes it as complete has the bytes that were uploaded.
    """
    digest, held = hashlib.sha256(), b""
    async for block in stream:
        digest.update(block)
        if held:
            yield held
        held = block
    if digest.hexdigest() != sha256:
        log.error("Blob %s has another hash", sha256[:12], extra=event("blob_damaged", file=file_id, blob=sha256[:12]))
        raise damaged(file_id)
    yield held

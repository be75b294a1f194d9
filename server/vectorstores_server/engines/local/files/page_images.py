"""Pages of stored PDFs, and stored pictures, as images."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from vectorstores_server.engines.local.catalog import Catalog
from vectorstores_server.engines.local.catalog.attachments import retrieve_store_file
from vectorstores_server.engines.local.catalog.files import retrieve_file
from vectorstores_server.engines.local.catalog.ids import clock
from vectorstores_server.engines.local.catalog.stores import usable
from vectorstores_server.engines.local.files.blobs import Blobs
from vectorstores_server.engines.local.parsing import ParseFailure
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.page_image import can_be_shown
from vectorstores_server.engines.local.parsing.page_marks import PassageOnPage
from vectorstores_server.engines.local.parsing.parser_process import ParserProcess
from vectorstores_tools.contract.engine import PageImage, TextRequest
from vectorstores_tools.contract.errors import InvalidRequest, NotSupported, Unavailable, VectorStoreError
from vectorstores_tools.contract.models import File

Parsed: TypeAlias = Callable[[File, str, str | None], Awaitable[Document | None]]
"""Returns a File's document, by the hash of its bytes and the id of the text that a passage stands in; None where there
is none."""


class PageImages:
    """Makes images in a parser's process of its own, which ends after each: they are asked for now and then."""

    def __init__(self, catalog: Catalog, blobs: Blobs) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._process = ParserProcess()

    async def image(self, request: TextRequest, parsed: Parsed) -> PageImage:
        """Return the page, else the one of the passage, else the first; a passage is marked on it."""
        if request.store_id is not None:
            await self._catalog.read(usable, request.store_id, clock())
            await self._catalog.read(retrieve_store_file, request.store_id, request.file_id)
        file, sha256 = await self._catalog.read(retrieve_file, request.file_id, clock())
        if not can_be_shown(file.filename):
            raise NotSupported(
                f"{file.filename} cannot be shown;", "pages of PDFs and pictures can: leave out 'as'.", param="as"
            )
        page, passage = request.page, None
        document = await parsed(file, sha256, request.text_id) if request.end is not None or request.start else None
        if document is not None and document.page_starts:
            page = page or document.page_at(min(request.start, len(document.text))) or 1
            passage = _passage(document, page, request.start, request.end)
        try:
            async with self._blobs.files([sha256]) as [path]:
                made = await self._process.render(path, file.filename, page or 1, passage)
        except ParseFailure as failure:
            raise _error(failure) from failure
        except FileNotFoundError:
            raise Unavailable(
                f"The bytes of {file.id} are missing from the data directory.", "Upload the file again."
            ) from None
        finally:
            await self._process.end_child()
        return PageImage(
            file_id=file.id, filename=file.filename, data=made.data, media_type=made.media_type, width=made.width,
            height=made.height, page=made.page, pages=made.pages, marked=made.marked,
        )  # fmt: skip


def _passage(document: Document, page: int, start: int, end: int | None) -> PassageOnPage | None:
    starts = document.page_starts
    if not 1 <= page <= len(starts):
        return None
    first, last = starts[page - 1], starts[page] if page < len(starts) else len(document.text)
    end = last if end is None else end
    if end <= first or start >= last:
        return None
    return PassageOnPage(document.text[first:last], max(start, first) - first, min(end, last) - first)


def _error(failure: ParseFailure) -> VectorStoreError:
    fact, _, step = failure.message.partition(". ")
    if failure.code == "server_error":
        return Unavailable(f"{fact}.", step or "Upload the file again.")
    step = step or "Read its text, or get the file itself from where it came."
    return InvalidRequest(f"{fact.rstrip('.')}.", step, param="page" if failure.code == "no_page" else None)

"""The document of a file: read from the disk, or parsed now; with the text of its pictures where that is recognised."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import anyio.to_thread

from vectorstores_server.engines.local import failpoints
from vectorstores_server.engines.local.files.blobs import Blobs
from vectorstores_server.engines.local.files.recognised_pages import PagesRead, RecognisedPages
from vectorstores_server.engines.local.parsing import (
    RECOGNISED,
    VERSION,
    ParseFailure,
    Unread,
    may_hold_pictures,
)
from vectorstores_server.engines.local.parsing.dispatch import shown_name
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.parser_process import ParserProcess
from vectorstores_server.engines.local.parsing.recognised import (
    blank_pages,
    with_advice,
    with_recognised,
)
from vectorstores_server.engines.local.parsing.tesseract import Tesseract
from vectorstores_server.system.logs import event
from vectorstores_tools.contract.characters import short_notes
from vectorstores_tools.contract.errors import VectorStoreError

LARGE_BYTES = 200_000
"""The size in bytes from which on a file may take seconds to be parsed and cut; smaller ones pass it by."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MadeDocument:
    """A document and the version of its text. `unread`: pages of it wait to be recognised; it is to be made again."""

    document: Document
    version: int = VERSION
    unread: bool = False


class DocumentMaker:
    """Makes the documents of stored files. `large` parses those of LARGE_BYTES and more, `parser` others meanwhile.

    Without `tesseract` no picture is read here.
    """

    def __init__(
        self, blobs: Blobs, parser: ParserProcess, large: ParserProcess, tesseract: Tesseract | None = None
    ) -> None:
        self._blobs = blobs
        self._pages = RecognisedPages(blobs)
        self._parser = parser
        self._large = large
        self._tesseract = tesseract

    async def rest(self) -> None:
        """Give back the memory of the parsers' processes until there is something to parse again."""
        await self._parser.end_child()
        await self._large.end_child()

    async def made(self, sha256: str, filename: str, size: int) -> MadeDocument:
        """Return a file's document. Raises ParseFailure where there is none, Unread while it waits for its pages."""
        if not may_hold_pictures(filename):
            return MadeDocument(await self._parsed(sha256, filename, size, blank=False))
        recognised = await self._blobs.read_document(sha256, VERSION + RECOGNISED)
        if recognised is not None:
            return MadeDocument(recognised, VERSION + RECOGNISED)
        command = await self._tesseract.command() if self._tesseract is not None else None
        kept = await self._pages.load(sha256) if self._tesseract is not None else None
        document = await self._parsed(sha256, filename, size, blank=bool(command or (kept and kept.texts)))
        blank = blank_pages(document)
        if not blank or self._tesseract is None:
            return MadeDocument(document)
        if command is not None and (kept is None or kept.left):
            return await self._put_off(sha256, filename, document, blank, kept)
        if kept is not None and kept.texts:
            return await self._recognised(sha256, filename, document, kept)
        return MadeDocument(_advised(document, blank, self._tesseract.advice))

    async def made_together(self, files: Sequence[tuple[str, str]]) -> list[Document | None]:
        """Return the documents of small plain texts, each given by its hash and name.

        None where nothing is said here, and `made` has to be asked.
        """
        stored = await self._blobs.read_documents([(sha256, VERSION) for sha256, _ in files])
        missing = [file for file, document in zip(files, stored, strict=True) if document is None]
        if not missing:
            return stored
        async with self._blobs.files([sha256 for sha256, _ in missing]) as paths:
            parsed = await self._parser.parse_run(list(zip(paths, [name for _, name in missing], strict=True)))
        failpoints.reached("parsed")
        texts = {sha256: data for (sha256, _), data in zip(missing, parsed, strict=True) if data is not None}
        made = await self._kept(texts)
        failpoints.reached("kept")
        return [known or made.get(sha256) for known, (sha256, _) in zip(stored, files, strict=True)]

    async def _kept(self, texts: Mapping[str, bytes]) -> dict[str, Document]:
        """Write parsed texts, those that hold something."""
        made = await anyio.to_thread.run_sync(_not_empty, texts)
        await self._blobs.write_texts({sha256: texts[sha256] for sha256 in made})
        return made

    async def _put_off(
        self, sha256: str, filename: str, document: Document, blank: Sequence[int], kept: PagesRead | None
    ) -> MadeDocument:
        """Queue its pages for recognition, and return the document that can be read without them."""
        if kept is None and self._tesseract is not None:
            await self._pages.begin(sha256, blank[: self._tesseract.choice.pages])
        if not document.text.strip():
            raise Unread("server_error", f"The pages of {shown_name(filename)} wait to be read.")
        return MadeDocument(_advised(document, blank, "they are read when there is time"), unread=True)

    async def _recognised(self, sha256: str, filename: str, document: Document, read: PagesRead) -> MadeDocument:
        made = with_recognised(document, read.texts)
        if not made.text.strip():
            name = shown_name(filename)
            sentence = f"{name} holds no text: tesseract found none in its pictures. Upload its text."
            raise ParseFailure("unsupported_file", sentence)
        made = replace(made, notes=tuple(short_notes(made.notes)))
        await self._blobs.write_text(sha256, await anyio.to_thread.run_sync(made.dumps), VERSION + RECOGNISED)
        failpoints.reached("kept")
        return MadeDocument(made, VERSION + RECOGNISED)

    async def _parsed(self, sha256: str, filename: str, size: int, *, blank: bool) -> Document:
        stored = await self._blobs.read_document(sha256, VERSION)
        if stored is not None:
            return stored
        async with self._blobs.files([sha256]) as [path]:
            if not path.is_file():
                fact = f"The stored bytes of {filename} are missing from the data directory; upload it again."
                raise ParseFailure("server_error", fact)
            return await self._read(path, sha256, filename, size, blank=blank)

    async def _read(self, path: Path, sha256: str, filename: str, size: int, *, blank: bool) -> Document:
        parser = self._parser if size < LARGE_BYTES else self._large
        document = await parser.parse(path, filename, blank=blank)
        failpoints.reached("parsed")
        if document.text.strip():
            await self._blobs.write_text(sha256, await anyio.to_thread.run_sync(document.dumps))
            failpoints.reached("kept")
        return document

    async def restore(self, sha256: str, filename: str) -> Document | None:
        """Parse a blob again whose cached text is missing or damaged; None where that cannot be done now."""
        try:
            size = await self._blobs.size(sha256) or 0
            return (await self.made(sha256, filename, size)).document
        except (ParseFailure, VectorStoreError, OSError) as error:
            extra = event("text_not_restored", blob=sha256[:12], kind=type(error).__name__)
            log.warning("The text of %s could not be made again: %s", filename, error, extra=extra)
            return None


def _not_empty(texts: Mapping[str, bytes]) -> dict[str, Document]:
    made = {sha256: Document.loads(data) for sha256, data in texts.items()}
    return {sha256: document for sha256, document in made.items() if document.text.strip()}


def _advised(document: Document, blank: Sequence[int], advice: str) -> Document:
    advised = with_advice(document, blank, advice)
    return replace(advised, notes=tuple(short_notes(advised.notes)))

"""From a file's bytes to passages with their chunks: parse once, keep the parsed text, cut."""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import anyio.to_thread

from vectorstores_server.engines.local import failpoints
from vectorstores_server.engines.local.catalog.work_queue import FormerRows, QueuedRevision
from vectorstores_server.engines.local.chunking.chunks import home, layout
from vectorstores_server.engines.local.chunking.passages import Passage, PassageLimits, TooManyPassages, cut_stepwise
from vectorstores_server.engines.local.embedding import Embedder
from vectorstores_server.engines.local.embedding.tokenizer import TokenCounter
from vectorstores_server.engines.local.files.blobs import Blobs
from vectorstores_server.engines.local.index import Index, StoredRows
from vectorstores_server.engines.local.ingest.copied_vectors import CopiedVectors, copied_vectors, former_passages
from vectorstores_server.engines.local.parsing import VERSION, ParseFailure
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.parser_process import ParserProcess
from vectorstores_server.engines.local.words.analysis import is_inflected_text
from vectorstores_server.system.logs import event
from vectorstores_tools.contract.errors import VectorStoreError

log = logging.getLogger(__name__)

PASSAGE_SIZE = 150
"""In tokens of English; measured best, see docs/design.md: five chunks find as much at 100 and 200, less at 240."""
PREFIX_ROOM = 26
"""Tokens of the embedder's window that are left to title and headings, and to its own two."""

JUDGED = 4_000
"""Characters at the beginning of a document by which it is judged whether the embedder can read it."""

LARGE_BYTES = 200_000
"""From here on a file may take seconds to be parsed and cut; smaller ones pass it by."""
SLICE_SECONDS = 0.2
"""After this time a thread comes back to the event loop, which may have been told to stop."""


@dataclass(slots=True)
class PreparedFile:
    """A file cut into passages, on its way into the index. `chunks` are each passage's chunk, as [start, end).

    `text_version` is that of the parsers which made the text. `inflected`: its words have the endings of another
    language than English; `copied`: vectors that it had before.
    """

    work: QueuedRevision
    document: Document
    passages: Sequence[Passage]
    chunks: Sequence[tuple[int, int]]
    inflected: bool = False
    text_version: int = VERSION
    copied: CopiedVectors = field(default_factory=CopiedVectors)
    priority: int = 0
    taken: int = 0
    added: int = 0
    usage_bytes: int = 0
    abandoned: bool = False
    told_at: float = 0.0

    @property
    def left(self) -> int:
        """How many passages nobody has taken yet."""
        return len(self.passages) - self.taken

    @property
    def complete(self) -> bool:
        """Whether every passage is in the index."""
        return self.added == len(self.passages)


class FilePreparer:
    """Makes files ready for the embedder, None without one.

    Its window is the most tokens that a passage may have, where it can read the document: of a script that it takes
    letter by letter the window would cut a paragraph in six, for vectors that have no vote.

    `large` parses files of LARGE_BYTES and more, `parser` the others meanwhile.
    """

    def __init__(
        self,
        blobs: Blobs,
        parser: ParserProcess,
        large: ParserProcess,
        embedder: Embedder | None,
        index: Index,
    ) -> None:
        self._blobs = blobs
        self._parser = parser
        self._large = large
        self._counter = TokenCounter()
        self._index = index
        self._embedder = embedder

    async def rest(self) -> None:
        """Give back the memory of the parsers' processes until there is something to parse again."""
        await self._parser.end_child()
        await self._large.end_child()

    async def prepare(self, work: QueuedRevision) -> PreparedFile:
        """Return the file's passages. Raises ParseFailure where there is none. Can be cancelled at any time."""
        if work.former is not None and work.former.kept:
            return await self._kept(work, work.former)
        document = await self._document(work)
        steps = cut_stepwise(document, self._counter, self._limits(work, document))
        passages: list[Passage] = []
        try:
            while await anyio.to_thread.run_sync(_go_on, steps, passages, abandon_on_cancel=True):
                pass
        except TooManyPassages as error:
            raise ParseFailure(error.code, f"{work.filename}: {error.message}") from error
        if not passages:
            raise ParseFailure("unsupported_file", f"{work.filename} holds no text that could be searched.")
        copied = await self._copied(work)
        return await anyio.to_thread.run_sync(_laid_out, work, document, passages, copied, abandon_on_cancel=True)

    def _limits(self, work: QueuedRevision, document: Document) -> PassageLimits:
        most = work.chunk_size
        if self._embedder is not None and self._embedder.traits.can_read(document.text[:JUDGED]):
            most = min(max(1, self._embedder.window - PREFIX_ROOM), most)
        return PassageLimits(min(PASSAGE_SIZE, most), most)

    async def _copied(self, work: QueuedRevision) -> CopiedVectors:
        """Read the vectors that the file has in the table to be replaced, if its text is still there."""
        if work.former is None or work.embedder is None:
            return CopiedVectors()
        stored = await self._index.stored(work.former.table, work.former.rev or work.rev)
        document = await self._text_of_before(work, work.former)
        if document is None or stored.vectors is None:
            return CopiedVectors()
        return await anyio.to_thread.run_sync(_by_text, document, stored, self._counter, abandon_on_cancel=True)

    async def _text_of_before(self, work: QueuedRevision, former: FormerRows) -> Document | None:
        """Return the text that the rows stand in; None where these parsers make another and theirs is not kept."""
        if former.text_version == VERSION:
            return await self._document(work)
        return await self._blobs.read_document(work.sha256, former.text_version)

    async def _kept(self, work: QueuedRevision, former: FormerRows) -> PreparedFile:
        """Return the passages that the file has, with their vectors, of the text that they were cut from."""
        stored = await self._index.stored(former.table, former.rev or work.rev)
        document = await self._text_of_before(work, former)
        if document is None:
            raise ParseFailure("server_error", f"The parsed text of {work.filename} is missing; it is made again.")
        return await anyio.to_thread.run_sync(_as_stored, work, document, stored, self._counter, abandon_on_cancel=True)

    async def restore(self, sha256: str, filename: str) -> Document | None:
        """Parse a blob again whose cached text is missing or damaged; None where that cannot be done now."""
        path = self._blobs.path(sha256)
        try:
            large = (await anyio.to_thread.run_sync(path.stat)).st_size >= LARGE_BYTES
            document = await (self._large if large else self._parser).parse(path, filename)
            await self._blobs.write_text(sha256, await anyio.to_thread.run_sync(document.dumps))
        except (ParseFailure, VectorStoreError, OSError) as error:
            extra = event("text_not_restored", blob=sha256[:12], kind=type(error).__name__)
            log.warning("The text of %s could not be made again: %s", filename, error, extra=extra)
            return None
        return document

    async def _document(self, work: QueuedRevision) -> Document:
        stored = await self._blobs.read_document(work.sha256, VERSION)
        if stored is not None:
            return stored
        path = self._blobs.path(work.sha256)
        if not path.is_file():
            raise ParseFailure(
                "server_error",
                f"The stored bytes of {work.filename} are missing from the data directory; upload it again.",
            )
        parser = self._parser if work.bytes < LARGE_BYTES else self._large
        document = await parser.parse(path, work.filename)
        failpoints.reached("parsed")
        await self._blobs.write_text(work.sha256, await anyio.to_thread.run_sync(document.dumps))
        failpoints.reached("kept")
        return document


def _go_on(steps: Iterator[list[Passage]], passages: list[Passage]) -> bool:
    """Cut for SLICE_SECONDS; False when all is cut."""
    until = time.monotonic() + SLICE_SECONDS
    for found in steps:
        passages += found
        if time.monotonic() > until:
            return True
    return False


def _by_text(document: Document, stored: StoredRows, counter: TokenCounter) -> CopiedVectors:
    return copied_vectors(document, stored, former_passages(document, stored.places, counter))


def _as_stored(work: QueuedRevision, document: Document, stored: StoredRows, counter: TokenCounter) -> PreparedFile:
    passages = former_passages(document, stored.places, counter)
    chunks = [(place.chunk_start, place.chunk_end) for place in stored.places]
    copied = copied_vectors(document, stored, passages)
    inflected = is_inflected_text(document.text)
    version = work.former.text_version if work.former else VERSION
    return PreparedFile(work, document, passages, chunks, inflected, version, copied)


def _laid_out(
    work: QueuedRevision, document: Document, passages: Sequence[Passage], copied: CopiedVectors
) -> PreparedFile:
    chunks = layout(passages, work.chunk_size, work.chunk_overlap)
    ranges = [(passages[c.first].start, passages[c.last].end) for c in chunks]
    homes = [ranges[i] for i in home(passages, chunks)]
    return PreparedFile(work, document, passages, homes, is_inflected_text(document.text), VERSION, copied)

"""The way from a file's bytes to passages with their chunks: parse once, keep the parsed text, cut."""

import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

import anyio.to_thread

from vectorstores_server.engines.local.catalog.work_queue import FormerRows, QueuedRevision
from vectorstores_server.engines.local.chunking.chunks import home, layout
from vectorstores_server.engines.local.chunking.passages import Passage, PassageLimits, TooManyPassages, cut_stepwise
from vectorstores_server.engines.local.embedding import Embedder
from vectorstores_server.engines.local.embedding.tokenizer import TokenCounter
from vectorstores_server.engines.local.files.blobs import Blobs
from vectorstores_server.engines.local.index import Index, StoredRows
from vectorstores_server.engines.local.ingest.copied_vectors import CopiedVectors, copied_vectors, former_passages
from vectorstores_server.engines.local.ingest.documents import DocumentMaker, MadeDocument
from vectorstores_server.engines.local.parsing import VERSION, ParseFailure, Postponed, is_plain_text
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.words.analysis import is_inflected_text

log = logging.getLogger(__name__)

PASSAGE_SIZE = 150
"""The tokens of English in a passage; docs/design.md: five chunks find as much at 100 and 200, less at 240."""
PREFIX_ROOM = 26
"""Tokens of the embedder's window that are left to title and headings, and to its own two."""

PLAIN_BYTES = 32_000
"""The largest file that is prepared together with others."""

JUDGED = 4_000
"""Characters at the beginning of a document by which it is judged whether the embedder can read it."""

SLICE_SECONDS = 0.2
"""The time after which a thread comes back to the event loop, where it may be cancelled."""


@dataclass(slots=True)
class PreparedFile:
    """A file cut into passages, on its way into the index. `chunks` are each passage's chunk, as [start, end).

    `text_version` is that of the parsers which made the text. `inflected`: its words have the endings of another
    language than English; `copied`: vectors that it had before; `unread`: pages of it wait to be recognised.
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
    unread: bool = False

    @property
    def left(self) -> int:
        """The number of passages that nobody has taken yet."""
        return len(self.passages) - self.taken

    @property
    def complete(self) -> bool:
        """Tell whether every passage is in the index."""
        return self.added == len(self.passages)


class FilePreparer:
    """Makes files ready for the embedder, None without one.

    Its window is the most tokens that a passage may have, where it can read the document: of a script that it takes
    letter by letter the window would cut a paragraph in six, for vectors that have no vote.

    `decide` writes into a store that is undecided which model it has, by the beginning of its first text, and tells
    whether that is another than the file was asked for with.
    """

    def __init__(
        self,
        blobs: Blobs,
        documents: DocumentMaker,
        embedder: Embedder | None,
        index: Index,
        decide: Callable[[str, str], Awaitable[bool]] | None = None,
    ) -> None:
        self._decide = decide
        self._blobs = blobs
        self._documents = documents
        self._counter = TokenCounter()
        self._index = index
        self._embedder = embedder

    async def rest(self) -> None:
        """Give back the memory of the parsers' processes until there is something to parse again."""
        await self._documents.rest()

    async def restore(self, sha256: str, filename: str) -> Document | None:
        """Parse a file again whose text is missing or damaged; None where that cannot be done now."""
        return await self._documents.restore(sha256, filename)

    async def prepare(self, work: QueuedRevision) -> PreparedFile:
        """Return the file's passages. Raises ParseFailure where there is none. Can be cancelled at any time."""
        if work.former is not None and work.former.kept:
            return await self._kept(work, work.former)
        try:
            made = await self._documents.made(work.sha256, work.filename, work.bytes)
            if work.undecided and self._decide is not None:
                changed = await self._decide(work.store_id, made.document.text[:JUDGED])
                if changed:
                    raise Postponed("server_error", f"{work.filename} is embedded by another model.")
            return await self._cut(work, made)
        except ParseFailure as failure:
            document = await self._text_once_taken(work) if failure.code != "server_error" else None
            if document is None:
                raise
            return await self._cut(work, MadeDocument(document, work.text_version or VERSION))

    async def prepare_run(self, works: Sequence[QueuedRevision]) -> dict[int, PreparedFile]:
        """Prepare small plain texts together, and return them by revision; any that is missing is to be prepared alone.

        Each alone takes a dozen ways to threads and to the parser, which cost more than its parsing and cutting.
        """
        plain = [work for work in works if _is_plain(work)]
        if len(plain) < 2:
            return {}
        documents = await self._documents.made_together([(work.sha256, work.filename) for work in plain])
        found = [(work, document) for work, document in zip(plain, documents, strict=True) if document is not None]
        made = await anyio.to_thread.run_sync(self._cut_all, found, abandon_on_cancel=True)
        return {file.work.rev: file for file in made}

    def _cut_all(self, found: Sequence[tuple[QueuedRevision, Document]]) -> list[PreparedFile]:
        files: list[PreparedFile] = []
        for work, document in found:
            steps = cut_stepwise(document, self._counter, self._limits(work, document))
            passages = [passage for step in steps for passage in step]
            if passages:
                files.append(_laid_out(work, MadeDocument(document), passages, CopiedVectors()))
        return files

    async def _cut(self, work: QueuedRevision, made: MadeDocument) -> PreparedFile:
        document = made.document
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
        return await anyio.to_thread.run_sync(_laid_out, work, made, passages, copied, abandon_on_cancel=True)

    async def _text_once_taken(self, work: QueuedRevision) -> Document | None:
        """Return the text of a live version whose file these parsers refuse: it can be found as before."""
        if work.text_version in (None, VERSION):
            return None
        return await self._blobs.read_document(work.sha256, work.text_version)

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
        kept = await self._blobs.read_document(work.sha256, former.text_version)
        if kept is not None or former.text_version != VERSION:
            return kept
        made = await self._documents.made(work.sha256, work.filename, work.bytes)
        return made.document if made.version == VERSION else None

    async def _kept(self, work: QueuedRevision, former: FormerRows) -> PreparedFile:
        """Return the passages that the file has, with their vectors, of the text that they were cut from."""
        stored = await self._index.stored(former.table, former.rev or work.rev)
        document = await self._text_of_before(work, former)
        if document is None:
            raise ParseFailure("server_error", f"The parsed text of {work.filename} is missing; it is made again.")
        return await anyio.to_thread.run_sync(_as_stored, work, document, stored, self._counter, abandon_on_cancel=True)


def _is_plain(work: QueuedRevision) -> bool:
    """Tell whether a file is prepared in a few milliseconds, with nothing to be looked up for it."""
    return work.bytes <= PLAIN_BYTES and work.former is None and not work.undecided and is_plain_text(work.filename)


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
    work: QueuedRevision, made: MadeDocument, passages: Sequence[Passage], copied: CopiedVectors
) -> PreparedFile:
    chunks = layout(passages, work.chunk_size, work.chunk_overlap)
    ranges = [(passages[c.first].start, passages[c.last].end) for c in chunks]
    homes = [ranges[i] for i in home(passages, chunks)]
    inflected = is_inflected_text(made.document.text)
    return PreparedFile(work, made.document, passages, homes, inflected, made.version, copied, unread=made.unread)

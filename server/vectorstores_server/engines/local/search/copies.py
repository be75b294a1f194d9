"""Copies among ranked chunks: those of equal text are folded into the best, so that each hit says something else."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from vectorstores_server.engines.local.catalog.search_view import CitedFile
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.search.citations import FoundPassages
from vectorstores_server.engines.local.search.document_cache import DocumentCache, TextKey, key_of
from vectorstores_server.engines.local.search.ranking import RankedChunk
from vectorstores_tools.contract.copies import comparable


class _Span(NamedTuple):
    """A chunk's place in a parsed text: of equal bytes it is the same text, which need not be read."""

    text: TextKey
    start: int
    end: int


async def without_copies(found: FoundPassages, wanted: int, texts: DocumentCache) -> FoundPassages:
    """Return the best `wanted` hits of different text, each with its copies.

    No more texts are read than that takes; a chunk behind the last hit is known for a copy only where its file has the
    same bytes.
    """
    fold = _Fold(found.cited, wanted)
    read = 0
    while read < len(found.hits) and len(fold.hits) < wanted:
        batch = found.hits[read : read + wanted]
        read += wanted
        documents = await texts.get({span.text: found.cited[hit.passage.rev].filename for hit, span in fold.new(batch)})
        fold.add(batch, documents)
    fold.add(found.hits[read:], {})
    return replace(found, hits=[hit._replace(copies=fold.copies[at]) for at, hit in enumerate(fold.hits)])


class _Fold:
    """The hits so far, and the copies of each."""

    def __init__(self, cited: Mapping[int, CitedFile], wanted: int) -> None:
        self.hits: list[RankedChunk] = []
        self.copies: list[list[RankedChunk]] = []
        self._cited = cited
        self._wanted = wanted
        self._of_span: dict[_Span, int] = {}
        self._of_text: dict[str, int] = {}

    def new(self, batch: Sequence[RankedChunk]) -> list[tuple[RankedChunk, _Span]]:
        """Return the chunks whose text has to be read."""
        return [(hit, span) for hit in batch if (span := self._span(hit)) not in self._of_span]

    def add(self, batch: Sequence[RankedChunk], documents: Mapping[TextKey, Document]) -> None:
        """Take a chunk as a copy of a hit, or as the next hit while one is wanted."""
        for hit in batch:
            span = self._span(hit)
            document = documents.get(span.text)
            text = comparable(document.text[span.start : span.end]) if document else ""
            at = self._of_span.get(span, self._of_text.get(text) if text else None)
            if at is not None:
                self.copies[at].append(hit)
            elif len(self.hits) < self._wanted:
                at = len(self.hits)
                self.hits.append(hit)
                self.copies.append([])
                if text:
                    self._of_text[text] = at
            if at is not None:
                self._of_span[span] = at

    def _span(self, hit: RankedChunk) -> _Span:
        return _Span(key_of(self._cited[hit.passage.rev]), hit.passage.chunk_start, hit.passage.chunk_end)

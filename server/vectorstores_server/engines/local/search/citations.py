"""From ranked passages to hits: chunks with the place they stand at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vectorstores_server.engines.local.catalog.search_view import CitedFile
from vectorstores_server.engines.local.index import Candidate, Candidates
from vectorstores_server.engines.local.index.scoring import text_share
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.search.document_cache import TextKey
from vectorstores_server.engines.local.search.highlight import anchor
from vectorstores_server.engines.local.search.ranking import RankedChunk, ScoredPassage
from vectorstores_server.engines.local.words.places import QuestionWords
from vectorstores_tools.contract.models import SearchHit, TextContent

MOST_MATCHES = 8


@dataclass(frozen=True, slots=True)
class FoundPassages:
    """What a search has, best first, before it is written down. `answers` are those of the index, one a query."""

    hits: Sequence[RankedChunk] = ()
    cited: Mapping[int, CitedFile] = field(default_factory=dict[int, CitedFile])
    answers: Sequence[Candidates] = ()
    below_threshold: int = 0
    best_below: float | None = None


def cite(
    hit: RankedChunk, found: FoundPassages, store_id: str, texts: Mapping[TextKey, Document], words: QuestionWords
) -> SearchHit:
    """Write a hit down. `page`, `heading_path` and `lines` are those of the part of its best passage that answers.

    `chars` are those of the chunk.
    """
    passage, of = hit.passage, found.cited[hit.passage.rev]
    document = texts.get(TextKey(of.sha256, of.text_version), Document(""))
    start, end = passage.chunk_start, passage.chunk_end
    best = hit.matched[:MOST_MATCHES]
    place, first, last = anchor(document, passage.start, passage.end, words)
    return SearchHit(
        file_id=of.file_id,
        filename=of.filename,
        source=of.source,
        path=of.path,
        score=hit.score,
        attributes=of.attributes,
        content=[TextContent(text=document.text[start:end])],
        vector_store_id=store_id,
        page=document.page_at(place),
        heading_path=list(document.heading_path_at(place)) or None,
        lines=document.lines(*_visible(document.text, first, last)),
        chars=(start, end),
        matches=[(ranked.passage.start, ranked.passage.end) for ranked in best],
        match_scores=[ranked.score for ranked in best],
        vector_score=None if passage.cosine is None else min(max(passage.cosine, 0.0), 1.0),
        text_score=_text_score(passage, found.answers),
    )


def _visible(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the range without the white space at its end, which has lines of its own."""
    return start, max(start + 1, start + len(text[start:end].rstrip()))


def above(ranked: Sequence[ScoredPassage], threshold: float) -> tuple[list[ScoredPassage], list[ScoredPassage]]:
    """Split passages, best first, into those that reach the threshold and those that do not."""
    reached = [r for r in ranked if r.score >= threshold]
    return reached, list(ranked[len(reached) :])


def _text_score(passage: Candidate, answers: Sequence[Candidates]) -> float:
    """Return the wording half, by the query that found the passage best."""
    for answer in answers:
        if any(row is passage for row in answer.rows):
            return text_share(passage.text_score, answer.n_tokens, answer.n_rows)
    return 0.0

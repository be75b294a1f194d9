"""The way from ranked passages to hits: chunks with the place they stand at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vectorstores_server.engines.local.catalog.search_view import CitedFile
from vectorstores_server.engines.local.index import Candidate, Candidates
from vectorstores_server.engines.local.index.scoring import calibrated, meaning, text_share
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.search.document_cache import TextKey, key_of
from vectorstores_server.engines.local.search.highlight import anchor
from vectorstores_server.engines.local.search.ranking import RankedChunk, ScoredPassage
from vectorstores_server.engines.local.words.places import QuestionWords
from vectorstores_tools.contract.models import COPIES_SHOWN, Copies, Copy, SearchHit, TextContent
from vectorstores_tools.contract.uris import TEXT_ID_DIGITS

MOST_MATCHES = 8


@dataclass(frozen=True, slots=True)
class FoundPassages:
    """The result of a search, best first, of which hits are made. `answers` are those of the index, one a query."""

    hits: Sequence[RankedChunk] = ()
    cited: Mapping[int, CitedFile] = field(default_factory=dict[int, CitedFile])
    answers: Sequence[Candidates] = ()
    below_threshold: int = 0
    best_below: float | None = None


def cite(
    hit: RankedChunk, found: FoundPassages, store_id: str, texts: Mapping[TextKey, Document], words: QuestionWords
) -> SearchHit:
    """Make a hit. `page`, `heading_path` and `lines` are those of the part of its best passage that answers.

    `chars` are those of the chunk.
    """
    passage, of = hit.passage, found.cited[hit.passage.rev]
    document = texts.get(key_of(of), Document(""))
    start, end = passage.chunk_start, passage.chunk_end
    best = hit.matched[:MOST_MATCHES]
    place, first, last = anchor(document, passage.start, passage.end, words)
    made = SearchHit(
        file_id=of.file_id,
        filename=of.filename,
        source=of.source,
        path=of.path,
        added_at=of.added_at,
        score=hit.score,
        attributes=of.attributes,
        content=[TextContent(text=document.text[start:end])],
        vector_store_id=store_id,
        page=document.page_at(place),
        heading_path=list(document.heading_path_at(place)) or None,
        lines=document.lines(*_visible(document.text, first, last)),
        chars=(start, end),
        text_id=_text_id(of, texts),
        matches=[(ranked.passage.start, ranked.passage.end) for ranked in best],
        match_scores=[ranked.score for ranked in best],
        also_in=_copies(hit, found, store_id, texts),
    )
    return _explained(made, passage, found.answers)


def cited_texts(found: FoundPassages) -> dict[TextKey, str]:
    """Return the texts that hits and their copies are cited from, with the names of their files."""
    shown = [chunk for hit in found.hits for chunk in (hit, *hit.copies[:COPIES_SHOWN])]
    cited = [found.cited[chunk.passage.rev] for chunk in shown]
    return {key_of(of): of.filename for of in cited}


def _text_id(of: CitedFile, texts: Mapping[TextKey, Document]) -> str | None:
    document = texts.get(key_of(of))
    return document.sha256[:TEXT_ID_DIGITS] if document is not None else None


def _copies(hit: RankedChunk, found: FoundPassages, store_id: str, texts: Mapping[TextKey, Document]) -> Copies | None:
    if not hit.copies:
        return None
    places = [(found.cited[copy.passage.rev], copy.passage) for copy in hit.copies[:COPIES_SHOWN]]
    files = [
        Copy(
            file_id=of.file_id,
            filename=of.filename,
            path=of.path,
            vector_store_id=store_id,
            chars=(passage.chunk_start, passage.chunk_end),
            text_id=_text_id(of, texts),
        )
        for of, passage in places
    ]
    return Copies(total=len(hit.copies), files=files)


def explain(hit: SearchHit, words: QuestionWords) -> SearchHit:
    """Return the hit with the words of the question that its chunk has, and those that it has not."""
    text = hit.content[0].text
    found = words.found(text, 0, len(text))
    missing = [word for word in words.all if word not in found]
    return hit.model_copy(update={"words_found": found, "words_missing": missing})


def _visible(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the range without the white space at its end, which has lines of its own."""
    return start, max(start + 1, start + len(text[start:end].rstrip()))


def above(ranked: Sequence[ScoredPassage], threshold: float) -> tuple[list[ScoredPassage], list[ScoredPassage]]:
    """Split passages, best first, into those that reach the threshold and those that do not."""
    reached = [r for r in ranked if r.score >= threshold]
    return reached, list(ranked[len(reached) :])


def _explained(hit: SearchHit, passage: Candidate, answers: Sequence[Candidates]) -> SearchHit:
    """Add the halves of the score and the calibrated cosine, by the query that found the passage best."""
    for answer in answers:
        if any(row is passage for row in answer.rows):
            hit.text_score = text_share(passage.text_score, answer.n_tokens, answer.n_rows)
            if passage.cosine is not None:
                hit.vector_score = meaning(passage.cosine, answer.weights.scale)
                hit.cosine = calibrated(passage.cosine, answer.weights.scale)
                hit.vector_weight = answer.weights.vector
            break
    return hit

"""The hits of a search for the MCP App that shows them to a person: beside the answer, never read by a model."""

from collections.abc import Sequence
from typing import Any

from vectorstores_tools.contract import uris
from vectorstores_tools.contract.characters import clean, line
from vectorstores_tools.rendering.copies import sentence_of
from vectorstores_tools.rendering.marked_passages import (
    asked_words,
    citation,
    excerpt,
    shown_source,
    shows_pages,
    span_of,
)
from vectorstores_tools.rendering.search_results import RankedHit, RankedHits

HITS_URI = "ui://vector-stores/hits"
"""The resource that shows them."""
HITS_KEY = "vector-stores/hits"
"""Their key in `_meta` of an answer."""


def hits_view(ranking: RankedHits, queries: Sequence[str], *, reads: bool) -> dict[str, Any]:
    """Return the hits as the app shows them. `reads`: it may ask for pages and surroundings through the tool `read`."""
    asked = asked_words(queries)
    return {
        "queries": [line(query) for query in queries],
        "sentences": [line(sentence) for sentence in ranking.sentences],
        "reads": reads,
        "hits": [_hit(ranked, asked) for ranked in ranking.hits],
    }


def _hit(ranked: RankedHit, asked: frozenset[str]) -> dict[str, Any]:
    hit, span = ranked.hit, span_of(ranked.hit)
    attributes = {line(key): clean(str(value)) for key, value in (hit.attributes or {}).items()}
    facts: dict[str, Any] = {
        "filename": line(hit.filename or hit.file_id),
        "source": line(shown_source(hit.path, hit.source)),
        "citation": [*(line(part) for part in citation(hit)), *([sentence_of(hit.also_in)] if hit.also_in else [])],
        "score": round(hit.score, 4),
        "meaning": hit.vector_score,
        "wording": hit.text_score,
        "pieces": [[piece.text, piece.marked, piece.asked] for piece in excerpt(hit, asked)],
        "attributes": attributes,
        "uri": uris.file(ranked.store_id, hit.file_id, *(span or ()), text_id=hit.text_id),
        "file_id": hit.file_id,
        "vector_store_id": ranked.store_id,
        "chars": span,
        "picture": shows_pages(hit.filename) and span is not None,
    }
    return {name: value for name, value in facts.items() if value not in (None, "", [], {})}

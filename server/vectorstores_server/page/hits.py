"""Hits as the search view shows them: passages marked in their surroundings, and where they stand (pure)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from vectorstores_server.page import paths
from vectorstores_server.page.filter_links import Chip, FilterLinks
from vectorstores_tools.contract import uris
from vectorstores_tools.contract.characters import clean, line
from vectorstores_tools.contract.models import Copies, SearchHit
from vectorstores_tools.rendering.copies import called, shown
from vectorstores_tools.rendering.marked_passages import (
    Segment,
    citation,
    excerpt,
    shown_source,
    shows_pages,
    span_of,
    whole,
)


@dataclass(frozen=True, slots=True)
class CopyLink:
    """Another file, or place of one, that holds the text of a hit."""

    name: str
    place: str


@dataclass(frozen=True, slots=True)
class HitView:
    """One hit. `meaning` and `wording` are the two halves of the score, None where the engine does not tell."""

    number: int
    filename: str
    place: str
    citation: Sequence[str]
    score: float
    meaning: float | None
    wording: float | None
    excerpt: Sequence[Segment]
    whole: Sequence[Segment]
    attributes: Sequence[Chip]
    source: str
    uri: str
    has_page: bool
    copies: Sequence[CopyLink] = ()
    more_copies: int = 0

    @property
    def is_cut(self) -> bool:
        """True where the chunk holds more than the excerpt."""
        return self.excerpt != self.whole


def hit_view(number: int, hit: SearchHit, store_id: str, links: FilterLinks, asked: frozenset[str]) -> HitView:
    """Return a hit as it is shown; `asked` are the words of the question."""
    span = span_of(hit)
    copies = hit.also_in or Copies()
    return HitView(
        number=number,
        filename=line(hit.filename or hit.file_id),
        place=_address(store_id, hit.file_id, span, hit.text_id),
        citation=citation(hit),
        score=hit.score,
        meaning=hit.vector_score,
        wording=hit.text_score,
        excerpt=excerpt(hit, asked),
        whole=whole(hit, asked),
        attributes=[*links.folder(hit.path), *links.attributes(hit.attributes)],
        source=shown_source(hit.path, hit.source),
        uri=uris.file(store_id, hit.file_id, *(span or ()), text_id=hit.text_id),
        has_page=shows_pages(hit.filename) and bool(span),
        copies=[
            CopyLink(called(copy), _address(store_id, copy.file_id, copy.chars, copy.text_id)) for copy in copies.files
        ],
        more_copies=copies.total - len(copies.files),
    )


def _address(store_id: str, file_id: str, span: tuple[int, int] | None, text_id: str | None) -> str:
    query: dict[str, object] = {"start": span[0], "end": span[1]} if span else {}
    if span and text_id:
        query["text"] = text_id
    return paths.file(store_id, file_id) + (f"?{urlencode(query)}" if query else "")


def exported(hit: SearchHit, store_id: str) -> dict[str, Any]:
    """Return a hit for a program, its texts clean."""
    span = span_of(hit)
    facts: dict[str, Any] = {
        "score": round(hit.score, 4),
        "meaning": hit.vector_score,
        "wording": hit.text_score,
        "file_id": hit.file_id,
        "filename": line(hit.filename),
        "page": hit.page,
        "heading_path": [line(heading) for heading in hit.heading_path or ()] or None,
        "lines": hit.lines,
        "uri": uris.file(store_id, hit.file_id, *(span or ()), text_id=hit.text_id),
        "attributes": {line(key): clean(v) if isinstance(v, str) else v for key, v in (hit.attributes or {}).items()},
        "text": clean(hit.text),
    }
    if hit.also_in:
        facts["also_in"] = shown(hit, store_id, whole=True)
    return {name: value for name, value in facts.items() if value not in (None, {}, "")}

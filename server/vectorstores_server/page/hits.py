"""Hits as the search view shows them: passages marked in their surroundings, and where they stand (pure)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any
from urllib.parse import urlencode

from vectorstores_server.page import paths
from vectorstores_server.page.filter_links import Chip, FilterLinks
from vectorstores_tools.contract import uris
from vectorstores_tools.contract.characters import clean, line
from vectorstores_tools.contract.models import SearchHit

AROUND = 260
"""Characters of the surroundings on either side of the best passage."""
WITH_PAGES = frozenset({".pdf", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"})


_WORD = re.compile(r"\w{3,}")


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a text; `marked` where it is a passage that matched, `asked` where it is a word of the question."""

    text: str
    marked: bool = False
    asked: bool = False


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

    @property
    def is_cut(self) -> bool:
        """Whether the chunk holds more than the excerpt."""
        return self.excerpt != self.whole


def hit_view(number: int, hit: SearchHit, store_id: str, links: FilterLinks, asked: frozenset[str]) -> HitView:
    """Return a hit as it is shown; `asked` are the words of the question."""
    text = "\n".join(part.text for part in hit.content)
    marks = _marks(hit, len(text))
    start, end = _window(text, marks)
    span = (hit.matches[0][0], hit.matches[0][1]) if hit.matches else hit.chars
    query = {"start": span[0], "end": span[1]} if span else {}
    address = paths.file(store_id, hit.file_id) + (f"?{urlencode(query)}" if query else "")
    return HitView(
        number=number,
        filename=line(hit.filename or hit.file_id),
        place=address,
        citation=citation(hit),
        score=hit.score,
        meaning=hit.vector_score,
        wording=hit.text_score,
        excerpt=segments(text, marks[:1], start, end, asked),
        whole=segments(text, marks[:1], 0, len(text), asked),
        attributes=[*links.folder(hit.path), *links.attributes(hit.attributes)],
        source=shown_source(hit.path, hit.source),
        uri=uris.file(store_id, hit.file_id, *(span or ())),
        has_page=shows_pages(hit.filename) and bool(span),
    )


def shown_source(path: str | None, source: str | None) -> str:
    """Return where a file came from: its path below its folder, or an address; never a place on the server's disk."""
    return path or (source if source and "://" in source else "")


def shows_pages(filename: str) -> bool:
    """Tell whether a file can be shown as a picture."""
    return PurePath(filename).suffix.lower() in WITH_PAGES


def citation(hit: SearchHit) -> list[str]:
    """Return where a hit stands, in words."""
    lines = hit.lines
    return [
        *([f"page {hit.page}"] if hit.page else []),
        *([" > ".join(line(heading) for heading in hit.heading_path)] if hit.heading_path else []),
        *([f"lines {lines[0]}-{lines[1]}" if lines[1] > lines[0] else f"line {lines[0]}"] if lines else []),
    ]


def segments(
    text: str, marks: Sequence[tuple[int, int]], start: int, end: int, asked: frozenset[str] = frozenset()
) -> list[Segment]:
    """Return text[start:end] in pieces, those within `marks` marked, the words asked for apart; marks may overlap."""
    pieces: list[Segment] = []
    at = start
    for first, last in sorted(marks):
        first, last = max(first, at), min(last, end)
        if last <= first:
            continue
        if first > at:
            pieces.append(Segment(clean(text[at:first])))
        pieces += _marked(text[first:last], asked)
        at = last
    if at < end:
        pieces.append(Segment(clean(text[at:end])))
    return pieces


def _marked(passage: str, asked: frozenset[str]) -> list[Segment]:
    pieces: list[Segment] = []
    at = 0
    for word in _WORD.finditer(passage) if asked else ():
        if word.group().casefold() in asked:
            if word.start() > at:
                pieces.append(Segment(clean(passage[at : word.start()]), marked=True))
            pieces.append(Segment(clean(word.group()), marked=True, asked=True))
            at = word.end()
    return [*pieces, Segment(clean(passage[at:]), marked=True)] if at < len(passage) else pieces


def exported(hit: SearchHit, store_id: str) -> dict[str, Any]:
    """Return a hit for a program, its texts clean."""
    span = hit.matches[0] if hit.matches else hit.chars
    facts: dict[str, Any] = {
        "score": round(hit.score, 4),
        "meaning": hit.vector_score,
        "wording": hit.text_score,
        "file_id": hit.file_id,
        "filename": line(hit.filename),
        "page": hit.page,
        "heading_path": [line(heading) for heading in hit.heading_path or ()] or None,
        "lines": hit.lines,
        "uri": uris.file(store_id, hit.file_id, *(span or ())),
        "attributes": {line(key): clean(v) if isinstance(v, str) else v for key, v in (hit.attributes or {}).items()},
        "text": clean("\n".join(part.text for part in hit.content)),
    }
    return {name: value for name, value in facts.items() if value not in (None, {}, "")}


def _marks(hit: SearchHit, length: int) -> list[tuple[int, int]]:
    start = hit.chars[0] if hit.chars else 0
    found = [(max(0, first - start), min(length, last - start)) for first, last in hit.matches or ()]
    return [(first, last) for first, last in found if hit.chars and first < last]


def _window(text: str, marks: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return the best passage with its surroundings, cut between words."""
    first, last = marks[0] if marks else (0, min(len(text), 2 * AROUND))
    start, end = max(0, first - AROUND), min(len(text), last + AROUND)
    if start > 0:
        gap = text.find(" ", start, first)
        start = gap + 1 if gap >= 0 else first
    if end < len(text):
        gap = text.rfind(" ", last, end)
        end = gap if gap >= 0 else end
    return start, end

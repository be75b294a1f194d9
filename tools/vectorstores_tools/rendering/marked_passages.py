"""A hit's best passage marked in its surroundings, and where it stands, for people who look at it (pure)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from vectorstores_tools.contract.characters import clean, line
from vectorstores_tools.contract.models import SearchHit
from vectorstores_tools.rendering.excerpts import words

AROUND = 260
"""Characters of the surroundings on either side of the best passage."""
WITH_PAGES = frozenset({".pdf", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"})
COMMON = frozenset(
    [
        "and", "are", "can", "does", "for", "from", "how", "that", "the", "this", "was", "what", "when", "where",
        "which", "who", "why", "with",
    ]
)  # fmt: skip
"""Words of a question that are too common to be underlined."""

_WORD = re.compile(r"\w{3,}")


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a text; `marked` where it is a passage that matched, `asked` where it is a word of the question."""

    text: str
    marked: bool = False
    asked: bool = False


def asked_words(queries: Sequence[str]) -> frozenset[str]:
    """Return the words of a question that are underlined where they stand."""
    return words(queries) - COMMON


def excerpt(hit: SearchHit, asked: frozenset[str]) -> list[Segment]:
    """Return the best passage, marked, with what stands around it."""
    text = hit.text
    marks = _marks(hit, len(text))
    start, end = _window(text, marks)
    return segments(text, marks[:1], start, end, asked)


def whole(hit: SearchHit, asked: frozenset[str]) -> list[Segment]:
    """Return the whole chunk, the best passage marked."""
    text = hit.text
    return segments(text, _marks(hit, len(text))[:1], 0, len(text), asked)


def span_of(hit: SearchHit) -> tuple[int, int] | None:
    """Return the characters of the file where the best passage stands, or its chunk; None where that is not known."""
    span = hit.matches[0] if hit.matches else hit.chars
    return (span[0], span[1]) if span else None


def shown_source(path: str | None, source: str | None) -> str:
    """Return the source of a file: its path below its folder, or an address; never a place on the server's disk."""
    return path or (source if source and "://" in source else "")


def shows_pages(filename: str) -> bool:
    """Tell whether a file can be shown as a picture."""
    return PurePath(filename).suffix.lower() in WITH_PAGES


def citation(hit: SearchHit) -> list[str]:
    """Return the place of a hit, in words."""
    lines = hit.lines
    return [
        *([f"page {hit.page}"] if hit.page else []),
        *([" > ".join(line(heading) for heading in hit.heading_path)] if hit.heading_path else []),
        *([f"lines {lines[0]}-{lines[1]}" if lines[1] > lines[0] else f"line {lines[0]}"] if lines else []),
    ]


def segments(
    text: str, marks: Sequence[tuple[int, int]], start: int, end: int, asked: frozenset[str] = frozenset()
) -> list[Segment]:
    """Return text[start:end] in pieces; `marks`, which may overlap, are marked; words asked for stand alone."""
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

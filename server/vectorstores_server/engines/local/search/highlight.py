"""The place in a passage that a citation names: where the rarest of the question's words stand together."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence

from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.words.places import Place, QuestionWords

NEAR = 240
"""Characters that are looked at together: about two sentences."""
_SATURATION = 0.5
"""The number of times at which a word at a place counts half of what it can: 1 counts two thirds, 3 six sevenths."""


def anchor(document: Document, start: int, end: int, words: QuestionWords) -> tuple[int, int, int]:
    """Return an offset in [start, end), and the part of it around that which lies on one page and in one section.

    The offset is of the first of the words that weigh most together within two sentences of one part: a word the more
    the fewer parts have it, and the oftener it stands there. Without any it is the middle. A passage of a short file
    may hold three pages; its start says nothing of where the answer is.
    """
    bounds = _bounds(document, start, end)
    if len(bounds) == 2:  # one page, one section: there is nothing to choose
        return start, start, end
    found = words.places(document.text, start, end)
    place = _densest(found, bounds) if found else (start + end) // 2
    part = bisect_right(bounds, place) - 1
    return place, bounds[part], bounds[part + 1]


def _bounds(document: Document, start: int, end: int) -> list[int]:
    starts = {heading.start for heading in document.headings_within(start, end)}
    starts |= {page for page in document.page_starts if start < page < end}
    return [start, *sorted(starts), end]


def _densest(found: Sequence[Place], bounds: Sequence[int]) -> int:
    parts = Counter(word for word, _ in {(place.word, bisect_right(bounds, place.offset)) for place in found})
    best, offset = 0.0, found[0].offset
    for number, first in enumerate(found):
        until = min(first.offset + NEAR, bounds[bisect_right(bounds, first.offset)])
        behind = bisect_left(found, until, lo=number, key=_offset)
        together = Counter(place.word for place in found[number:behind])
        weight = sum(count / (count + _SATURATION) / parts[word] for word, count in together.items())
        if weight > best:
            best, offset = weight, first.offset
    return offset


def _offset(place: Place) -> int:
    return place.offset

"""Boundaries where a text may be cut: how good the end of a line, a sentence, a clause or a word is for a passage.

And those where it must be cut: a passage holds one section or slide, so that an answer is cited from its own.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from vectorstores_server.engines.local.parsing.document import Document, Heading

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SIGNS = (
    (",)", (0x3001, 0xFF0C), 0.8),
    (";:", (0xFF1A, 0xFF1B), 1.2),
    (".!?", (0x3002, 0xFF01, 0xFF1F), 2.5),
)
"""The quality of a cut behind these signs: followed by white space, or (by code point) of scripts without it."""

_BAR = re.compile(r" \| ")
_LINE_END = re.compile("\n")
_LABEL = 100
"""Letters by which a heading's line and its title are compared: a long title is shortened, and has no mark-up."""


def quality(document: Document, offsets: "NDArray[np.int32]") -> "NDArray[np.float32]":
    """Return the quality of a cut before each of these tokens of the text (index n: behind the last)."""
    import numpy as np

    quality = np.zeros(len(offsets) + 1, np.float32)
    if len(offsets) < 2:
        return quality
    begin, end = int(offsets[0, 0]), int(offsets[-1, 1])
    codes = np.frombuffer(document.text[begin:end].encode("utf-32-le", "surrogatepass"), "<u4")
    ends, starts = offsets[:-1, 1] - begin, offsets[1:, 0] - begin
    gap, last = starts > ends, codes[ends - 1]
    newlines = np.flatnonzero(codes == ord("\n"))
    lines = np.searchsorted(newlines, starts) - np.searchsorted(newlines, ends)
    between = quality[1:-1]
    between[gap] = 0.5
    for signs, wide, value in _SIGNS:
        between[(gap & np.isin(last, [ord(c) for c in signs])) | np.isin(last, wide)] = value
    between[lines == 1] = 3.0
    between[lines > 1] = 4.0
    _mark_headings(document, np.ascontiguousarray(offsets[:, 0]), end, quality)
    between[starts < ends] = -np.inf
    return quality


def _mark_headings(document: Document, starts: "NDArray[np.int32]", end: int, quality: "NDArray[np.float32]") -> None:
    """Prefer a cut before a heading, and none between a heading's line and what follows it."""
    import numpy as np

    first = bisect_right(document.headings, int(starts[0]), key=_start)
    for heading in islice(document.headings, max(0, first - 1), bisect_right(document.headings, end, key=_start)):
        quality[np.searchsorted(starts, np.int32(heading.start))] = 5.0
        if heading.title:
            line_end = document.text.find("\n", heading.start, end)
            if line_end >= 0:
                quality[np.searchsorted(starts, np.int32(line_end))] = 0.0


def sections(document: Document, offsets: "NDArray[np.int32]", sizes: "NDArray[np.float64]", limit: float) -> list[int]:
    """Return the tokens at which a passage must begin: those of headings that have a text, and of slides.

    A heading without one belongs to what follows. Slides are pages that fit into a passage, as the next one does: what
    runs on over pages of print is not cut.
    """
    import numpy as np

    if not len(offsets) or not (document.headings or document.page_starts):
        return []
    starts = np.ascontiguousarray(offsets[:, 0])
    first, last = int(starts[0]), int(offsets[-1, 1])
    begins = [heading.start for heading in _within(document.headings, first, last) if _is_line(document, heading)]
    joined = {end for place, end in pairwise(begins) if not _has_body(document, place, end)}
    stops = [place for place in begins if place not in joined]
    places = np.searchsorted(starts, np.array([*stops, *_slides(document, starts, sizes, limit)], np.int32))
    return sorted({int(place) for place in places if 0 < place < len(starts)})


def rows(document: Document, offsets: "NDArray[np.int32]") -> list[tuple[int, int]]:
    """Return the rows of tables, each as the tokens [first, last): lines whose cells are told apart by a bar."""
    import numpy as np

    if not len(offsets):
        return []
    begin, end = int(offsets[0, 0]), int(offsets[-1, 1])
    bars = [bar.start() for bar in _BAR.finditer(document.text, begin, end)]
    if not bars:
        return []
    breaks = np.array([found.start() for found in _LINE_END.finditer(document.text, begin, end)], np.int32)
    lines = np.unique(np.searchsorted(breaks, np.array(bars, np.int32)))
    bounds = np.concatenate([np.array([begin], np.int32), breaks, np.array([end], np.int32)])
    tokens = np.searchsorted(np.ascontiguousarray(offsets[:, 0]), bounds)
    return list(zip(tokens[lines].tolist(), tokens[lines + 1].tolist(), strict=True))


def _is_line(document: Document, heading: Heading) -> bool:
    """Tell whether a heading is a line of the text, as in prose; that of a function is a part of its own code."""
    line_end = document.text.find("\n", heading.start)
    line = document.text[heading.start : line_end if line_end >= 0 else None]
    return bool(heading.title) and _bare(line)[:_LABEL] == _bare(heading.title)[:_LABEL]


def _bare(text: str) -> str:
    return "".join(character for character in text if character.isalnum())


def _has_body(document: Document, start: int, end: int) -> bool:
    return "\n" in document.text[start:end].strip()


def _slides(document: Document, starts: "NDArray[np.int32]", sizes: "NDArray[np.float64]", limit: float) -> list[int]:
    import numpy as np

    pages = [start for start in document.page_starts if start <= int(starts[-1])]
    before = np.append(0.0, np.cumsum(sizes))[
        np.append(np.searchsorted(starts, np.array(pages, np.int32)), len(starts))
    ]
    fits = np.diff(before) <= limit
    return [pages[number] for number in range(1, len(pages)) if fits[number - 1] and fits[number]]


def _within(headings: Sequence[Heading], first: int, last: int) -> Sequence[Heading]:
    return headings[bisect_left(headings, first, key=_start) : bisect_right(headings, last, key=_start)]


def _start(heading: Heading) -> int:
    return heading.start

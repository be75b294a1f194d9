"""Headings of a PDF without bookmarks: lines in larger or bolder type than the text, where that is clear."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vectorstores_server.engines.local.parsing.document_builder import one_line
from vectorstores_server.engines.local.parsing.pdf_page import TypeLine

_LARGER = 1.12
_LONGEST = 120
_MOST = 0.2  # of the lines: where more stand out, none is a heading
_LEVELS = 4
_PARTS = 3  # lines of one heading
_HAS_WORDS = re.compile(r"[^\W\d_]{2}")
_GOES_ON = re.compile(r".*[.,;:]$|.*\.{4}")
_NUMBER = re.compile(r"\d+")


class FoundHeading(NamedTuple):
    """A heading, and the index of its page."""

    level: int
    title: str
    page: int


class _Candidate(NamedTuple):
    text: str
    size: float
    bold: bool
    page: int
    number: int


def headings(pages: Sequence[Sequence[TypeLine]]) -> list[FoundHeading]:
    """Return the headings in order; none where type does not tell them from the text."""
    letters: Counter[tuple[float, bool]] = Counter()
    for line in (line for page in pages for line in page):
        letters[line.size, line.bold] += len(line.text)
    if not letters:
        return []
    (body, body_bold), _ = letters.most_common(1)[0]
    candidates = [
        _Candidate(line.text, line.size, line.bold, number, at)
        for number, page in enumerate(pages)
        for at, line in enumerate(page)
        if _stands_out(line, body, body_bold)
    ]
    candidates = _without_repeated(candidates)
    lines = sum(map(len, pages))
    if not candidates or len(candidates) > max(1, _MOST * lines):
        return []
    merged = list(_merged(candidates))
    styles = sorted({(candidate.size, candidate.bold) for candidate in merged}, reverse=True)
    levels = {style: min(level, _LEVELS) for level, style in enumerate(styles, 1)}
    return [FoundHeading(levels[each.size, each.bold], one_line(each.text), each.page) for each in merged]


def _stands_out(line: TypeLine, body: float, body_bold: bool) -> bool:
    if len(line.text) > _LONGEST or not _HAS_WORDS.search(line.text):
        return False
    if line.size >= _LARGER * body:
        return not _GOES_ON.fullmatch(line.text) or line.size >= 1.4 * body
    bolder = line.bold and not body_bold and line.size >= 0.95 * body
    return bolder and not _GOES_ON.fullmatch(line.text) and not line.text[0].islower()


def _without_repeated(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Leave out lines that stand on page after page: headers and footers."""
    texts = Counter(_NUMBER.sub("#", text) for text, _ in {(each.text, each.page) for each in candidates})
    return [each for each in candidates if texts[_NUMBER.sub("#", each.text)] < 3]


def _merged(candidates: Sequence[_Candidate]) -> Iterator[_Candidate]:
    """Put the lines of one heading together."""
    whole, parts = candidates[0], 1
    for each in candidates[1:]:
        follows = (each.page, each.number, each.size, each.bold) == (
            whole.page, whole.number + parts, whole.size, whole.bold,
        )  # fmt: skip
        if follows and parts < _PARTS:
            whole, parts = whole._replace(text=f"{whole.text} {each.text}"), parts + 1
        else:
            yield whole
            whole, parts = each, 1
    yield whole

"""One page of a PDF to text: PDFium's letters in the order in which they are read."""

import ctypes
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from vectorstores_server.engines.local.parsing.pdf_characters import (
    HYPHENS,
    UNKNOWN,
    reversed_ligatures,
    with_divided_words,
)
from vectorstores_server.engines.local.parsing.pdf_columns import Box, Piece, reordered
from vectorstores_server.engines.local.parsing.pdf_letters import Letter, looks_odd, may_look_odd, mended

_MAYBE_UNKNOWN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ufffd]")
_LINE = re.compile(r"[^\r\n]+")
_ARABIC = re.compile("[\u0600-\u06ff]")
_CELLS_APART = 1.5  # heights of the type
_ONE_BY_ONE = 0.6  # boxes for each letter
_SPACES = " \t\r\n"  # isspace() takes control characters for some
_SHOWN, _DIVIDING = HYPHENS
"""The hyphen of a divided word: PDFium has a sign for it in each of its two texts."""
_WORD = re.compile(r"[^ \t\r\n]+")
_WHITE = re.compile(r"\s+")
_BOLD = 600
_BOLD_NAME = re.compile(rb"bold|black|heavy|-(?:bd|b)\b|cmbx|,b", re.IGNORECASE)


class TypeLine(NamedTuple):
    """A line of a page, the size of its type in points, and whether all of it is bold and no row of cells."""

    text: str
    size: float
    bold: bool


class TextPage:
    """The letters of a page, counted as PDFium does; `raw` is its module."""

    def __init__(self, raw: Any, text_page: Any) -> None:
        self._raw = raw
        self._page = text_page
        self._handle = text_page.raw
        self._doubles = [ctypes.c_double() for _ in range(4)]
        self._references = [ctypes.byref(double) for double in self._doubles]
        self._name = ctypes.create_string_buffer(128)
        self._text: str = text_page.get_text_range()
        self._counts = len(self._text) == text_page.count_chars()

    def text(self, rotation: int) -> str:
        """Return the text, with U+FFFD for letters unknown to the fonts; hyphens that divide words are PDFium's."""
        if not self._counts:  # there are letters of two code units
            return self._page.get_text_bounded()
        text = self._text = self._marked(self._text)
        if _ARABIC.search(text):
            text = self._text = reversed_ligatures(text, self._in_one_box)
        boxes = list(self._rectangles())
        lines = reordered([box.turned(rotation) for box in boxes])
        if lines is not None:
            return with_divided_words(self._in_order(boxes, lines))
        one_by_one = len(boxes) > _ONE_BY_ONE * len(text)
        if one_by_one or may_look_odd(text):
            closed_up = _LINE.sub(lambda line: self._mended(line, one_by_one=one_by_one), text)
            if closed_up != text:
                return closed_up
        return _in_lines(text, self._page.get_text_bounded())

    def in_reading_order(self, rotation: int) -> list[tuple[str, int]]:
        """Return the letters in the order of `text`, each with its number on the page; white space has none."""
        if not self._counts:
            return []
        boxes = list(self._rectangles())
        lines = reordered([box.turned(rotation) for box in boxes])
        if lines is None:
            return [(letter, -1 if letter.isspace() else at) for at, letter in enumerate(self._text)]
        parts = self._parts(boxes)
        ordered: list[tuple[str, int]] = []
        for line in lines:
            for piece in line:
                ordered += [(self._text[at], at) for part in parts[piece.first : piece.end] for at in part]
                ordered.append((" ", -1))
        return ordered

    def loose_box(self, index: int) -> Box:
        """Return the place that a letter takes on its line, in points."""
        rect = self._raw.FS_RECTF()
        self._raw.FPDFText_GetLooseCharBox(self._handle, index, ctypes.byref(rect))
        return Box(rect.left, rect.bottom, rect.right, rect.top)

    def lines(self) -> Iterator[TypeLine]:
        """Yield the lines as PDFium has them, with their type."""
        if not self._counts:
            return
        size = self._raw.FPDFText_GetFontSize
        for line in _LINE.finditer(self._text):
            text = line[0].strip()
            if text:
                first, last = line.start() + line[0].index(text), line.start() + len(line[0].rstrip()) - 1
                bold = self._bold(first) and self._bold(last) and not self._in_cells(first, text)
                yield TypeLine(text, round(size(self._handle, first) * self._scale(first), 1), bold)

    def _in_cells(self, first: int, text: str) -> bool:
        """Tell whether the words stand as far apart as the cells of a table's head."""
        for gap in _WHITE.finditer(text):
            before, after = self.loose_box(first + gap.start() - 1), self.loose_box(first + gap.end())
            if after.left - before.right > _CELLS_APART * before.height:
                return True
        return False

    def _bold(self, index: int) -> bool:
        if self._raw.FPDFText_GetFontWeight(self._handle, index) >= _BOLD:
            return True
        self._raw.FPDFText_GetFontInfo(self._handle, index, self._name, len(self._name), None)
        return _BOLD_NAME.search(self._name.value) is not None

    def _scale(self, index: int) -> float:
        """Return the factor by which the type is drawn larger than its font says."""
        matrix = self._raw.FS_MATRIX()
        if not self._raw.FPDFText_GetMatrix(self._handle, index, ctypes.byref(matrix)):
            return 1.0
        return (matrix.c**2 + matrix.d**2) ** 0.5 or 1.0

    def _marked(self, text: str) -> str:
        """Put U+FFFD where a font does not say which letter it shows."""
        if not _MAYBE_UNKNOWN.search(text):
            return text
        unknown = self._raw.FPDFText_HasUnicodeMapError
        return _MAYBE_UNKNOWN.sub(
            lambda match: UNKNOWN if unknown(self._handle, match.start()) == 1 else match[0], text
        )

    def _in_one_box(self, index: int) -> bool:
        return self._box(index) == self._box(index + 1)

    def _box(self, index: int) -> Box:
        left, right, bottom, top = self._doubles
        self._raw.FPDFText_GetCharBox(self._handle, index, *self._references)
        return Box(left.value, bottom.value, right.value, top.value)

    def _rectangles(self) -> Iterator[Box]:
        """Yield the boxes of pieces that were drawn at once, in order."""
        left, top, right, bottom = self._doubles
        for number in range(self._page.count_rects()):
            self._raw.FPDFText_GetRect(self._handle, number, *self._references)
            yield Box(left.value, bottom.value, right.value, top.value)

    def _in_order(self, boxes: Sequence[Box], lines: Sequence[Sequence[Piece]]) -> str:
        parts = ["".join(self._text[at] for at in part) for part in self._parts(boxes)]
        shown = (" ".join(_WHITE.sub(" ", "".join(parts[p.first : p.end])).strip() for p in line) for line in lines)
        return "\n".join(line for line in shown if line)

    def _parts(self, boxes: Sequence[Box]) -> list[list[int]]:
        """Share the letters out to the boxes, which come in the same order; each letter goes to one of them."""
        parts: list[list[int]] = [[] for _ in boxes]
        number = 0
        for index, letter in enumerate(self._text):
            if not letter.isspace():
                box = self._box(index)
                while (
                    number + 1 < len(boxes) and not _within(box, boxes[number]) and _follows(box, boxes[number + 1 :])
                ):
                    number += 1
            parts[number].append(index)
        return parts

    def _mended(self, line: re.Match[str], *, one_by_one: bool) -> str:
        if not looks_odd(line[0]) and not (one_by_one and " " in line[0]):
            return line[0]
        text = mended([self._letter(index) for index in range(line.start(), line.end())])
        return text if text.count(" ") <= line[0].count(" ") else line[0]

    def _letter(self, index: int) -> Letter:
        place = self.loose_box(index)
        return Letter(self._text[index], place.left, place.right, place.height)


def _in_lines(text: str, lines: str) -> str:
    """Return the letters of `text` in the lines of `lines`, in which PDFium keeps raised figures beside their words."""
    letters, theirs = _ink(text), _ink(lines)
    if letters == theirs or len(letters) != len(theirs):  # mostly no letter of it was mended
        return lines
    if letters == theirs.replace(_SHOWN, _DIVIDING):
        return lines.replace(_SHOWN, _DIVIDING)
    at = 0

    def next_word(word: re.Match[str]) -> str:
        nonlocal at
        at += word.end() - word.start()
        return letters[at - word.end() + word.start() : at]

    return _WORD.sub(next_word, lines)


def _ink(text: str) -> str:
    """Return a text without its spaces; a replacement each is ten times as fast as to ask of each letter."""
    for space in _SPACES:
        text = text.replace(space, "")
    return text


def _within(box: Box, around: Box) -> bool:
    across = around.left - 0.5 <= (box.left + box.right) / 2 <= around.right + 0.5
    return across and around.bottom - 0.5 <= box.middle <= around.top + 0.5


def _follows(box: Box, boxes: Sequence[Box]) -> bool:
    """Tell whether one of the next boxes holds the letter; one that none holds stays where it is."""
    return any(_within(box, other) for other in boxes[:8])

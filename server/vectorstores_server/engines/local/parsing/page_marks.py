"""The places on a PDF's page where a passage of its text stands."""

import ctypes
import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from vectorstores_server.engines.local.parsing.pdf_columns import Box
from vectorstores_server.engines.local.parsing.pdf_page import TextPage

_WORD = re.compile(r"\S+")
_SIGNS = re.compile("[\x02\ufffe\ufffd-]")


class PassageOnPage(NamedTuple):
    """The text of a page as it was parsed, and which of its characters are the passage."""

    page: str
    start: int
    end: int


class _PlacedWord(NamedTuple):
    text: str
    letters: Sequence[int]


def marks(letters: TextPage, rotation: int, passage: PassageOnPage) -> list[Box]:
    """Return the boxes of the passage's words, one for each line that a word stands on.

    The parsed text differs from PDFium's where the parser mended it: words that were divided, letters struck twice.
    Both are aligned word by word; what differs between words that are equal is taken as a whole.
    """
    parsed = list(_WORD.finditer(passage.page))
    placed = list(_words(letters.in_reading_order(rotation)))
    matcher = SequenceMatcher(
        None, [_plain(word[0]) for word in parsed], [_plain(word.text) for word in placed], autojunk=False
    )
    wanted = [word.start() < passage.end and word.end() > passage.start for word in parsed]
    found: list[Box] = []
    for kind, first, end, placed_first, placed_end in matcher.get_opcodes():
        if kind == "equal":
            chosen = [placed[placed_first + at] for at in range(end - first) if wanted[first + at]]
        else:
            chosen = placed[placed_first:placed_end] if any(wanted[first:end]) else []
        for word in chosen:
            found += _boxes(letters, rotation, word)
    return _in_strips(found, rotation)


def _plain(word: str) -> str:
    return _SIGNS.sub("", word)


def _words(letters: Sequence[tuple[str, int]]) -> Iterator[_PlacedWord]:
    text, places = "", list[int]()
    for letter, index in (*letters, (" ", -1)):
        if not letter.isspace():
            text += letter
            places.append(index)
        elif text:
            yield _PlacedWord(text, places)
            text, places = "", []


def _boxes(letters: TextPage, rotation: int, word: _PlacedWord) -> Iterator[Box]:
    """Yield the word's box, or two where it goes on in another line."""
    around: Box | None = None
    for index in word.letters:
        box = letters.loose_box(index)
        if box.right <= box.left or box.top <= box.bottom:
            continue
        if around is None:
            around = box
        elif _on_one_line(around, box, rotation):
            around = around.with_(box)
        else:
            yield around
            around = box
    if around is not None:
        yield around


def _on_one_line(box: Box, following: Box, rotation: int) -> bool:
    shown, after = box.turned(rotation), following.turned(rotation)
    return shown.beside(after) and after.left > shown.left - shown.height


def _in_strips(boxes: Sequence[Box], rotation: int) -> list[Box]:
    """Put words beside each other into one box, so that the marks are as calm as a line of text."""
    strips: list[Box] = []
    for box in boxes:
        if strips and _on_one_line(strips[-1], box, rotation):
            gap = box.turned(rotation).left - strips[-1].turned(rotation).right
            if gap < box.turned(rotation).height:
                strips[-1] = strips[-1].with_(box)
                continue
        strips.append(box)
    return strips


def on_image(raw: Any, page: Any, box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of a box in the pixels of an image of the whole page."""
    across, down = ctypes.c_int(), ctypes.c_int()
    corners: list[tuple[int, int]] = []
    for x, y in ((box.left, box.bottom), (box.right, box.top)):
        raw.FPDF_PageToDevice(page.raw, 0, 0, width, height, 0, x, y, ctypes.byref(across), ctypes.byref(down))
        corners.append((across.value, down.value))
    (x1, y1), (x2, y2) = corners
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)

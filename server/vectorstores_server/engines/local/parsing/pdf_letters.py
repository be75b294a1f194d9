"""Lines whose letters were drawn one by one: struck twice to look bold, or set apart.

PDFium leaves out what is struck at nearly the same place, and makes spaces of gaps; a wider shift, letters set at equal
distances, and spaces between all letters are seen by their places alone.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

_MANY_SHORT = re.compile(r"(?: \S{1,2}){3,}(?!\S)")
_DOUBLED = re.compile(r"(?:([^\W\d_])\1){3,}")
_MAYBE_DOUBLED = re.compile(r"(.)\1(?!\1)(.)\2(.)\3")
_OVERLAP = 0.3  # of a letter's width
_SHIFT = 0.005  # of the type's size; what is struck at the same place PDFium leaves out
_EQUAL = 0.04
_MOST = 0.8
_APART = 0.2  # of the type's size


class Letter(NamedTuple):
    """A letter and the place that it takes on its line, in points; the next one begins at `right` in plain text."""

    text: str
    left: float
    right: float
    size: float


def may_look_odd(text: str) -> bool:
    """Tell whether one of the lines may look odd; quicker than to ask of each."""
    return _MAYBE_DOUBLED.search(text) is not None or _MANY_SHORT.search(text) is not None


def looks_odd(line: str) -> bool:
    """Tell whether a line reads as if its letters were struck twice or set apart."""
    if _DOUBLED.search(line):
        return True
    words = line.split()
    short = [word for word in words if len(word) <= 2]
    letters = sum(1 for word in short if word.isalpha())  # formulas have signs and figures
    return len(short) > len(words) / 2 and letters >= _MOST * len(short) and _MANY_SHORT.search(line) is not None


def mended(letters: Sequence[Letter]) -> str:
    """Return the line without letters struck twice, and with spaces between words alone."""
    kept = _struck_once(letters)
    ink = [letter for letter in kept if not letter.text.isspace()]
    if len(ink) < 3:
        return "".join(letter.text for letter in kept)
    steps = [after.left - before.left for before, after in pairwise(ink)]
    step = median(steps)
    if step > 0 and sum(1 for each in steps if abs(each - step) < _EQUAL * step) >= _MOST * _at_most(steps, 1.5 * step):
        return _with_spaces(ink, [each > 1.5 * step for each in steps])
    gaps = [after.left - before.right for before, after in pairwise(ink)]
    gap = median(gaps)
    if min(gaps) > 0.5 * gap > 0.5 * _APART * ink[0].size and not _has_words(kept):
        return _with_spaces(ink, [each > 1.6 * gap for each in gaps])
    text = "".join(letter.text for letter in kept)
    return text if len(kept) == len(letters) else re.sub(" +", " ", text)


def _at_most(values: Sequence[float], most: float) -> int:
    return sum(1 for value in values if value <= most)


def _has_words(letters: Sequence[Letter]) -> bool:
    words = "".join(letter.text for letter in letters).split()
    return sum(1 for word in words if len(word) > 2) > len(words) / 3


def _struck_once(letters: Sequence[Letter]) -> list[Letter]:
    kept: list[Letter] = []
    for letter in letters:
        if letter.text.isspace() or not any(_same_place(letter, other) for other in kept[-4:]):
            kept.append(letter)
    return kept


def _same_place(letter: Letter, other: Letter) -> bool:
    if letter.text != other.text:
        return False
    if abs(letter.left - other.left) < _SHIFT * letter.size:  # both are of one sign: a ligature
        return False
    overlap = min(letter.right, other.right) - max(letter.left, other.left)
    return overlap > _OVERLAP * max(letter.right - letter.left, 0.1)


def _with_spaces(ink: Sequence[Letter], apart: Sequence[bool]) -> str:
    spaced = (letter.text + (" " if gap else "") for letter, gap in zip(ink, [*apart, False], strict=True))
    return "".join(spaced)

"""The terms of a text, in order: what both a text and a question are turned into before they meet.

The text index segments what is written without spaces (Chinese, Japanese, Thai) by its dictionaries and leaves all
other terms as they are: stop words, stems and parts of identifiers are decided here.
"""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from vectorstores_server.engines.local.words.folding import fold
from vectorstores_server.engines.local.words.languages import STOP_WORDS

Kind = Literal["word", "han", "hangul", "unspaced"]
"""`han` are runs of Chinese and Japanese, `unspaced` of Thai, Lao, Khmer, Burmese and Tibetan."""

_HAN = (
    "\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_HANGUL = "\u1100-\u11ff\uac00-\ud7ff"
_UNSPACED = "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff"
_LETTER = rf"(?:(?![{_HAN}{_HANGUL}{_UNSPACED}])[\w\u0900-\u0dff])"
"""Vowels of the scripts of India count: they are marks, which are no word characters to Python."""
_RUN = re.compile(
    rf"(?P<han>[{_HAN}]+)|(?P<hangul>[{_HANGUL}]+)|(?P<unspaced>[{_UNSPACED}]+)"
    rf"|(?P<word>{_LETTER}+(?:(?:['.:]|(?<=\d),(?=\d)){_LETTER}+)*)"
)
_GROUPED = re.compile(r"(?<![\w.,'])\d{1,3}([ .,'])\d{3}(?:\1\d{3})*(?![\w']|[.,]?\d)")
"""Digits in groups of three: 12 000, 12,000, 1.234.567."""
_SEPARATORS = re.compile(r"[_.:,]+")
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_NEAR = 40
"""Characters on each side in which a word with small letters shows that capitals mean something."""


class Term(NamedTuple):
    """A folded word in lower case, or a run of a script without spaces, and where it stands in the folded text.

    `part` is one of a compound that stands as a term of its own before it.
    """

    text: str
    kind: Kind
    start: int
    end: int
    part: bool = False


def terms(text: str) -> Iterator[Term]:
    """Yield the terms of `text`, without stop words."""
    yield from terms_of_folded(fold(text))


def terms_of_folded(folded: str) -> Iterator[Term]:
    """Do the same with a text that is folded already."""
    for run in _RUN.finditer(folded):
        if run["word"] is None:
            yield Term(run[0], _kind(run), run.start(), run.end())
        else:
            yield from _word(folded, run)
    for number in _GROUPED.finditer(folded):
        yield Term(re.sub(r"\D", "", number[0]), "word", number.start(), number.end(), part=True)


def _kind(run: re.Match[str]) -> Kind:
    return "han" if run["han"] else "hangul" if run["hangul"] else "unspaced"


def _word(folded: str, run: re.Match[str]) -> Iterator[Term]:
    """Yield a word; of a compound also its parts, and of words joined by an apostrophe these alone."""
    word, (start, end) = run[0], run.span()
    if "'" in word:
        yield from _joined(word, start, end)
        return
    lower = word.replace(",", ".").lower()
    if lower in STOP_WORDS:
        if word.isupper() and len(word) > 1 and not _is_shouted(folded, start, end):
            yield Term(lower, "word", start, end)
        return
    yield Term(lower, "word", start, end)
    for part in _parts(word):
        yield Term(part, "word", start, end, part=True)


def _joined(word: str, start: int, end: int) -> Iterator[Term]:
    """Yield the words beside apostrophes: `landlord` of landlord's, `eau` of l'eau, and all of D'Angelo."""
    pieces = [piece for piece in word.split("'") if piece]
    long = [piece for piece in pieces if len(piece) > 1]
    if not long or (len(pieces[0]) == 1 and pieces[0].isupper() and pieces[-1][0].isupper()):
        yield Term("".join(pieces).lower(), "word", start, end)
    for piece in long:
        found = [piece, *_parts(piece)]
        for part in found:
            if part.lower() not in STOP_WORDS:
                yield Term(part.lower(), "word", start, end, part=len(long) > 1)


def _parts(word: str) -> list[str]:
    """Return the parts of a compound identifier that are found by themselves: `os.getLogin` gives os, get, login.

    Parts without a letter and single letters are left out, but the numbers of a list: `1,2,15`.
    """
    pieces = [part for piece in _SEPARATORS.split(word) for part in _HUMPS.split(piece)]
    if len(pieces) < 2:
        return []
    listed = "," in word
    parts = [part.lower() for part in pieces if listed or (len(part) > 1 and not part.isdecimal())]
    return [part for part in parts if part and part not in STOP_WORDS]


def _is_shouted(folded: str, start: int, end: int) -> bool:
    """Tell whether all text around is in capitals: then IT and WHO mean the same as in small letters."""
    around = folded[max(0, start - _NEAR) : start] + folded[end : end + _NEAR]
    return any(character.isalpha() for character in around) and not any(character.islower() for character in around)

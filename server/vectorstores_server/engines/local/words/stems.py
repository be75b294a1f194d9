"""The form of a word that its other forms share: its stem, and for words with endings their first letters too.

Measured on questions in eight languages (docs/quality.md): a stem in place of the word and the first five letters
beside it finds more than either, and needs to know the language of neither the text nor the question.
"""
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# ^ snowballstemmer has no type information.

from collections.abc import Callable
from functools import cache, lru_cache
from typing import cast

FIRST_LETTERS = 5
BEGINNING = "ǂ"
"""Stands before the first letters of a word: a letter, so that no analyser takes it away, and in no one's texts."""
_REMEMBERED = 100_000
_LATIN_END = 0x250
_STEMMERS = ((range(0x370, 0x400), "greek"), (range(0x400, 0x530), "russian"), (range(0x600, 0x780), "arabic"))


def is_latin(word: str) -> bool:
    """Tell whether a folded word is written in Latin letters or digits."""
    return ord(word[0]) < _LATIN_END


def beginning(word: str) -> str | None:
    """Return the first letters of a long word; None of a short one, and of a name with digits: that is exact."""
    if len(word) <= FIRST_LETTERS or not word.isalpha():
        return None
    return BEGINNING + word[:FIRST_LETTERS]


@lru_cache(_REMEMBERED)
def stem(word: str) -> str:
    """Return the stem of a folded word in lower case, by its script: English, Russian, Greek, Arabic; else itself."""
    code = ord(word[0])
    if code < _LATIN_END:
        return _stemmer("english")(word)
    language = next((name for letters, name in _STEMMERS if code in letters), None)
    return _stemmer(language)(word) if language else word


@cache
def _stemmer(language: str) -> Callable[[str], str]:
    import snowballstemmer

    return cast("Callable[[str], str]", snowballstemmer.stemmer(language).stemWord)

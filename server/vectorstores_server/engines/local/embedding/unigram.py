"""The tokenizer of multilingual models: 250,000 pieces of words, of which the most likely ones make up a text.

The same ids as the library `tokenizers` gives, which takes 265 MB for these pieces; a dictionary takes 49. It is ten
times slower, which is a twentieth of the time that the model takes for the text. What a word is made of is remembered.
"""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WORDS_REMEMBERED = 20_000
LONGEST_REMEMBERED = 40
"""Characters: longer runs are those of scripts without spaces, which hardly come twice."""
BEGIN, END, UNKNOWN = 0, 2, 3
_WORD_BEGINS = "\u2581"
_UNLIKELIER = 10.0
"""The logarithm by which a character that no piece has is less likely than any piece."""
_LOST = -1e30

_SPACES = dict.fromkeys([0x1680, *range(0x200B, 0x2010), 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD], " ")
_GONE = dict.fromkeys([*range(0x01, 0x09), 0x0B, *range(0x0E, 0x20), 0x7F, 0x8F, 0x9F], "")
_CLEANED = str.maketrans(_SPACES | _GONE | {0xFF5E: "\ue000"})
"""Characters that the pieces were learned without. Of others their folding leaves only the wide tilde as it is."""


class Pieces(NamedTuple):
    """The pieces in the order of their ids, and the logarithm of how likely each is."""

    texts: Sequence[str]
    scores: "NDArray[np.float32]"


class Unigram:
    """Turns texts into ids. Calls may come from several threads."""

    def __init__(self, pieces: Pieces) -> None:
        self._ids = {text: number for number, text in enumerate(pieces.texts)}
        self._scores: list[float] = pieces.scores.tolist()
        self._longest = max(map(len, pieces.texts))
        self._unlikely = min(self._scores) - _UNLIKELIER
        self._remembered = lru_cache(WORDS_REMEMBERED)(self._cut)

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, without those that begin and end what the model reads."""
        found: list[int] = []
        for word in folded(text).split():
            found += self._remembered(word) if len(word) <= LONGEST_REMEMBERED else self._cut(word)
        return found

    def _cut(self, word: str) -> tuple[int, ...]:
        """Return the ids of the most likely pieces of a word (Viterbi)."""
        word = _WORD_BEGINS + word
        length = len(word)
        best = [0.0] + [_LOST] * length
        before, ids = [0] * (length + 1), [UNKNOWN] * (length + 1)
        for start in range(length):
            here = best[start]
            for end in range(start + 1, min(length, start + self._longest) + 1):
                number = self._ids.get(word[start:end])
                if number is not None and (score := here + self._scores[number]) > best[end]:
                    best[end], before[end], ids[end] = score, start, number
            if here + self._unlikely > best[start + 1]:
                best[start + 1], before[start + 1], ids[start + 1] = here + self._unlikely, start, UNKNOWN
        return _way_back(before, ids)


def folded(text: str) -> str:
    """Return a text as the pieces were learned: compatibility forms folded, what is invisible gone."""
    return unicodedata.normalize("NFKC", text.translate(_CLEANED)).replace("\ue000", "\uff5e")


def _way_back(before: Sequence[int], ids: Sequence[int]) -> tuple[int, ...]:
    """Return the ids along the best way; unknown characters beside each other are one."""
    found: list[int] = []
    at = len(ids) - 1
    while at:
        if not (ids[at] == UNKNOWN and found and found[-1] == UNKNOWN):
            found.append(ids[at])
        at = before[at]
    return tuple(reversed(found))

"""Traits of an embedder: they decide the share that its vectors have in a score."""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from vectorstores_server.engines.local.embedding.models import Background

LEAST_READ = 0.5
"""The least share of a text's letters that an embedder reads; below it the vector says nothing of the text."""


@dataclass(frozen=True, slots=True)
class Traits:
    """The meaning of an embedder's cosines, and the texts that it can read.

    `background` None: not known, taken for MiniLM's. `scripts` are the first words of Unicode's names, parted by
    spaces; empty: any.
    """

    background: Background | None = None
    scripts: str = ""
    multilingual: bool = False

    def reads(self, text: str) -> float:
        """Return the share of the letters of a text that it reads; 1 of a text without letters."""
        known = frozenset(self.scripts.split())
        letters = [script_of(character) for character in text if character.isalpha()]
        if not known or not letters:
            return 1.0
        return sum(script in known for script in letters) / len(letters)

    def can_read(self, text: str) -> bool:
        """Tell whether it reads enough of a text for its vector to say anything."""
        return self.reads(text) >= LEAST_READ


UNKNOWN = Traits()
"""The traits of an embedder of which nothing is known: its cosines are taken as they are."""


@lru_cache(4_096)
def script_of(letter: str) -> str:
    """Return the script of a letter, as the first word of its name: LATIN, CYRILLIC, CJK, HANGUL."""
    return unicodedata.name(unicodedata.normalize("NFKC", letter)[0], "UNKNOWN").split()[0]

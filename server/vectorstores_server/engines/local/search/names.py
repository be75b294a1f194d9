"""Names in a question: words that a model of meaning cannot know, such as codes, numbers and identifiers.

Where only a few passages hold one, those who ask mean them; what other passages mean says nothing against that.
"""

import re

from vectorstores_server.engines.local.embedding.tokenizer import TokenCounter
from vectorstores_server.engines.local.words.stems import is_latin, stem
from vectorstores_server.engines.local.words.terms import terms

MOST_NAMES = 4
"""Names of a question that are looked up, each by a query of a millisecond."""
_NUMBER = re.compile(r"\d{4,}")
_MIXED = re.compile(r"(?=.*\d)(?=.*[^\W\d_]).{3,}|.*\w[_.]\w.*", re.DOTALL)
_PIECES = 3
"""Parts in which the bundled model reads a word that it does not know."""
_LONG = 6


def names_in(question: str) -> tuple[str, ...]:
    """Return the names of a question, as the index has them; the first MOST_NAMES."""
    found = (term for term in terms(question) if term.kind == "word")
    return tuple(dict.fromkeys(stem(term.text) for term in found if _is_name(term.text)))[:MOST_NAMES]


def _is_name(word: str) -> bool:
    if _NUMBER.fullmatch(word) or _MIXED.fullmatch(word):
        return True
    return len(word) >= _LONG and word.isalpha() and is_latin(word) and TokenCounter().count(word) >= _PIECES

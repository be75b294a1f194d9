"""The place in a passage that a citation names: where most of the query's words stand together."""

import re
from collections.abc import Iterable

from vectorstores_server.engines.local.index.stopwords import ENGLISH

WORD = re.compile(r"\w{3,}")
STEM = 5
"""Words that share so many first letters are taken for forms of one word."""
NEAR = 240
"""Characters that are looked at together: about two sentences."""


def anchor(text: str, start: int, end: int, queries: Iterable[str]) -> int:
    """Return an offset in [start, end): of the first of the words that stand nearest together, else the middle.

    A passage of a short file may hold three pages; its start says nothing of where the answer is.
    """
    words = (word for query in queries for word in WORD.findall(query))
    wanted = {_stem(word) for word in words if word.casefold() not in ENGLISH}
    found = [(m.start(), stem) for m in WORD.finditer(text, start, end) if (stem := _stem(m.group())) in wanted]
    best, place = 0, (start + end) // 2
    for number, (first, _) in enumerate(found):
        distinct = len({stem for at, stem in found[number:] if at < first + NEAR})
        if distinct > best:
            best, place = distinct, first
    return place


def _stem(word: str) -> str:
    return word.casefold()[:STEM]

"""The place in a passage that a citation names: where most of the query's words stand together."""

import re
from collections.abc import Iterable

from vectorstores_server.engines.local.words.stopwords import ENGLISH

WORD = re.compile(r"\w{3,}")
STEM = 5
"""Words that share so many first letters are taken for forms of one word."""
NEAR = 240
"""Characters that are looked at together: about two sentences."""
NOTHING = re.compile(r"(?!)")


def words_of(queries: Iterable[str]) -> re.Pattern[str]:
    """Return what finds the forms of the queries' words."""
    words = {word.casefold() for query in queries for word in WORD.findall(query)}
    stems = {word[:STEM] if len(word) >= STEM else rf"{word}\b" for word in words - set(ENGLISH)}
    return re.compile(rf"\b({'|'.join(sorted(stems))})", re.IGNORECASE) if stems else NOTHING


def anchor(text: str, start: int, end: int, words: re.Pattern[str]) -> int:
    """Return an offset in [start, end): of the first of the words that stand nearest together, else the middle.

    A passage of a short file may hold three pages; its start says nothing of where the answer is.
    """
    found = [(match.start(), match[0].casefold()) for match in words.finditer(text, start, end)]
    best, place = 0, (start + end) // 2
    for number, (first, _) in enumerate(found):
        distinct = len({word for at, word in found[number:] if at < first + NEAR})
        if distinct > best:
            best, place = distinct, first
    return place

"""Places of a question's words in a text, by the terms that the index goes by, in every script."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from vectorstores_server.engines.local.words.analysis import pieces
from vectorstores_server.engines.local.words.folding import fold
from vectorstores_server.engines.local.words.stems import beginning, stem
from vectorstores_server.engines.local.words.terms import Term, terms, terms_of_folded

_SEGMENT = re.compile(r"\S+")
_RUN_PIECES = 3
"""Characters of a run of Thai or Khmer that are compared: its words are not told apart here."""


class Place(NamedTuple):
    """A form of a question's word, and the offset in the text at which one of its forms stands."""

    word: int
    offset: int


class QuestionWords:
    """The words of questions, each by the forms in which a text may have it."""

    def __init__(self, questions: Iterable[str]) -> None:
        self._forms: dict[str, int] = {}
        self._words: dict[int, str] = {}
        number = 0
        for question in questions:
            for term in terms(question):
                for forms in _alternatives(term):
                    number += 1
                    self._words[number] = term.text
                    for form in forms:
                        self._forms.setdefault(form, number)

    @property
    def all(self) -> list[str]:
        """The words as they were asked for, folded, in order."""
        return list(dict.fromkeys(self._words.values()))

    def found(self, text: str, start: int, end: int) -> list[str]:
        """Return those of which any form stands in [start, end) of `text`."""
        found = {self._words[place.word] for place in self.places(text, start, end)}
        return [word for word in self.all if word in found]

    def places(self, text: str, start: int, end: int) -> list[Place]:
        """Return the places of these words in [start, end) of `text`, in order."""
        if not self._forms:
            return []
        found: list[Place] = []
        for term, offset in _placed(text[start:end]):
            for at, forms in enumerate(_alternatives(term)):
                known = next((self._forms[form] for form in forms if form in self._forms), None)
                if known is not None:
                    found.append(Place(known, start + offset + (at if term.kind != "word" else 0)))
        return sorted(found, key=lambda place: place.offset)


def _alternatives(term: Term) -> list[tuple[str, ...]]:
    """Return the parts of a term that are compared by themselves, each by its forms."""
    if term.kind == "word":
        first = beginning(term.text)
        return [(stem(term.text), first) if first else (stem(term.text),)]
    return [(piece,) for piece in pieces(term.text, _RUN_PIECES if term.kind == "unspaced" else 2)]


def _placed(text: str) -> Iterator[tuple[Term, int]]:
    """Yield the terms of a text with the offsets at which they stand in it as it is."""
    folded = fold(text)
    if len(folded) == len(text):
        for term in terms_of_folded(folded):
            yield term, term.start
        return
    for segment in _SEGMENT.finditer(text):
        last = len(segment[0]) - 1
        for term in terms(segment[0]):
            yield term, segment.start() + min(term.start, last)

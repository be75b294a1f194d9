"""Texts and questions as the text index takes them: terms, their stems, and pieces of text without spaces."""

from collections.abc import Sequence
from typing import NamedTuple

from vectorstores_server.engines.local.words.folding import fold
from vectorstores_server.engines.local.words.languages import is_inflected
from vectorstores_server.engines.local.words.stems import beginning, is_latin, stem
from vectorstores_server.engines.local.words.terms import Term, terms, terms_of_folded

_PAIR = 2
_JUDGED = 4_000
"""Characters at the beginning of a document by which its language is judged."""


class AskedWords(NamedTuple):
    """A question: `text` is what the index is asked, `counted` the part of it whose tokens measure its length."""

    text: str
    counted: str


def indexed_words(texts: Sequence[str], *, inflected: bool) -> str:
    """Return the text index's text of a passage, the last of `texts`, and of the parts before it.

    `inflected` says whether its document is in another language than English; a long passage is judged by itself.
    """
    folded = [fold(text) for text in texts]
    found = [term for text in folded for term in terms_of_folded(text)]
    inflected = is_inflected(folded[-1], texts[-1], otherwise=inflected)
    return " ".join(form for term in found for form in _forms(term, inflected=inflected))


def asked_words(question: str) -> AskedWords:
    """Return a question: each of its words in the form of an English text, and in that of any other.

    The first letters of words in Latin script are not counted: no English text has them.
    """
    found = list(terms(question))
    counted = " ".join(form for term in found for form in _forms(term, inflected=False))
    others = [
        first for term in found if term.kind == "word" and is_latin(term.text) and (first := beginning(term.text))
    ]
    return AskedWords(" ".join([counted, *others]) if counted else "", counted)


def is_inflected_text(text: str) -> bool:
    """Tell whether a document is in another language than English, written in Latin letters."""
    text = text[:_JUDGED]
    return is_inflected(fold(text), text, otherwise=False)


def pieces(run: str, length: int = _PAIR) -> list[str]:
    """Return the overlapping pieces of a run, or all of it where it is shorter."""
    return [run[at : at + length] for at in range(len(run) - length + 1)] or [run]


def _forms(term: Term, *, inflected: bool) -> list[str]:
    if term.kind == "word":
        first = beginning(term.text) if inflected or not is_latin(term.text) else None
        return [stem(term.text), first] if first else [stem(term.text)]
    if term.kind == "hangul":
        pairs = pieces(term.text)
        return [pairs[0], *pairs] if len(pairs) > 1 else pairs
    if term.kind == "han":
        return [term.text, *(pieces(term.text) if len(term.text) > _PAIR else [])]
    return [term.text]

"""The share of a score that an embedder's vectors have: little or none where it cannot read the question.

Measured in docs/design.md. With a model that knows English only, Japanese and Chinese texts are found better by their
words alone, because its vectors of them are noise; German ones too, though it knows something of German: there it is
asked where words fail, because the texts are in another language than the question. A multilingual model has all of
the score there, and its measured share where the words are known.
"""

from collections.abc import Sequence

from vectorstores_server.engines.local.embedding.traits import Traits
from vectorstores_server.engines.local.index import CosineScale, Weights
from vectorstores_server.engines.local.words.analysis import pieces
from vectorstores_server.engines.local.words.languages import is_of_another_language
from vectorstores_server.engines.local.words.stems import beginning, stem
from vectorstores_server.engines.local.words.terms import Term, terms

MOST_WORDS = 24
"""Words of a question that the index is asked for, each by a query of its own."""
_ALL = 0.999


def scale_of(traits: Traits) -> CosineScale:
    """Return the scale of an embedder's cosines."""
    background = traits.background
    if background is None:
        return CosineScale(soft=traits.multilingual)
    return CosineScale(background.mean, background.sd, traits.multilingual)


def shares(traits: Traits, question: str) -> Weights:
    """Return the shares of meaning and wording for a question: meaning counts as far as the question is read."""
    measured, read, scale = Weights(), traits.reads(question), scale_of(traits)
    if not traits.can_read(question):
        return Weights(0.0, 1.0, scale)
    if traits.multilingual and read > _ALL:
        return Weights(measured.vector, measured.text, scale, vector_unknown=1.0)
    vector = measured.vector * read
    if _is_half_read(traits, question):
        return Weights(0.0, 1.0, scale, vector_unknown=vector)
    return Weights(vector, 1 - vector, scale)


def words_to_know(weights: Weights, question: str) -> list[str]:
    """Return the words of a question, each by its forms, where the shares follow how many of them the index knows."""
    if weights.vector_unknown is None:
        return []
    found = [forms for term in terms(question) if not term.part for forms in _forms(term)]
    return list(dict.fromkeys(found))[:MOST_WORDS]


def _is_half_read(traits: Traits, question: str) -> bool:
    """Tell whether a model that states its scripts and knows English alone gets a question of another language."""
    return bool(traits.scripts) and not traits.multilingual and is_of_another_language(question)


def _forms(term: Term) -> Sequence[str]:
    """Return the words of a term, each by its forms: of a run without spaces its pairs."""
    if term.kind == "word":
        first = beginning(term.text)
        return [f"{stem(term.text)} {first}" if first else stem(term.text)]
    if term.kind == "hangul":
        return [" ".join(pieces(term.text))]
    return pieces(term.text) if term.kind == "han" else [term.text]

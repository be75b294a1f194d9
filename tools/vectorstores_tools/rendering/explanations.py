"""The explanation of a hit's score: its two halves, its cosine, the words of the question that it holds (pure)."""

from typing import Any

from vectorstores_tools.contract.characters import line
from vectorstores_tools.contract.models import SearchHit

MOST_WORDS = 12
"""The most words of each kind, found and missing, that are named."""
LONGEST = 40


def explained(hit: SearchHit) -> dict[str, Any]:
    """Return the facts as an object has them; None for what the engine does not know."""
    return {
        "vector_score": _rounded(hit.vector_score),
        "text_score": _rounded(hit.text_score),
        "vector_weight": _rounded(hit.vector_weight),
        "cosine": _rounded(hit.cosine),
        "words_found": _named(hit.words_found),
        "words_missing": _named(hit.words_missing),
    }


def explanation(hit: SearchHit) -> str:
    """Return the same as a part of a line."""
    parts = [f"{name} {value:.3f}" for name, value in _numbers(hit) if value is not None]
    for name, words in (("found", _named(hit.words_found)), ("missing", _named(hit.words_missing))):
        if words:
            parts.append(f"{name} {' '.join(words)}")
    return ", ".join(parts)


def _numbers(hit: SearchHit) -> list[tuple[str, float | None]]:
    return [
        ("vector", hit.vector_score),
        ("text", hit.text_score),
        ("weight of vector", hit.vector_weight),
        ("cosine", hit.cosine),
    ]


def _named(words: list[str] | None) -> list[str] | None:
    return None if words is None else [line(word, LONGEST) for word in words[:MOST_WORDS]]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)

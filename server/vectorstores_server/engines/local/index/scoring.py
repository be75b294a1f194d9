"""The score of a passage: its cosine and its BM25 score, brought to one number in 0..1 that means the same everywhere.

score = .45 max(c, 0) + .55 S / (S + 3.3 n r): c is the calibrated cosine, S LanceDB's BM25 score, n the tokens of the
query without stop words, r the largest idf that the table's rows can give against that of 1,000 rows. Measured on four
collections it beats reciprocal rank fusion by .01 nDCG@10, and .3 tells on-topic from off-topic questions (AUC .986).

The cosines of unrelated texts lie about .014 with MiniLM and about .756 with multilingual-e5: so those of any embedder
are moved and stretched until their background is MiniLM's. Of a multilingual one what lies below it counts by a soft
floor instead of nothing, and wording by the share of the question's words that the table knows at all.
"""

import math
from typing import TYPE_CHECKING, TypeVar

from vectorstores_server.engines.local.index.records import CosineScale, Weights

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

SATURATION = 3.3
IDF_OF_1000_ROWS = 6.5
Cosine = TypeVar("Cosine", float, "NDArray[float64]")

REFERENCE = CosineScale()
SOFTNESS = 0.08
"""The width of the soft floor: c is then .08 ln(1 + e^(c / .08)), .055 where c is 0 and the same as c above .3."""


def rarity(rows: int) -> float:
    """Return r: how rare a word can be among `rows` passages, 1 from 1,000 on.

    Without it a perfect match in a store of one document scores .12, and a threshold refuses good answers there.
    """
    return min(1.0, math.log(1 + (max(rows, 1) - 0.5) / 1.5) / IDF_OF_1000_ROWS)


def half_point(n_tokens: int, rows: int) -> float:
    """Return the BM25 score that counts half; 0 for a query of stop words."""
    return SATURATION * n_tokens * rarity(rows)


def text_share(text_score: float, n_tokens: int, rows: int) -> float:
    """Return the wording half in 0..1; 0 for a query of stop words."""
    if n_tokens == 0 or text_score <= 0:
        return 0.0
    return text_score / (text_score + half_point(n_tokens, rows))


def calibrated(cosine: Cosine, scale: CosineScale) -> Cosine:
    """Return the cosine, or cosines, that MiniLM would have for texts as far from the background."""
    if scale.mean == REFERENCE.mean and scale.sd == REFERENCE.sd:
        return cosine
    return REFERENCE.mean + REFERENCE.sd * (cosine - scale.mean) / scale.sd


def meaning(cosine: float, scale: CosineScale) -> float:
    """Return the meaning half in 0..1; it never falls while the cosine grows."""
    found = calibrated(cosine, scale)
    if scale.soft and found < 1:
        found = SOFTNESS * math.log1p(math.exp(found / SOFTNESS))
    return min(max(found, 0.0), 1.0)


def gated(weights: Weights, known: float) -> Weights:
    """Return the weights where the table knows this share of the question's words."""
    if weights.vector_unknown is None:
        return weights
    vector = weights.vector * known + weights.vector_unknown * (1 - known)
    return Weights(vector, 1 - vector, weights.scale)


def score(cosine: float | None, text_score: float, n_tokens: int, rows: int, weights: Weights | None = None) -> float:
    """Return the score of a passage in 0..1; without a cosine, BM25 alone."""
    wording = text_share(text_score, n_tokens, rows)
    if cosine is None:
        return wording
    weights = weights or Weights()
    return weights.vector * meaning(cosine, weights.scale) + weights.text * wording

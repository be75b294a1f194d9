"""The score of a passage: its cosine and its BM25 score, brought to one number in 0..1 that means the same everywhere.

score = .45 max(cos, 0) + .55 S / (S + 3.3 n r): S is LanceDB's BM25 score, n the tokens of the query without stop
words, r the largest idf that the table's rows can give against that of 1,000 rows. Measured on four collections it
beats reciprocal rank fusion by .01 nDCG@10, and .3 tells on-topic from off-topic questions (AUC .986).
"""

import math

from vectorstores_server.engines.local.index.records import Weights

SATURATION = 3.3
IDF_OF_1000_ROWS = 6.5
MEASURED = Weights()


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


def score(cosine: float | None, text_score: float, n_tokens: int, rows: int, weights: Weights = MEASURED) -> float:
    """Return the score of a passage in 0..1; without a cosine, BM25 alone."""
    wording = text_share(text_score, n_tokens, rows)
    if cosine is None:
        return wording
    return weights.vector * min(max(cosine, 0.0), 1.0) + weights.text * wording

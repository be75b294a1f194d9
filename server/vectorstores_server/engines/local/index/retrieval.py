"""Find the passages that may answer: by vector and by text side by side, then the exact cosine of those that count.

The two queries give row ids and scores only. Reading a vector costs 10 us, so reading those of 400 rows costs more than
both queries. The codes of the vector index give the cosines of the nearest thousand almost for nothing and to within
.02: enough to see which rows can be among the best, and only of these are place and vector read.
"""

import math
from asyncio import gather
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy import float32, float64
from numpy.typing import NDArray

from vectorstores_server.engines.local.index.errors import WrongDimensions
from vectorstores_server.engines.local.index.lance import Table
from vectorstores_server.engines.local.index.records import (
    Candidate,
    CandidateQuery,
    Candidates,
    CosineScale,
    Weights,
)
from vectorstores_server.engines.local.index.scoring import SOFTNESS, calibrated, gated, half_point

WIDE = 1_000
FEW = 3
"""The most passages that may hold a name for it to tell which of them the question is about."""
CODE_ERROR = 0.44  # over the root of the dimensions: four standard deviations of a cosine by 4-bit codes

Floats = NDArray[float64]


class NearestRows(NamedTuple):
    """Cosines by row id, falling, and by how much they may be wrong; `complete` when no other row matches."""

    cosines: dict[int, float]
    error: float
    complete: bool


class CosineBounds(NamedTuple):
    """Candidates by row id, with the bounds of their BM25 scores and of their cosines."""

    ids: list[int]
    texts: Floats
    most_texts: Floats
    low: Floats
    high: Floats


async def find(table: Table, query: CandidateQuery) -> Candidates:
    """Search one version of a table; its text alone where it has no vectors."""
    where = query.revs.sql() if query.revs else None
    vector = query.vector if table.dimensions is not None else None
    if vector is not None and len(vector) != table.dimensions:
        raise WrongDimensions(table.name, table.dimensions, len(vector))
    coded = await table.coded() if vector is not None else None
    near, texts, named, n_tokens, n_rows, known = await gather(
        _near(table, vector, query.vector_k, where, coded=coded),
        _matching(table, query.text, query.text_k, where),
        _named(table, query.names, where),
        _tokens(table, query.text if query.counted is None else query.counted),
        table.count(),
        _known(table, query.words if vector is not None else ()),
    )
    weights = query.weights if known is None else gated(query.weights, known)
    texts = named | texts
    bounds = _bounds(near, texts, query if await table.covered() else replace(query, text_k=len(texts) + 1))
    chosen = _possible(bounds, query.best, weights, half_point(n_tokens, n_rows), by_vector=vector is not None)
    ids = list(dict.fromkeys([*(bounds.ids[at] for at in chosen), *named]))
    texts = texts | await _scored(table, query, [row for row in ids if row not in texts], texts)
    rows = await _read(table, ids, texts, near, vector, named)
    complete = near.complete and len(texts) < query.text_k and len(rows) == len(bounds.ids)
    return Candidates(rows, n_tokens, n_rows, complete, weights)


async def _near(
    table: Table, vector: NDArray[float32] | None, k: int, where: str | None, *, coded: bool | None
) -> NearestRows:
    """Return how many to ask for: many where that costs nothing, few where LanceDB reads the vector of each."""
    if vector is None:
        return NearestRows({}, 0.0, complete=True)
    wide = k if coded is None else max(k, WIDE)
    ids, distances = await table.near(vector, wide, where)
    cosines = 1 - distances / (2 if coded else 1)  # codes give the squared distance of unit vectors: 2 (1 - cos)
    error = CODE_ERROR / math.sqrt(len(vector)) if coded else 0.0
    return NearestRows(dict(zip(ids, cosines.tolist(), strict=True)), error, len(ids) < wide)


async def _matching(table: Table, text: str, k: int, where: str | None) -> dict[int, float]:
    """Return BM25 scores by row id, falling."""
    return await table.matching(text, k, where) if text.strip() else {}


async def _scored(
    table: Table, query: CandidateQuery, rows: Sequence[int], texts: dict[int, float]
) -> dict[int, float]:
    """Return the BM25 scores of rows that only the vector found, where the text matches more than it was asked for."""
    if not rows or len(texts) < query.text_k or not await table.covered():
        return {}
    return await table.matching(query.text, len(rows), f"_rowid IN ({','.join(map(str, rows))})")


async def _named(table: Table, names: Sequence[str], where: str | None) -> dict[int, float]:
    """Return the rows of names that only a few rows have."""
    answers = await gather(*(table.matching(name, FEW + 1, where) for name in names))
    return {row: score for answer in answers if len(answer) <= FEW for row, score in answer.items()}


async def _known(table: Table, words: Sequence[str]) -> float | None:
    """Return the share of the words that the table knows in one of their forms; None where none are given."""
    if not words:
        return None
    answers = await gather(*(table.matching(forms, 1, None) for forms in words))
    return sum(bool(answer) for answer in answers) / len(words)


async def _tokens(table: Table, text: str) -> int:
    return await table.tokens(text) if text.strip() else 0


def _bounds(near: NearestRows, texts: dict[int, float], query: CandidateQuery) -> CosineBounds:
    """Join the first of both sides. A row that is not among those of a side is at most as good as the last of them."""
    ids = list(dict.fromkeys([*list(near.cosines)[: query.vector_k], *texts]))
    last = min(texts.values()) if len(texts) >= query.text_k else 0.0
    farthest = min(near.cosines.values(), default=-1.0)
    low = np.array([near.cosines.get(row, -1.0) for row in ids]) - near.error
    high = np.array([near.cosines.get(row, farthest) for row in ids]) + near.error
    scores = np.array([texts.get(row, 0.0) for row in ids])
    return CosineBounds(ids, scores, np.array([texts.get(row, last) for row in ids]), low, high)


def _possible(bounds: CosineBounds, best: int, weights: Weights, half: float, *, by_vector: bool) -> list[int]:
    """Return the positions of the candidates that can be among the best."""
    if len(bounds.ids) <= best:
        return list(range(len(bounds.ids)))
    least, most = (
        scores / (scores + half) if half else np.zeros(len(bounds.ids)) for scores in (bounds.texts, bounds.most_texts)
    )
    share = weights.vector if by_vector else 0.0
    low = share * meanings(bounds.low, weights.scale) + weights.text * least
    high = share * meanings(bounds.high, weights.scale) + weights.text * most
    floor = np.partition(low, -best)[-best]
    return np.flatnonzero(high >= floor).tolist()


def meanings(cosines: Floats, scale: CosineScale) -> Floats:
    """Return `meaning` of many. As it never falls, bounds of cosines give bounds of these.

    The width that codes leave open is then as many times larger as the scale stretches cosines.
    """
    found = calibrated(cosines, scale)
    if scale.soft:
        found = np.where(found < 1, SOFTNESS * np.log1p(np.exp(np.minimum(found, 1) / SOFTNESS)), found)
    return np.clip(found, 0.0, 1.0)


async def _read(
    table: Table,
    ids: list[int],
    texts: dict[int, float],
    near: NearestRows,
    vector: NDArray[float32] | None,
    named: Collection[int],
) -> list[Candidate]:
    """Read rows, and their vectors unless all cosines are known exactly."""
    if not ids:
        return []
    exact = vector is None or (near.error == 0 and all(row in near.cosines for row in ids))
    taken = await table.take(ids, vectors=not exact)
    if vector is not None and taken.vectors is not None:
        cosines: list[float] | list[float | None] = _cosines(taken.vectors, vector)
    else:
        cosines = [near.cosines.get(row) for row in taken.ids]
    scores = [texts.get(row, 0.0) for row in taken.ids]
    return [
        Candidate(*place, *both, named=row in named)
        for row, place, *both in zip(taken.ids, taken.places, cosines, scores, strict=True)
    ]


def _cosines(vectors: NDArray[float32], vector: NDArray[float32]) -> list[float]:
    """Return cos(row, vector); 0 where one of them has no direction."""
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(vector)
    return ((vectors @ vector) / np.where(lengths == 0, 1, lengths)).tolist()

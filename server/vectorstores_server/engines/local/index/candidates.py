"""Find the passages that may answer: by vector and by text side by side, then the exact cosine of those that count.

The two queries give row ids only. Reading a vector is the dear part (10 us each: 300 cost more than both queries), and
most rows that the text alone found cannot come near the top: a row that is not among the nearest has at most the cosine
of the farthest of those (and what the 4-bit codes err), so its score has a ceiling, and its vector is read only if the
ceiling reaches the best.
"""

from asyncio import gather
from collections.abc import Mapping, Sequence

import numpy as np
from numpy import float32
from numpy.typing import NDArray

from vectorstores_server.engines.local.index.arrow import PLACE
from vectorstores_server.engines.local.index.errors import WrongDimensions
from vectorstores_server.engines.local.index.lance import Table
from vectorstores_server.engines.local.index.records import Candidate, CandidateQuery, Candidates
from vectorstores_server.engines.local.ranking import score

READ_AT_ONCE = 50  # rows by text alone whose vectors are read with those of the nearest
ERROR = 0.03  # of a cosine by the codes of the vector index, which choose the nearest


async def find(table: Table, query: CandidateQuery) -> Candidates:
    """Search one version of a table; its text alone where it has no vectors."""
    where = query.revs.sql() if query.revs else None
    vector = query.vector if table.dimensions is not None else None
    if vector is not None and len(vector) != table.dimensions:
        raise WrongDimensions(table.name, table.dimensions, len(vector))
    near, text_scores, n_tokens, n_rows = await gather(
        _near(table, vector, query.vector_k, where),
        _matching(table, query.text, query.text_k, where),
        _tokens(table, query.text),
        table.count(),
    )
    by_text = [row for row in text_scores if row not in near]
    at_once = len(by_text) if vector is None else READ_AT_ONCE
    found = await _read(table, [*near, *by_text[:at_once]], text_scores, vector)
    answer = Candidates(list(found.values()), n_tokens, n_rows)
    farthest = min((found[row].cosine or 0.0 for row in near), default=1.0) + ERROR
    waiting = {row: text_scores[row] for row in by_text[at_once:]}
    possible = _possible(answer, waiting, farthest, query)
    answer.rows.extend((await _read(table, possible, text_scores, vector)).values())
    return answer


async def _near(table: Table, vector: NDArray[float32] | None, k: int, where: str | None) -> dict[int, None]:
    """Return the ids of the nearest rows, in order and quick to look up."""
    return {} if vector is None else dict.fromkeys(await table.near(vector, k, where))


async def _matching(table: Table, text: str, k: int, where: str | None) -> dict[int, float]:
    """Return BM25 scores by row id, falling."""
    return await table.matching(text, k, where) if text.strip() else {}


async def _tokens(table: Table, text: str) -> int:
    return await table.tokens(text) if text.strip() else 0


async def _read(
    table: Table, ids: Sequence[int], text_scores: Mapping[int, float], vector: NDArray[float32] | None
) -> dict[int, Candidate]:
    """Return candidates by row id, with exact cosines where there is a vector to compare with."""
    if not ids:
        return {}
    place, vectors = await table.take(ids, vectors=vector is not None)
    rows = place["_rowid"]
    cosines = [None] * len(rows) if vector is None or vectors is None else _cosines(vectors, vector)
    scores = [text_scores.get(row, 0.0) for row in rows]
    columns = zip(*(place[name] for name in PLACE), cosines, scores, strict=True)
    return dict(zip(rows, map(Candidate._make, columns), strict=True))


def _cosines(vectors: NDArray[float32], vector: NDArray[float32]) -> list[float]:
    """Return cos(row, vector); 0 where one of them has no direction."""
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(vector)
    return ((vectors @ vector) / np.where(lengths == 0, 1, lengths)).tolist()


def _possible(answer: Candidates, waiting: Mapping[int, float], farthest: float, query: CandidateQuery) -> list[int]:
    """Name the rows that can still be among the best, none of which has a cosine above `farthest`."""

    def scored(cosine: float | None, text_score: float) -> float:
        return score(cosine, text_score, answer.n_tokens, answer.n_rows, query.weights)

    best = sorted((scored(row.cosine, row.text_score) for row in answer.rows), reverse=True)[: query.best]
    floor = best[-1] if len(best) == query.best else 0.0
    return [row for row, text_score in waiting.items() if scored(farthest, text_score) >= floor]

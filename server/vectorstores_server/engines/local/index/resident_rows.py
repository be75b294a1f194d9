"""One small table in memory: places, vectors and words of its rows, and the passages that may answer a question.

A revision's rows never change and are never used again, so that the rows of other revisions alone are read when the
table has changed. Nothing of it is changed in place: a search goes on with what it began with.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy import float32, float64, int64
from numpy.typing import NDArray

from vectorstores_server.engines.local.index.postings import Postings, PostingsBuilder
from vectorstores_server.engines.local.index.records import Candidate, CandidateQuery, Candidates, RevFilter, Weights
from vectorstores_server.engines.local.index.retrieval import FEW, meanings
from vectorstores_server.engines.local.index.scoring import gated, half_point

MOST_DEAD = 0.2
"""The share of rows that may be dead before the others are written again."""


@dataclass(frozen=True, slots=True)
class QuestionTokens:
    """The tokens of a question, how many of them count for its length, those of each of its names and of its words."""

    text: Sequence[str]
    counted: int
    names: Sequence[Sequence[str]] = ()
    words: Sequence[Sequence[str]] = ()


@dataclass(frozen=True, slots=True)
class ResidentRows:
    """The rows of one version of a table. `alive` is None where all are; `revs` counts the live ones by revision."""

    places: NDArray[int64]
    vectors: NDArray[float32] | None
    postings: Postings
    alive: NDArray[np.bool_] | None
    revs: Mapping[int, int]

    @classmethod
    def empty(cls, dimensions: int | None) -> "ResidentRows":
        """Return a table without rows."""
        vectors = None if dimensions is None else np.zeros((0, dimensions), float32)
        return cls(np.zeros((0, 6), int64), vectors, Postings.empty(), None, {})

    @property
    def nbytes(self) -> int:
        """About the memory that it takes."""
        return self.places.nbytes + self.postings.nbytes + (0 if self.vectors is None else self.vectors.nbytes)

    @property
    def dead(self) -> float:
        """The share of rows that are dead."""
        return 0.0 if self.alive is None or not len(self.alive) else 1 - float(self.alive.mean())

    def without(self, revs: Collection[int]) -> "ResidentRows":
        """Return it without the rows of revisions."""
        gone = np.isin(self.places[:, 0], list(revs))
        alive = ~gone if self.alive is None else self.alive & ~gone
        kept = {rev: count for rev, count in self.revs.items() if rev not in revs}
        return ResidentRows(self.places, self.vectors, self.postings, alive, kept)

    def find(self, query: CandidateQuery, tokens: QuestionTokens) -> Candidates:
        """Return the passages that may answer: the nearest, those that match best, and those that hold a name."""
        open_ = self._open(query.revs)
        cosines = self._cosines(query)
        texts = self.postings.scores(tokens.text, self.alive)
        near = _first(cosines, query.vector_k, open_) if cosines is not None else np.zeros(0, int64)
        worded = _first(texts, query.text_k, open_ & (texts > 0))
        named = self._named(tokens.names, open_)
        rows = np.union1d(near, worded)
        n_rows = sum(self.revs.values())
        weights = query.weights
        if cosines is not None and tokens.words:
            weights = gated(weights, sum(map(self._knows, tokens.words)) / len(tokens.words))
        half = half_point(tokens.counted, n_rows)
        chosen = np.union1d(_best(rows, cosines, texts, query.best, weights, half), list(named)).astype(int64)
        complete = (
            (cosines is None or len(near) < query.vector_k)
            and len(worded) < query.text_k
            and len(chosen) == len(np.union1d(rows, list(named)))
        )
        return Candidates(self._candidates(chosen, cosines, texts, named), tokens.counted, n_rows, complete, weights)

    def _open(self, revs: RevFilter | None) -> NDArray[np.bool_]:
        """Return which rows the question may see."""
        seen = np.ones(len(self.places), bool) if self.alive is None else self.alive
        if revs is None:
            return seen
        listed = np.isin(self.places[:, 0], np.array(revs.revs, int64))
        return seen & (listed if revs.kind == "in" else ~listed)

    def _cosines(self, query: CandidateQuery) -> NDArray[float32] | None:
        if query.vector is None or self.vectors is None:
            return None
        length = float(np.linalg.norm(query.vector))
        return self.vectors @ (query.vector / (length or 1.0)).astype(float32)

    def _knows(self, forms: Sequence[str]) -> bool:
        """Tell whether a row holds the word in one of its forms."""
        return bool(self.postings.scores(forms, self.alive).any())

    def _named(self, names: Sequence[Sequence[str]], seen: NDArray[np.bool_]) -> dict[int, float]:
        """Return the rows of names that only a few rows have."""
        found: dict[int, float] = {}
        for name in names:
            scores = self.postings.scores(name, self.alive)
            rows = np.flatnonzero(seen & (scores > 0))
            if len(rows) <= FEW:
                found.update((int(row), float(scores[row])) for row in rows)
        return found

    def _candidates(
        self,
        chosen: NDArray[int64],
        cosines: NDArray[float32] | None,
        texts: NDArray[float64],
        named: Mapping[int, float],
    ) -> list[Candidate]:
        places = self.places[chosen].tolist()
        near = [None] * len(chosen) if cosines is None else cosines[chosen].tolist()
        ids = chosen.tolist()
        scores = [score or named.get(row, 0.0) for row, score in zip(ids, texts[chosen].tolist(), strict=True)]
        return [
            Candidate(*place, *both, named=row in named)
            for row, place, *both in zip(ids, places, near, scores, strict=True)
        ]


class ResidentRowsBuilder:
    """Rows of a table and `number` further ones, whose vectors are brought to length 1; added a block at a time."""

    def __init__(self, former: ResidentRows, number: int) -> None:
        self._former = former
        self._filled = len(former.places)
        self._postings = PostingsBuilder(former.postings)
        self._places = np.empty((self._filled + number, former.places.shape[1]), int64)
        self._places[: self._filled] = former.places
        self._vectors: NDArray[float32] | None = None
        if former.vectors is not None:
            self._vectors = np.empty((self._filled + number, former.vectors.shape[1]), float32)
            self._vectors[: self._filled] = former.vectors

    def add(self, places: NDArray[int64], vectors: NDArray[float32] | None, tokens: Sequence[Sequence[str]]) -> None:
        """Add a block of rows: their PLACES, their vectors where the table has them, and their tokens."""
        into = slice(self._filled, self._filled + len(places))
        self._places[into] = places
        if self._vectors is not None and vectors is not None:
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
            np.divide(vectors, np.where(lengths == 0, 1, lengths), out=self._vectors[into])
        self._postings.add(tokens)
        self._filled = into.stop

    def finished(self) -> ResidentRows:
        """Return all rows. Raises ValueError where other rows came than were foretold."""
        if self._filled != len(self._places):
            raise ValueError(f"{self._filled} rows came instead of {len(self._places)}")
        former = self._former
        added = self._places[len(former.places) :]
        alive = None if former.alive is None else np.concatenate([former.alive, np.ones(len(added), bool)])
        revs = dict(former.revs)
        for rev, count in zip(*np.unique(added[:, 0], return_counts=True), strict=True):
            revs[int(rev)] = revs.get(int(rev), 0) + int(count)
        return ResidentRows(self._places, self._vectors, self._postings.finished(), alive, revs)


def _first(scores: NDArray[float32] | NDArray[float64], k: int, seen: NDArray[np.bool_]) -> NDArray[int64]:
    """Return the k rows of the highest scores among those that are seen."""
    rows = np.flatnonzero(seen)
    if len(rows) <= k:
        return rows
    return rows[np.argpartition(-scores[rows], k)[:k]]


def _best(
    rows: NDArray[int64],
    cosines: NDArray[float32] | None,
    texts: NDArray[float64],
    best: int,
    weights: Weights,
    half: float,
) -> NDArray[int64]:
    """Return the rows that are among the best that the caller needs."""
    if len(rows) <= best:
        return rows
    wording = texts[rows] / (texts[rows] + half) if half else np.zeros(len(rows))
    share = 0.0 if cosines is None else weights.vector * meanings(cosines[rows].astype(float64), weights.scale)
    scores = share + weights.text * wording
    return rows[scores >= np.partition(scores, -best)[-best]]

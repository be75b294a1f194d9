"""One table grown from 10k to a million passages at the index module: time of a search, and what it still finds.

The vectors are a mixture of clusters in 64 dimensions, projected to 384 with noise; the texts are words drawn by their
rank (Zipf), so that a word's documents grow with the table as they do in real text.
"""

import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
from numpy import float32
from numpy.typing import NDArray

from benchmarks.budgets import Result
from benchmarks.metrics import median
from benchmarks.options import Options
from vectorstores_server.engines.local.index import CandidateQuery, Index, Rows

START = 10_000
STEP = 10_000
QUERIES = 60
DIMENSIONS = 384
TABLE = "growth_1"
Vectors = NDArray[float32]


class Source:
    """Rows and queries, the same in every run."""

    def __init__(self) -> None:
        self._dice = np.random.default_rng(5)
        self._centres = self._dice.normal(size=(2_000, 64))
        self._projection = self._dice.normal(size=(64, DIMENSIONS))
        self._words = np.array([f"word{rank}" for rank in range(30_000)])
        weights = 1 / (np.arange(30_000) + 30.0)
        self._weights = weights / weights.sum()

    def vectors(self, number: int) -> Vectors:
        """Return unit vectors, (number, DIMENSIONS)."""
        picked = self._centres[self._dice.integers(0, len(self._centres), number)]
        points = (picked + 0.6 * self._dice.normal(size=picked.shape)) @ self._projection
        points += 0.3 * points.std() * self._dice.normal(size=points.shape)
        return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(float32)

    def texts(self, number: int, words: int) -> list[str]:
        """Return texts of `words` words each."""
        drawn = self._words[self._dice.choice(len(self._words), (number, words), p=self._weights)]
        return [" ".join(row) for row in drawn]

    def rows(self, rev: int, number: int) -> Rows:
        """Return rows as the worker adds them."""
        zeros = [0] * number
        places = list(range(number))
        return Rows(rev, places, zeros, zeros, zeros, zeros, self.texts(number, 100), self.vectors(number))


async def run(options: Options) -> list[Result]:
    """Measure the row of growth, and print the sizes between."""
    directory = options.work / "growth"
    shutil.rmtree(directory, ignore_errors=True)
    source = Source()
    texts, vectors = source.texts(QUERIES, 12), source.vectors(QUERIES)
    index = Index(directory)
    await index.create(TABLE, DIMENSIONS)
    nearest = Nearest(vectors)
    times: dict[int, float] = {}
    recall = 0.0
    async for size in grown(index, source, nearest, options.rows):
        times[size], recall = await asked(index, texts, vectors, nearest)
        print(f"{size:>9,} passages: p50 {1e3 * times[size]:.1f} ms, recall@10 {recall:.3f}", flush=True)
    await index.aclose()
    first, last = min(times), max(times)
    ratio = times[last] / times[first]
    return [
        Result(
            "growth",
            f"{first // 1000}k passages {1e3 * times[first]:.1f} ms",
            f"{last // 1000}k passages {1e3 * times[last]:.1f} ms, recall@10 {recall:.3f}",
            f"{ratio:.2f} x",
            ratio <= 3 and recall >= 0.98,
            f"{size_of(directory):.0f} MB on disk",
        )
    ]


class Nearest:
    """The ten truly nearest rows of each query so far, as (rev, ordinal)."""

    def __init__(self, queries: Vectors) -> None:
        self._queries = queries
        self._best: list[list[tuple[float, tuple[int, int]]]] = [[] for _ in queries]

    def take(self, rows: Rows) -> None:
        """See more rows."""
        assert rows.vectors is not None
        cosines = self._queries @ rows.vectors.T
        for best, row in zip(self._best, cosines, strict=True):
            top = np.argpartition(-row, 10)[:10]
            best += [(float(row[at]), (rows.rev, int(at))) for at in top]
            best.sort(reverse=True)
            del best[10:]

    def recall(self, query: int, found: set[tuple[int, int]]) -> float:
        """Return the share of the nearest that was found."""
        return len(found & {place for _, place in self._best[query]}) / 10


async def grown(index: Index, source: Source, nearest: Nearest, aim: int) -> AsyncIterator[int]:
    """Add rows as the worker does, and stop at 10k, 30k, 100k, ... with everything indexed."""
    stops = [size for size in (START, 30_000, 100_000, 300_000) if size < aim] + [aim]
    size = 0
    while size < aim:
        rows = source.rows(size // STEP + 1, STEP)
        nearest.take(rows)
        await index.add(TABLE, [rows])
        size += STEP
        if size in stops:
            await index.optimize(TABLE, force=True)
            yield size
        else:
            await index.optimize(TABLE)


async def asked(index: Index, texts: list[str], vectors: Vectors, nearest: Nearest) -> tuple[float, float]:
    """Return the p50 of a search, and the recall@10 of its vector side."""
    times: list[float] = []
    recalls: list[float] = []
    for turn in range(3):
        for number, (text, vector) in enumerate(zip(texts, vectors, strict=True)):
            began = time.perf_counter()
            await index.candidates(TABLE, CandidateQuery(vector=vector, text=text, revs=None))
            times.append(time.perf_counter() - began)
            if turn == 0:
                by_vector = await index.candidates(TABLE, CandidateQuery(vector, "", None, best=10))
                ranked = sorted(by_vector.rows, key=lambda row: -(row.cosine or 0.0))[:10]
                recalls.append(nearest.recall(number, {(row.rev, row.ordinal) for row in ranked}))
    return median(times[len(texts) :]), sum(recalls) / len(recalls)


def size_of(directory: Path) -> float:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file()) / 2**20

"""One table grown from 10k to a million passages at the index module: the time of a search, and its recall.

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
TABLE, FIRST = "growth_1", "first_1"
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
    """Measure the row of growth, and print the sizes between. Each size is asked in turn with the first."""
    directory = options.work / "growth"
    shutil.rmtree(directory, ignore_errors=True)
    source = Source()
    asking = Asking(Index(directory), source.texts(QUERIES, 12), source.vectors(QUERIES))
    await asking.index.create(FIRST, DIMENSIONS)
    await asking.index.create(TABLE, DIMENSIONS)
    nearest = Nearest(asking.vectors)
    sizes: list[int] = []
    first = last = ratio = recall = 0.0
    async for size in grown(asking.index, source, nearest, options.rows):
        sizes.append(size)
        first, last = await asking.times()
        ratio, recall = last / first, await asking.recall(nearest)
        print(
            f"{size:>9,} passages: p50 {1e3 * last:.1f} ms, {START:,} in turn {1e3 * first:.1f} ms,"
            f" {ratio:.2f} x, recall@10 {recall:.3f}",
            flush=True,
        )
    await asking.index.aclose()
    return [
        Result(
            "growth",
            f"{START // 1000}k passages {1e3 * first:.1f} ms",
            f"{sizes[-1] // 1000}k passages {1e3 * last:.1f} ms, recall@10 {recall:.3f}",
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
        if size == START:
            await index.add(FIRST, [rows])
            await index.optimize(FIRST, force=True)
        if size in stops:
            await index.optimize(TABLE, force=True)
            yield size
        else:
            await index.optimize(TABLE)


class Asking:
    """The queries, put to the table that grows and to the one that stayed as it was at the first stop."""

    def __init__(self, index: Index, texts: list[str], vectors: Vectors) -> None:
        self.index = index
        self.vectors = vectors
        self._texts = texts

    async def times(self) -> tuple[float, float]:
        """Return the p50 of a search of the first table and of the grown one, asked in turn, each query twice."""
        times: dict[str, list[float]] = {FIRST: [], TABLE: []}
        for text, vector in [*self._asked(), *self._asked(), *self._asked()]:
            for table in (FIRST, TABLE):
                began = time.perf_counter()
                await self.index.candidates(table, CandidateQuery(vector=vector, text=text, revs=None))
                times[table].append(time.perf_counter() - began)
        return median(times[FIRST][QUERIES:]), median(times[TABLE][QUERIES:])

    async def recall(self, nearest: Nearest) -> float:
        """Return the recall@10 of the vector side of the grown table."""
        recalls: list[float] = []
        for number, vector in enumerate(self.vectors):
            by_vector = await self.index.candidates(TABLE, CandidateQuery(vector, "", None, best=10))
            ranked = sorted(by_vector.rows, key=lambda row: -(row.cosine or 0.0))[:10]
            recalls.append(nearest.recall(number, {(row.rev, row.ordinal) for row in ranked}))
        return sum(recalls) / len(recalls)

    def _asked(self) -> list[tuple[str, NDArray[float32]]]:
        return list(zip(self._texts, self.vectors, strict=True))


def size_of(directory: Path) -> float:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file()) / 2**20

"""The postings of a resident table: which rows hold which word, and their scores: BM25 as LanceDB counts it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy import float64, int32, int64, uint16
from numpy.typing import NDArray

K1, B = 1.2, 0.75
"""The parameters of BM25: LanceDB's, which are the usual ones."""
_ROW_BITS = 32


@dataclass(frozen=True, slots=True)
class Postings:
    """The words of rows 0, 1, 2, ...; adding rows makes a new object. Dead rows count for nothing."""

    numbers: dict[str, int]
    starts: NDArray[int64]
    rows: NDArray[int32]
    counts: NDArray[uint16]
    lengths: NDArray[int32]

    @classmethod
    def empty(cls) -> "Postings":
        """Return those of no row."""
        return cls({}, np.zeros(1, int64), np.zeros(0, int32), np.zeros(0, uint16), np.zeros(0, int32))

    @property
    def nbytes(self) -> int:
        """About the memory that they take; a word of the dictionary with its number is some 120 bytes."""
        return (
            self.starts.nbytes + self.rows.nbytes + self.counts.nbytes + self.lengths.nbytes + 120 * len(self.numbers)
        )

    def with_rows(self, tokens: Iterable[Sequence[str]]) -> "Postings":
        """Return the postings with further rows, each given by its tokens."""
        numbers: defaultdict[str, int] = defaultdict(int, self.numbers)
        numbers.default_factory = numbers.__len__
        made = [np.fromiter((numbers[token] for token in row), int64, len(row)) for row in tokens]
        first = len(self.lengths)
        lengths = np.array([len(row) for row in made], int32)
        rows = np.repeat(np.arange(first, first + len(made), dtype=int64), lengths)
        words = np.concatenate(made) if made else np.zeros(0, int64)
        keys, counts = np.unique((words << _ROW_BITS) | rows, return_counts=True)
        former = np.repeat(np.arange(len(self.starts) - 1, dtype=int64), np.diff(self.starts))
        all_keys = np.concatenate([(former << _ROW_BITS) | self.rows, keys])
        all_counts = np.concatenate([self.counts, np.minimum(counts, np.iinfo(uint16).max).astype(uint16)])
        order = np.argsort(all_keys, kind="stable")
        ordered = all_keys[order]
        starts = np.searchsorted(ordered, np.arange(len(numbers) + 1, dtype=int64) << _ROW_BITS)
        return Postings(
            dict(numbers),
            starts,
            (ordered & ((1 << _ROW_BITS) - 1)).astype(int32),
            all_counts[order],
            np.concatenate([self.lengths, lengths]),
        )

    def scores(self, tokens: Collection[str], alive: NDArray[np.bool_] | None) -> NDArray[float64]:
        """Return the score of every row; a token that stands twice in the question counts twice.

        `alive`: the rows that are there, None for all. How rare a word is, is counted among live rows.
        """
        lengths = self.lengths if alive is None else self.lengths[alive]
        found = np.zeros(len(self.lengths), float64)
        if not len(lengths):
            return found
        mean = float(lengths.mean()) or 1.0
        for token in tokens:
            number = self.numbers.get(token)
            if number is None:
                continue
            rows = self.rows[self.starts[number] : self.starts[number + 1]]
            counts = self.counts[self.starts[number] : self.starts[number + 1]]
            if alive is not None:
                kept = alive[rows]
                rows, counts = rows[kept], counts[kept]
            if len(rows):
                idf = np.log1p((len(lengths) - len(rows) + 0.5) / (len(rows) + 0.5))
                length = K1 * (1 - B + B * self.lengths[rows] / mean)
                found[rows] += idf * counts * (K1 + 1) / (counts + length)
        return found

"""The postings of a resident table: which rows hold which word, and their scores: BM25 as LanceDB counts it."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy import float64, int32, int64, uint16, uint32
from numpy.typing import NDArray

K1, B = 1.2, 0.75
"""The parameters of BM25: LanceDB's, which are the usual ones."""
_ROW_BITS = 32
_SHORT = 1 << 16
"""The number of rows up to which 16 bits name one."""


@dataclass(frozen=True, slots=True)
class Postings:
    """The words of rows 0, 1, 2, ...; adding rows makes a new object. Dead rows count for nothing."""

    numbers: dict[str, int]
    starts: NDArray[uint32]
    rows: NDArray[uint16 | int32]
    counts: NDArray[uint16]
    lengths: NDArray[int32]

    @classmethod
    def empty(cls) -> "Postings":
        """Return those of no row."""
        return cls({}, np.zeros(1, uint32), np.zeros(0, uint16), np.zeros(0, uint16), np.zeros(0, int32))

    @property
    def nbytes(self) -> int:
        """About the memory that they take; a word of the dictionary with its number is some 120 bytes."""
        return (
            self.starts.nbytes + self.rows.nbytes + self.counts.nbytes + self.lengths.nbytes + 120 * len(self.numbers)
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


@dataclass(slots=True)
class PostingsBuilder:
    """The postings of `former` and of further rows, which are added some hundred at a time.

    What is kept of a block is two bytes a posting for the row, two for the count, and four for the word: the strings
    of all tokens of 10,000 rows are sixty megabytes, of which the process would keep much for good.
    """

    former: Postings
    _numbers: defaultdict[str, int] = field(init=False)
    _words: list[NDArray[int32]] = field(init=False, default_factory=list[NDArray[int32]])
    _rows: list[NDArray[int32]] = field(init=False, default_factory=list[NDArray[int32]])
    _counts: list[NDArray[uint16]] = field(init=False, default_factory=list[NDArray[uint16]])
    _lengths: list[NDArray[int32]] = field(init=False, default_factory=list[NDArray[int32]])
    _next: int = field(init=False)

    def __post_init__(self) -> None:
        self._numbers = defaultdict(int, self.former.numbers)
        self._numbers.default_factory = self._numbers.__len__
        self._next = len(self.former.lengths)

    def add(self, tokens: Sequence[Sequence[str]]) -> None:
        """Add rows, each given by its tokens."""
        numbers = self._numbers
        lengths = np.array([len(row) for row in tokens], int32)
        words = np.fromiter((numbers[token] for row in tokens for token in row), int64, int(lengths.sum()))
        rows = np.repeat(np.arange(self._next, self._next + len(tokens), dtype=int64), lengths)
        keys, counts = np.unique((words << _ROW_BITS) | rows, return_counts=True)
        self._words.append((keys >> _ROW_BITS).astype(int32))
        self._rows.append((keys & ((1 << _ROW_BITS) - 1)).astype(int32))
        self._counts.append(np.minimum(counts, np.iinfo(uint16).max).astype(uint16))
        self._lengths.append(lengths)
        self._next += len(tokens)

    def finished(self) -> Postings:
        """Return the postings of all."""
        former = self.former
        known = np.repeat(np.arange(len(former.starts) - 1, dtype=int32), np.diff(former.starts.astype(int64)))
        words = np.concatenate([known, *self._words])
        order = np.argsort(words, kind="stable")  # the rows of a word stay in their order
        starts = np.zeros(len(self._numbers) + 1, uint32)
        starts[1:] = np.cumsum(np.bincount(words, minlength=len(self._numbers)))
        rows = np.concatenate(
            [former.rows, *self._rows], dtype=uint16 if self._next <= _SHORT else int32, casting="unsafe"
        )
        counts = np.concatenate([former.counts, *self._counts])
        lengths = np.concatenate([former.lengths, *self._lengths])
        return Postings(dict(self._numbers), starts, rows[order], counts[order], lengths)

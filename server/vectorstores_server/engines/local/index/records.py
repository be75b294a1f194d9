"""Records that go into the index, and those that come out of it. All offsets are code points of the parsed text."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:  # numpy takes 0.1 s to import, and most calls never touch a row
    from collections.abc import Sequence

    from numpy import float32
    from numpy.typing import NDArray

RUN_COST = 25  # revisions that cost as much in a list as a run does: 70 us


@dataclass(frozen=True, slots=True)
class Rows:
    """Passages of one revision, column by column, all of one length.

    `texts` are those that the full-text index holds. `vectors` is (passages, dimensions), or None for a table without
    vectors.
    """

    rev: int
    ordinals: Sequence[int]
    starts: Sequence[int]
    ends: Sequence[int]
    chunk_starts: Sequence[int]
    chunk_ends: Sequence[int]
    texts: Sequence[str]
    vectors: NDArray[float32] | None


@dataclass(frozen=True, slots=True)
class RevFilter:
    """Only the rows of these revisions, or all but these.

    Files that were attached together have revisions in a row, and a long run of them is one comparison.
    """

    kind: Literal["in", "not_in"]
    revs: Sequence[int]

    @property
    def cost(self) -> int:
        """Its cost in a query, in revisions listed one by one: each takes 2 to 4 us."""
        runs, single = self._parts()
        return len(single) + RUN_COST * len(runs)

    def sql(self) -> str | None:
        """Write it for LanceDB: nothing but integers; None when every row matches."""
        if not self.revs:
            return "false" if self.kind == "in" else None
        runs, single = self._parts()
        terms = [f"(rev >= {first} AND rev <= {last})" for first, last in runs]
        if single:
            terms.append(f"rev IN ({','.join(str(rev) for rev in single)})")
        found = " OR ".join(terms)
        return found if self.kind == "in" else f"NOT ({found})"

    def _parts(self) -> tuple[list[tuple[int, int]], list[int]]:
        """Split the revisions into runs, where these are shorter to write, and single ones, which are listed."""
        ordered = sorted({int(rev) for rev in self.revs})
        starts = [at for at, rev in enumerate(ordered) if at == 0 or rev != ordered[at - 1] + 1]
        runs: list[tuple[int, int]] = []
        single: list[int] = []
        for start, end in pairwise([*starts, len(ordered)]):
            if end - start > RUN_COST:
                runs.append((ordered[start], ordered[end - 1]))
            else:
                single += ordered[start:end]
        return runs, single


@dataclass(frozen=True, slots=True)
class CosineScale:
    """The scale of an embedder's cosines: mean and deviation of those of unrelated texts.

    `soft`: cosines below that background still count a little, and keep their order. The defaults are MiniLM's.
    """

    mean: float = 0.014
    sd: float = 0.069
    soft: bool = False


@dataclass(frozen=True, slots=True)
class Weights:
    """The shares of meaning and of wording in a score; they sum to 1. The defaults are the measured best.

    `scale` gives the meaning of a cosine. `vector_unknown` is the share of meaning where the table knows no word of the
    question; the more of them it knows the nearer is the share to `vector`.
    """

    vector: float = 0.45
    text: float = 0.55
    scale: CosineScale = CosineScale()
    vector_unknown: float | None = None


@dataclass(frozen=True, slots=True)
class CandidateQuery:
    """The passages to look for: by `vector`, by `text` (as the table's words are made), or by both.

    `names` are terms of it that mark a passage as `named` where only a few have them.
    `counted` is the part of the text whose tokens are the length of the question, None for all of it.
    `best` is how many of the best passages the caller needs: candidates that cannot be among them may be left out.
    `words` are those of the question, each by its forms; where they are given, the shares follow how many of them the
    table knows.
    """

    vector: NDArray[float32] | None
    text: str
    revs: RevFilter | None
    vector_k: int = 100
    text_k: int = 300
    best: int = 50
    weights: Weights = Weights()
    counted: str | None = None
    names: Sequence[str] = ()
    words: Sequence[str] = ()


class StoredPlace(NamedTuple):
    """The place of a passage in a table, and its chunk."""

    start: int
    end: int
    chunk_start: int
    chunk_end: int


class StoredRows(NamedTuple):
    """The passages of a revision as they stand in a table, in order, and their vectors where it has them."""

    places: list[StoredPlace]
    vectors: NDArray[float32] | None


class Candidate(NamedTuple):
    """A passage that may answer. `cosine` is exact, None without vectors; `text_score` is BM25 as LanceDB gives it.

    `named`: it is one of the few that hold a name of the question.
    """

    rev: int
    ordinal: int
    start: int
    end: int
    chunk_start: int
    chunk_end: int
    cosine: float | None
    text_score: float
    named: bool = False


@dataclass(frozen=True, slots=True)
class Candidates:
    """Passages in no particular order; the tokens of the query's text and the rows of the table, for their scores.

    `weights` are those by which they were chosen.
    `complete` says that no other row matches, so that asking for more would give the same.
    `distant`: the table was read where it lies, as it is larger than a copy on this machine may be.
    """

    rows: list[Candidate]
    n_tokens: int
    n_rows: int
    complete: bool = False
    weights: Weights = Weights()
    distant: bool = False

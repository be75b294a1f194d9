"""What goes into the index and what comes out of it. All offsets are code points of the parsed text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:  # numpy takes 0.1 s to import, and most calls never touch a row
    from numpy import float32
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Rows:
    """Passages of one revision, column by column, all of one length.

    `texts` is what the full-text index holds. `vectors` is (passages, dimensions), or None for a table without vectors.
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
    """Only the rows of these revisions, or all but these. A listed revision costs about 4 us."""

    kind: Literal["in", "not_in"]
    revs: Sequence[int]

    def sql(self) -> str | None:
        """Write it for LanceDB: nothing but integers; None when every row matches."""
        if not self.revs:
            return "false" if self.kind == "in" else None
        return f"rev {'IN' if self.kind == 'in' else 'NOT IN'} ({','.join(str(int(rev)) for rev in self.revs)})"


@dataclass(frozen=True, slots=True)
class Weights:
    """The shares of meaning and of wording in a score; they sum to 1. The defaults are the measured best."""

    vector: float = 0.45
    text: float = 0.55


@dataclass(frozen=True, slots=True)
class CandidateQuery:
    """What to look for: by `vector`, by `text` (with its identifier parts), or by both.

    `best` is how many of the best passages the caller needs: candidates that cannot be among them may be left out.
    """

    vector: NDArray[float32] | None
    text: str
    revs: RevFilter | None
    vector_k: int = 100
    text_k: int = 300
    best: int = 50
    weights: Weights = Weights()


class Candidate(NamedTuple):
    """A passage that may answer. `cosine` is exact, None without vectors; `text_score` is BM25 as LanceDB gives it."""

    rev: int
    ordinal: int
    start: int
    end: int
    chunk_start: int
    chunk_end: int
    cosine: float | None
    text_score: float


@dataclass(frozen=True, slots=True)
class Candidates:
    """Passages in no particular order; the tokens of the query's text and the rows of the table, for their scores.

    `complete` says that no other row matches, so that asking for more would give the same.
    """

    rows: list[Candidate]
    n_tokens: int
    n_rows: int
    complete: bool = False

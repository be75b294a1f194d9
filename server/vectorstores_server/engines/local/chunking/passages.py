"""Cut a document into passages: the units that are embedded and searched, each an exact range of the text."""

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from vectorstores_server.engines.local.chunking.boundaries import quality, rows, sections
from vectorstores_server.engines.local.chunking.measure import sizes
from vectorstores_server.engines.local.embedding.tokenizer import TokenCounter
from vectorstores_server.engines.local.parsing.document import Document

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_CHARACTERS = 2_000
MAX_PASSAGES = 100_000

SEEN = 1_000_000
"""Characters that are looked at together; a longer text is cut as if it ended behind them, up to half of them."""
_EVENNESS = 4.5
"""The penalty of a cut a whole ideal length away from the ideal place, in the units of `quality`."""
_SLACK = 0.88
"""Share of the limit that is aimed at, so that a good boundary behind the ideal place is still within it."""


class TooManyPassages(Exception):
    """A file of more than MAX_PASSAGES passages; `code` and the sentence are those of an invalid file."""

    code = "invalid_file"

    def __init__(self) -> None:
        self.message = f"The file has more than {MAX_PASSAGES:,} passages. Split it into smaller files."
        super().__init__(self.message)


@dataclass(frozen=True, slots=True)
class Passage:
    """`text[start:end]` of a document, in code points; begins and ends with a character that is not white space.

    `page` and `heading_path` are those of its first character.
    """

    ordinal: int
    start: int
    end: int
    tokens: int
    page: int | None
    heading_path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PassageLimits:
    """Limits of a passage: its size as `measure` has it, and the tokens that the embedder reads."""

    size: float
    tokens: int


def cut_stepwise(document: Document, counter: TokenCounter, limits: PassageLimits) -> Iterator[list[Passage]]:
    """Cut into passages of about equal size within the limits and MAX_CHARACTERS; none goes on behind its section.

    Every character that is not white space is in exactly one passage. Raises TooManyPassages. It goes in steps of some
    hundredths of a second, each of which yields the passages that it found. Of the tokens only those of SEEN characters
    are kept: a text of 20 MB has five million.
    """
    import numpy as np

    held, found, tokens = np.empty((0, 2), np.int32), 0, 0
    for block in counter.blocks(document.text):
        tokens += len(block)
        if tokens > MAX_PASSAGES * limits.tokens:
            raise TooManyPassages
        held = np.concatenate([held, block])
        passages: list[Passage] = []
        if _characters(held) > SEEN:
            cuts = _cuts(document, held, limits, SEEN // 2)
            passages = _passages(document, held, cuts, found)
            held = held[cuts[-1] :]
        found += _counted(passages, found)
        yield passages
    passages = _passages(document, held, _cuts(document, held, limits, 0), found)
    _counted(passages, found)
    yield passages


def _counted(passages: list[Passage], before: int) -> int:
    if before + len(passages) > MAX_PASSAGES:
        raise TooManyPassages
    return len(passages)


def _characters(offsets: "NDArray[np.int32]") -> int:
    return int(offsets[-1, 1] - offsets[0, 0]) if len(offsets) else 0


def _passages(document: Document, offsets: "NDArray[np.int32]", cuts: list[int], before: int) -> list[Passage]:
    """Return the passages between the cuts; `before` is how many the text had up to there."""
    found: list[Passage] = []
    for first, last in pairwise(cuts):
        start, end = _trimmed(document.text, int(offsets[first, 0]), int(offsets[last - 1, 1]))
        if start < end:
            path = document.heading_path_at(start)
            found.append(Passage(before + len(found), start, end, last - first, document.page_at(start), path))
    return found


def _cuts(document: Document, offsets: "NDArray[np.int32]", limits: PassageLimits, keep: int) -> list[int]:
    """Indexes of the tokens at which passages begin, and where the last one ends.

    That is the number of tokens, or where at most `keep` characters are left.
    """
    import numpy as np

    each, worth = sizes(document.text, offsets), quality(document, offsets)
    # Contiguous: numpy copies all of a column, or of an array that is searched for a number of another type.
    span = _Span(
        np.ascontiguousarray(offsets[:, 0]),
        np.ascontiguousarray(offsets[:, 1]),
        np.concatenate([[0.0], np.cumsum(each)]),
        limits,
    )
    table = _Rows(rows(document, offsets))
    cuts = [0]
    for stop in [*sections(document, offsets, each, limits.size), len(offsets)]:
        while stop > cuts[-1]:
            here = cuts[-1]
            if span.ends[-1] - span.starts[here] <= keep:
                return cuts
            cuts.append(stop if span.fits(here, stop) else table.whole(span, here, stop, span.best(here, stop, worth)))
    return cuts


class _Span(NamedTuple):
    """Tokens: where they stand, and the size of all before each of them."""

    starts: "NDArray[np.int32]"
    ends: "NDArray[np.int32]"
    before: "NDArray[np.float64]"
    limits: PassageLimits

    def fits(self, here: int, stop: int) -> bool:
        """Tell whether the tokens [here, stop) are one passage."""
        size, characters = self._measured(here, stop)
        return size <= self.limits.size and stop - here <= self.limits.tokens and characters <= MAX_CHARACTERS

    def best(self, here: int, stop: int, worth: "NDArray[np.float32]") -> int:
        """Return the best end of the passage that begins at `here`."""
        import numpy as np

        ideal, origin = self._ideal(here, stop), float(self.before[here])
        near = self.ends[here : here + self.limits.tokens]
        high = min(
            here + int(np.searchsorted(near, np.int32(self.starts[here] + MAX_CHARACTERS), side="right")),
            int(np.searchsorted(self.before, origin + self.limits.size, side="right")) - 1,
            stop,
        )
        high = max(high, here + 1)
        low = int(np.searchsorted(self.before, origin + 0.5 * ideal, side="right")) - 1
        low = min(max(low, here + 1), high)
        off: NDArray[np.float64] = np.abs(self.before[low : high + 1] - origin - ideal) / ideal
        cut = low + int(np.argmax(worth[low : high + 1] - _EVENNESS * off))
        if worth[cut] > -np.inf:
            return cut
        # All of them are inside one character, such as a Korean syllable of three tokens: before it, else behind it.
        whole = here + 1 + np.flatnonzero(worth[here + 1 : stop + 1] > -np.inf)
        fitting = whole[whole <= high]
        return int(fitting[-1] if len(fitting) else whole[0])

    def _ideal(self, here: int, stop: int) -> float:
        """Size of the next passage if all up to `stop` were of equal size."""
        size, characters = self._measured(here, stop)
        pieces = max(math.ceil(characters / MAX_CHARACTERS), math.ceil((stop - here) / self.limits.tokens))
        limit = self.limits.size
        ideal = size / max(math.ceil(size / limit), pieces)
        if ideal > _SLACK * limit and size > 1.3 * limit:
            ideal = size / max(math.ceil(size / (_SLACK * limit)), pieces)
        return ideal

    def _measured(self, here: int, stop: int) -> tuple[float, int]:
        return float(self.before[stop] - self.before[here]), int(self.ends[stop - 1] - self.starts[here])


class _Rows:
    """Rows of tables, as the tokens [first, last), which a passage holds whole where they fit into one."""

    def __init__(self, rows: list[tuple[int, int]]) -> None:
        self._rows = rows

    def whole(self, span: _Span, here: int, stop: int, cut: int) -> int:
        """Return the cut; where it would divide a row that fits into a passage, the row's begin, or else its end."""
        number = bisect_right(self._rows, cut, key=lambda row: row[0]) - 1
        if number < 0:
            return cut
        first, last = self._rows[number]
        if not first < cut < last or first < here or not span.fits(first, last):
            return cut
        return min(last, stop) if first == here else first


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    body = text[start:end]
    return start + len(body) - len(body.lstrip()), end - len(body) + len(body.rstrip())

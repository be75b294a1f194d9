"""Cut a document into passages: the units that are embedded and searched, each an exact range of the text."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from vectorstores_server.engines.local.chunking.boundaries import quality
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
"""What a cut loses when it is a whole ideal length away from the ideal place, in the units of `quality`."""
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


def cut(document: Document, counter: TokenCounter, *, max_tokens: int) -> list[Passage]:
    """Cut into passages of about equal size, of at most `max_tokens` tokens and MAX_CHARACTERS characters.

    Every character that is not white space is in exactly one passage. Raises TooManyPassages.
    """
    return [passage for step in cut_stepwise(document, counter, max_tokens=max_tokens) for passage in step]


def cut_stepwise(document: Document, counter: TokenCounter, *, max_tokens: int) -> Iterator[list[Passage]]:
    """Do the same in steps of some hundredths of a second, each of which yields the passages that it found.

    Of the tokens only those of SEEN characters are kept: a text of 20 MB has five million.
    """
    import numpy as np

    held, found, tokens = np.empty((0, 2), np.int32), 0, 0
    for block in counter.blocks(document.text):
        tokens += len(block)
        if tokens > MAX_PASSAGES * max_tokens:
            raise TooManyPassages
        held = np.concatenate([held, block])
        passages: list[Passage] = []
        if _characters(held) > SEEN:
            cuts = _cuts(held, quality(document, held), max_tokens, SEEN // 2)
            passages = _passages(document, held, cuts, found)
            held = held[cuts[-1] :]
        found += _counted(passages, found)
        yield passages
    passages = _passages(document, held, _cuts(held, quality(document, held), max_tokens, 0), found)
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


def _cuts(offsets: "NDArray[np.int32]", quality: "NDArray[np.float32]", cap: int, keep: int) -> list[int]:
    """Indexes of the tokens at which passages begin, and where the last one ends.

    That is the number of tokens, or where at most `keep` characters are left.
    """
    import numpy as np

    # Contiguous: numpy copies all of a column, or of an array that is searched for a number of another type.
    starts, ends = np.ascontiguousarray(offsets[:, 0]), np.ascontiguousarray(offsets[:, 1])
    n = len(offsets)
    cuts = [0]
    while n > cuts[-1]:
        here = cuts[-1]
        left, characters = n - here, int(ends[-1] - starts[here])
        if characters <= keep:
            break
        if left <= cap and characters <= MAX_CHARACTERS:
            cuts.append(n)
            break
        ideal = _ideal(left, characters, cap)
        near = ends[here : here + cap]
        fits = here + int(np.searchsorted(near, np.int32(starts[here] + MAX_CHARACTERS), side="right"))
        high = min(max(fits, here + 1), n)
        low = min(here + max(1, int(0.5 * ideal)), high)
        off: NDArray[np.float64] = np.abs(np.arange(low, high + 1) - here - ideal) / ideal
        cuts.append(low + int(np.argmax(quality[low : high + 1] - _EVENNESS * off)))
    return cuts


def _ideal(left: int, characters: int, cap: int) -> float:
    """Tokens of the next passage if all that are left were of equal size."""
    by_characters = math.ceil(characters / MAX_CHARACTERS)
    ideal = left / max(math.ceil(left / cap), by_characters)
    if ideal > _SLACK * cap and left > 1.3 * cap:
        ideal = left / max(math.ceil(left / (_SLACK * cap)), by_characters)
    return ideal


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    body = text[start:end]
    return start + len(body) - len(body.lstrip()), end - len(body) + len(body.rstrip())

"""Cut a document into passages: the units that are embedded and searched, each an exact range of the text."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from vectorstores_server.engines.local.document import Document
from vectorstores_server.engines.local.identifiers import identifier_parts
from vectorstores_server.engines.local.tokens import TokenCounter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_CHARACTERS = 2_000
MAX_PASSAGES = 100_000
WITH_PREFIX = 254
"""Tokens that title, headings and passage may have together: what the bundled model reads."""

_EVENNESS = 4.5
"""What a cut loses when it is a whole ideal length away from the ideal place, in the units of `_quality`."""
_SIGNS = (
    (",)", (0x3001, 0xFF0C), 0.8),
    (";:", (0xFF1A, 0xFF1B), 1.2),
    (".!?", (0x3002, 0xFF01, 0xFF1F), 2.5),
)
"""What a cut behind these signs is worth: followed by white space, or (by code point) of scripts without it."""
_SLACK = 0.88
"""Share of the limit that is aimed at, so that a good boundary behind the ideal place is still within it."""
_OPENING = 200
"""Characters of a passage in which a title that it repeats is looked for."""


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
    offsets = counter.offsets(document.text)
    if len(offsets) > MAX_PASSAGES * max_tokens:
        raise TooManyPassages
    cuts = _cuts(offsets, _quality(document, offsets), max_tokens)
    found: list[Passage] = []
    for first, last in pairwise(cuts):
        start, end = _trimmed(document.text, int(offsets[first, 0]), int(offsets[last - 1, 1]))
        if start < end:
            path = document.heading_path_at(start)
            found.append(Passage(len(found), start, end, last - first, document.page_at(start), path))
    if len(found) > MAX_PASSAGES:
        raise TooManyPassages
    return found


def embed_text(document: Document, passage: Passage, title: str) -> str:
    """Title, heading path and passage, within WITH_PREFIX tokens; what the passage itself begins with is left out."""
    body = document.text[passage.start : passage.end]
    parts = _prefix([title, *passage.heading_path], body, WITH_PREFIX - passage.tokens)
    return "\n".join(parts) + "\n\n" + body if parts else body


def index_text(document: Document, passage: Passage, title: str) -> str:
    """Return the same, and one line with the parts of its compound identifiers: what the text index holds."""
    return query_text(embed_text(document, passage, title))


def query_text(query: str) -> str:
    """`query`, and one line with the parts of its compound identifiers."""
    parts = identifier_parts(query)
    return f"{query}\n{' '.join(parts)}" if parts else query


def _cuts(offsets: "NDArray[np.int32]", quality: "NDArray[np.float32]", cap: int) -> list[int]:
    """Indexes of the tokens at which passages begin, and the number of tokens."""
    import numpy as np

    starts, ends, n = offsets[:, 0], offsets[:, 1], len(offsets)
    cuts = [0]
    while n > cuts[-1]:
        here = cuts[-1]
        left, characters = n - here, int(ends[-1] - starts[here])
        if left <= cap and characters <= MAX_CHARACTERS:
            cuts.append(n)
            break
        ideal = _ideal(left, characters, cap)
        fits = int(np.searchsorted(ends, int(starts[here]) + MAX_CHARACTERS, side="right"))
        high = min(here + cap, max(fits, here + 1), n)
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


def _quality(document: Document, offsets: "NDArray[np.int32]") -> "NDArray[np.float32]":
    """How good a cut before each token would be (index n: the end of the text)."""
    import numpy as np

    quality = np.zeros(len(offsets) + 1, np.float32)
    if len(offsets) < 2:
        return quality
    codes = np.frombuffer(document.text.encode("utf-32-le", "surrogatepass"), "<u4")
    ends, starts = offsets[:-1, 1], offsets[1:, 0]
    gap, last = starts > ends, codes[ends - 1]
    newlines = np.flatnonzero(codes == ord("\n"))
    lines = np.searchsorted(newlines, starts) - np.searchsorted(newlines, ends)
    between = quality[1:-1]
    between[gap] = 0.5
    for signs, wide, value in _SIGNS:
        between[(gap & np.isin(last, [ord(c) for c in signs])) | np.isin(last, wide)] = value
    between[lines == 1] = 3.0
    between[lines > 1] = 4.0
    _mark_headings(document, offsets[:, 0], quality)
    between[starts < ends] = -np.inf
    return quality


def _mark_headings(document: Document, starts: "NDArray[np.int32]", quality: "NDArray[np.float32]") -> None:
    """Prefer a cut before a heading, and none between a heading's line and what follows it."""
    import numpy as np

    for heading in document.headings:
        quality[np.searchsorted(starts, heading.start)] = 5.0
        if heading.title:
            line_end = document.text.find("\n", heading.start)
            if line_end >= 0:
                quality[np.searchsorted(starts, line_end)] = 0.0


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    body = text[start:end]
    return start + len(body) - len(body.lstrip()), end - len(body) + len(body.rstrip())


def _prefix(parts: list[str], body: str, room: int) -> list[str]:
    """Return the parts, outermost first, that the body does not repeat; where room is short the innermost are kept."""
    counter = TokenCounter()
    opening = body[:_OPENING]
    kept: list[str] = []
    for part in reversed(list(dict.fromkeys(part.strip() for part in parts))):
        if not part or part in opening:
            continue
        offsets = counter.offsets(part)
        if len(offsets) > room:
            part = part[: offsets[room - 1, 1]] if room > 0 else ""
        if part:
            kept.append(part)
        room -= len(offsets)
    return kept[::-1]

"""Where a text may be cut: how good the end of a line, a sentence, a clause or a word is as the end of a passage."""

from bisect import bisect_right
from itertools import islice
from typing import TYPE_CHECKING

from vectorstores_server.engines.local.parsing.document import Document, Heading

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SIGNS = (
    (",)", (0x3001, 0xFF0C), 0.8),
    (";:", (0xFF1A, 0xFF1B), 1.2),
    (".!?", (0x3002, 0xFF01, 0xFF1F), 2.5),
)
"""What a cut behind these signs is worth: followed by white space, or (by code point) of scripts without it."""


def quality(document: Document, offsets: "NDArray[np.int32]") -> "NDArray[np.float32]":
    """How good a cut before each of these tokens of the text would be (index n: behind the last)."""
    import numpy as np

    quality = np.zeros(len(offsets) + 1, np.float32)
    if len(offsets) < 2:
        return quality
    begin, end = int(offsets[0, 0]), int(offsets[-1, 1])
    codes = np.frombuffer(document.text[begin:end].encode("utf-32-le", "surrogatepass"), "<u4")
    ends, starts = offsets[:-1, 1] - begin, offsets[1:, 0] - begin
    gap, last = starts > ends, codes[ends - 1]
    newlines = np.flatnonzero(codes == ord("\n"))
    lines = np.searchsorted(newlines, starts) - np.searchsorted(newlines, ends)
    between = quality[1:-1]
    between[gap] = 0.5
    for signs, wide, value in _SIGNS:
        between[(gap & np.isin(last, [ord(c) for c in signs])) | np.isin(last, wide)] = value
    between[lines == 1] = 3.0
    between[lines > 1] = 4.0
    _mark_headings(document, np.ascontiguousarray(offsets[:, 0]), end, quality)
    between[starts < ends] = -np.inf
    return quality


def _mark_headings(document: Document, starts: "NDArray[np.int32]", end: int, quality: "NDArray[np.float32]") -> None:
    """Prefer a cut before a heading, and none between a heading's line and what follows it."""
    import numpy as np

    first = bisect_right(document.headings, int(starts[0]), key=_start)
    for heading in islice(document.headings, max(0, first - 1), bisect_right(document.headings, end, key=_start)):
        quality[np.searchsorted(starts, np.int32(heading.start))] = 5.0
        if heading.title:
            line_end = document.text.find("\n", heading.start, end)
            if line_end >= 0:
                quality[np.searchsorted(starts, np.int32(line_end))] = 0.0


def _start(heading: Heading) -> int:
    return heading.start

"""The Range header of a download (RFC 9110, 14.2): one range of bytes, or the whole."""

import re
from dataclasses import dataclass

RANGE = re.compile(r"bytes=\s*([0-9]{0,18})-([0-9]{0,18})\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes [start, end) of a file; `partial` when they were asked for."""

    start: int
    end: int
    partial: bool


def span_of(header: str | None, size: int) -> Span | None:
    """Return what `header` asks for, None where it lies outside the file.

    A header that is malformed, in other units or with several ranges is as good as none, as the RFC has it.
    """
    found = RANGE.fullmatch(header) if header else None
    if found is None or found[1] == found[2] == "":
        return Span(0, size, partial=False)
    if found[1] == "":
        wanted = min(size, int(found[2]))
        return Span(size - wanted, size, partial=True) if wanted else None
    first, last = int(found[1]), int(found[2]) if found[2] else size - 1
    if last < first and found[2]:
        return Span(0, size, partial=False)
    return Span(first, min(size, last + 1), partial=True) if first < size else None

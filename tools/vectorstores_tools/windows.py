"""Which part of a hit's text is shown: its matches, shortened or grown to a size (pure).

A size is characters for one match. Below a match's length the match is shortened around the place where most words of
the query stand; above it, its surroundings are taken in, evenly on both sides.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

Range: TypeAlias = tuple[int, int]

SNAP = 24
"""How far a cut may move to fall between words."""

_WORD = re.compile(r"\w{3,}")


@dataclass(frozen=True, slots=True)
class Excerpts:
    """A text, the ranges of it that matched (best first), and the size up to which each may grow."""

    text: str
    matches: Sequence[Range]
    limit: int
    focus: frozenset[str] = frozenset()

    @property
    def longest(self) -> int:
        """The size at which every match is whole."""
        return max((end - start for start, end in self.matches), default=0)

    def at(self, size: int, whole: int) -> str:
        """Return what is shown at `size`; `whole` is the size from which all matches of the answer are whole."""
        if size >= whole + self.limit:
            grown = [self._grown(match, self.limit) for match in self.matches]
        elif size >= whole:
            grown = [self._grown(m, min(m[1] - m[0] + size - whole, self.limit)) for m in self.matches]
        else:
            grown = [self._shortened(match, size) for match in self.matches]
        return self._joined(_merged(self.text, grown))

    def _grown(self, match: Range, size: int) -> Range:
        spare = size - (match[1] - match[0])
        if spare <= 0:
            return match
        start = max(0, match[0] - spare // 2)
        end = min(len(self.text), start + size)
        start = max(0, end - size)
        return self._snapped(start, end, keep=match)

    def _shortened(self, match: Range, size: int) -> Range:
        if match[1] - match[0] <= size:
            return match
        centre = self._centre(match, size)
        start = min(max(match[0], centre - size // 2), match[1] - size)
        return self._snapped(start, start + size, keep=(centre, centre))

    def _centre(self, match: Range, size: int) -> int:
        """Return the middle of the `size` characters of the match that hold most different words of the query."""
        found = [
            (word.start(), word.group().casefold())
            for word in _WORD.finditer(self.text, *match)
            if word.group().casefold() in self.focus
        ]
        best, centre = 0, (match[0] + match[1]) // 2
        for first, (start, _) in enumerate(found):
            inside = [(at, word) for at, word in found[first:] if at < start + size]
            distinct = len({word for _, word in inside})
            if distinct > best:
                best, centre = distinct, (start + inside[-1][0]) // 2
        return centre

    def _snapped(self, start: int, end: int, keep: Range) -> Range:
        """Move both ends inwards to white space, where some is near and `keep` stays inside."""
        if 0 < start < keep[0] and (gap := re.search(r"\s", self.text[start : min(start + SNAP, keep[0])])):
            start += gap.end()
        if keep[1] < end < len(self.text) and (gap := re.search(r"\s\S*$", self.text[max(end - SNAP, keep[1]) : end])):
            end = max(end - SNAP, keep[1]) + gap.start()
        return start, end

    def _joined(self, ranges: Sequence[Range]) -> str:
        if not ranges:
            return ""
        shown = "\n…\n".join(self.text[start:end].strip() for start, end in ranges)
        before = "…" if self.text[: ranges[0][0]].strip() else ""
        after = "…" if self.text[ranges[-1][1] :].strip() else ""
        return f"{before}{shown}{after}"


def words(queries: Sequence[str]) -> frozenset[str]:
    """Return the words of the queries around which a match is shortened."""
    return frozenset(word.casefold() for query in queries for word in _WORD.findall(query))


def _merged(text: str, ranges: Sequence[Range]) -> list[Range]:
    merged: list[Range] = []
    for start, end in sorted(ranges):
        if merged and not text[merged[-1][1] : start].strip():
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged

"""Excerpts of a hit's text: all of its matches with some text around them, or the best matches only (pure)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

Range: TypeAlias = tuple[int, int]

SNAP = 24
"""Characters by which a cut may move to fall between words."""

_WORD = re.compile(r"\w{3,}")


@dataclass(frozen=True, slots=True)
class Excerpts:
    """A text, the ranges of it that matched (best first), and the size up to which each may grow.

    Sizes are characters. `focus` are the words around which a match is shortened.
    """

    text: str
    matches: Sequence[Range]
    limit: int
    focus: frozenset[str] = frozenset()

    def grown(self, extra: int) -> str:
        """Return every match whole, each with up to `extra` characters of what stands around it."""
        return self._joined([self._grown(m, min(m[1] - m[0] + extra, self.limit)) for m in self.matches])

    def best(self, count: int, part: int = 0) -> str:
        """Return the first `count` matches whole, and the one after them shortened to `part`."""
        ranges = list(self.matches[:count])
        if part:
            ranges.append(self._shortened(self.matches[count], part))
        return self._joined(ranges)

    def size(self, match: int) -> int:
        """Return the size of a match."""
        return self.matches[match][1] - self.matches[match][0]

    def focused(self) -> "Excerpts":
        """Return these with each match that is longer than the limit shortened to it."""
        return replace(self, matches=[self._shortened(match, self.limit) for match in self.matches])

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
        """Move an end that cuts a word inwards to white space, where some is near and `keep` stays inside."""
        if start < keep[0] and self._cuts(start):
            gap = re.search(r"\s", self.text[start : min(start + SNAP, keep[0])])
            start += gap.end() if gap else 0
        if keep[1] < end and self._cuts(end):
            least = max(end - SNAP, keep[1])
            gap = re.search(r"\s\S*$", self.text[least:end])
            end = least + gap.start() if gap else end
        return start, end

    def _cuts(self, at: int) -> bool:
        """Tell whether there is no white space on either side of this place."""
        return 0 < at < len(self.text) and not self.text[at - 1].isspace() and not self.text[at].isspace()

    def _joined(self, found: Sequence[Range]) -> str:
        ranges = _merged(self.text, found)
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

"""A parsed document: its text, and where its pages and sections begin in that text."""

import hashlib
import json
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Self, cast

_BLOCK = 1 << 16

MAX_CHARACTERS = 20_000_000
"""The most characters of a file's text; text behind that is not read."""


@dataclass(frozen=True, slots=True)
class Heading:
    """The begin of a section at code point `start`; level 1 is the outermost.

    A section ends where the next heading of its level or an outer one begins. An empty title ends a section without
    naming a new one: what follows a class in a module does not belong to that class.
    """

    start: int
    level: int
    title: str


@dataclass(frozen=True, slots=True)
class Document:
    """Text and structure of a file; every offset, here and wherever it is passed on, counts code points of `text`.

    `page_starts[i]` is where page i + 1 begins (empty: the format has no pages); `headings` are in order of `start`.
    `notes` say what of the file is not in the text, or may be wrong in it: at most five short sentences. `properties`
    are its author, date and tags, where it says them.
    """

    text: str
    title: str | None = None
    page_starts: tuple[int, ...] = ()
    headings: tuple[Heading, ...] = ()
    notes: tuple[str, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    _heading_starts: tuple[int, ...] = field(init=False, repr=False, compare=False)
    _enclosing: tuple[int, ...] = field(init=False, repr=False, compare=False)
    _sha256: list[str] = field(init=False, repr=False, compare=False, default_factory=list[str])
    _newlines: list[int] = field(init=False, repr=False, compare=False, default_factory=list[int])

    def __post_init__(self) -> None:
        # A frozen dataclass sets derived fields like this.
        object.__setattr__(self, "_heading_starts", tuple(heading.start for heading in self.headings))
        object.__setattr__(self, "_enclosing", _enclosing(self.headings))

    @property
    def sha256(self) -> str:
        """The sha256 of the text, in hexadecimal digits, by which it is told from other texts of the same file."""
        if not self._sha256:
            self._sha256.append(hashlib.sha256(self.text.encode()).hexdigest())
        return self._sha256[0]

    def page_at(self, offset: int) -> int | None:
        """Page (from 1) that holds the character at `offset`; None when the format has no pages."""
        if not self.page_starts:
            return None
        return max(1, bisect_right(self.page_starts, offset))

    def heading_path_at(self, offset: int) -> tuple[str, ...]:
        """Titles of the sections around `offset`, outermost first."""
        index = bisect_right(self._heading_starts, offset) - 1
        path: list[str] = []
        while index >= 0:
            path.append(self.headings[index].title)
            index = self._enclosing[index]
        return tuple(title for title in reversed(path) if title)

    def headings_within(self, start: int, end: int) -> tuple[Heading, ...]:
        """Return the headings that begin behind `start` and before `end`."""
        first, last = bisect_right(self._heading_starts, start), bisect_left(self._heading_starts, end)
        return self.headings[first:last]

    def lines(self, start: int, end: int) -> tuple[int, int]:
        """Numbers (from 1) of the lines that hold the first and the last character of [start, end)."""
        return self._line_at(start), self._line_at(max(start, end - 1))

    def _line_at(self, offset: int) -> int:
        if not self._newlines:
            counts = (self.text.count("\n", at, at + _BLOCK) for at in range(0, len(self.text), _BLOCK))
            self._newlines.extend(accumulate(counts, initial=0))
        offset = min(max(offset, 0), len(self.text))
        block = offset // _BLOCK
        return 1 + self._newlines[block] + self.text.count("\n", block * _BLOCK, offset)

    def dumps(self) -> bytes:
        """One line of JSON (the text's sha256, title, pages, headings, notes, properties), then the text in UTF-8."""
        body = self.text.encode()
        header = {
            "sha256": self.sha256,
            "title": self.title,
            "pages": self.page_starts,
            "headings": [(heading.start, heading.level, heading.title) for heading in self.headings],
            "notes": self.notes,
            "properties": self.properties,
        }
        return json.dumps(header, separators=(",", ":")).encode() + b"\n" + body

    @classmethod
    def loads(cls, data: bytes) -> Self:
        """Take back what `dumps` wrote; ValueError for anything else, a text with another checksum included.

        Versions before wrote no checksum, notes or properties: such a text is taken as it is.
        """
        line, _, body = data.partition(b"\n")
        checksum = hashlib.sha256(body).hexdigest()
        try:
            header = cast("dict[str, Any]", json.loads(line))
            headings = tuple(Heading(start, level, title) for start, level, title in header["headings"])
            notes = tuple(header.get("notes", ()))
            properties = tuple((key, value) for key, value in header.get("properties", ()))
            document = cls(body.decode(), header["title"], tuple(header["pages"]), headings, notes, properties)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"not a parsed document: {error!r}") from error
        if checksum != header.get("sha256", checksum):
            raise ValueError("not the document that was parsed: its text has another checksum")
        document._sha256.append(checksum)
        return document


def _enclosing(headings: tuple[Heading, ...]) -> tuple[int, ...]:
    """Return the index, for each heading, of the one whose section holds its own; -1 for none."""
    found: list[int] = []
    open_sections: list[int] = []
    for index, heading in enumerate(headings):
        while open_sections and headings[open_sections[-1]].level >= heading.level:
            open_sections.pop()
        found.append(open_sections[-1] if open_sections else -1)
        open_sections.append(index)
    return tuple(found)

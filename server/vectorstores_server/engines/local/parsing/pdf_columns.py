"""The reading order of a page that was drawn in a different order: columns line by line, or a table column by column.

A text page of PDFium lists its letters as they were drawn, which is mostly the order in which they are read. It also
gives the boxes of the pieces that were drawn at once, in the same order. Where these go to and fro over a gap that runs
down the page, the columns are put one after the other; where short pieces go down one column after the other, in lines
with each other, they are put in rows. Every other page stays as it is.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from statistics import median
from typing import NamedTuple

_GAP = 1.0  # in heights of a line: what is farther apart than words are
_PROSE = 18  # letters a line has in a column of text, at least
_CELL = 25  # letters a cell of a table has at most, in the middle
_LINES = 3
_ALIGNED = 0.8
_CROSSING = 0.2  # of the pieces may lie across a gap between columns: headings, footers
_LETTER = 6  # points: signs are lower than the line that they stand on
_FEWEST_STEPS = 2
_MAX_PIECES = 3_000
_LEAST_HEIGHT = 0.1


class Box(NamedTuple):
    """A box on a page, in points from its lower left corner."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def height(self) -> float:
        """Its height, never 0."""
        return max(self.top - self.bottom, _LEAST_HEIGHT)

    @property
    def middle(self) -> float:
        """The height of its middle on the page."""
        return (self.top + self.bottom) / 2

    def beside(self, other: "Box") -> bool:
        """Tell whether both stand on one line."""
        return min(self.top, other.top) - max(self.bottom, other.bottom) > 0.5 * min(self.height, other.height)

    def with_(self, other: "Box") -> "Box":
        """Return the box around both."""
        left, bottom = min(self.left, other.left), min(self.bottom, other.bottom)
        return Box(left, bottom, max(self.right, other.right), max(self.top, other.top))

    def turned(self, rotation: int) -> "Box":
        """Return the box as the page is shown, but for where its corner is."""
        match rotation:
            case 90:
                return Box(self.bottom, -self.right, self.top, -self.left)
            case 180:
                return Box(-self.right, -self.top, -self.left, -self.bottom)
            case 270:
                return Box(-self.top, self.left, -self.bottom, self.right)
            case _:
                return self


class Piece(NamedTuple):
    """A stretch of a line without a wide gap, and which of the boxes it is made of: from `first` up to `end`."""

    box: Box
    first: int
    end: int

    @property
    def letters(self) -> float:
        """About how many letters it has: one is about half as wide as a line is high."""
        return 2 * (self.box.right - self.box.left) / self.box.height


def reordered(boxes: Sequence[Box]) -> list[list[Piece]] | None:
    """Return the lines of the page in the order in which they are read; None where that is the order of `boxes`."""
    if len(boxes) < 2 * _LINES or len(boxes) > _MAX_PIECES or not _goes_to_and_fro(boxes):
        return None
    pieces = list(_pieces(boxes))
    gaps = _gaps(pieces)
    if not gaps:
        return None
    lines: list[list[Piece]] = []
    changed = False
    for crosses, run in groupby(pieces, lambda piece: _column(piece, gaps) is None):
        group = list(run)
        found = None if crosses else _by_columns(group, gaps) or _by_rows(group, gaps)
        changed = changed or found is not None
        lines += found or [[piece] for piece in group]
    return lines if changed else None


def _goes_to_and_fro(boxes: Sequence[Box]) -> bool:
    """Tell whether there are gaps within lines, or steps upwards; most pages have none, and need no closer look."""
    found = 0
    _, _, right, top = boxes[0]
    for left, bottom, following_right, following_top in boxes:
        if bottom > top or (bottom < top and left - right > max(following_top - bottom, _LETTER)):
            found += 1
        right, top = following_right, following_top
    return found >= _FEWEST_STEPS


def _pieces(boxes: Sequence[Box]) -> Iterator[Piece]:
    """Put together pieces that were drawn in parts: words, letters."""
    left, bottom, right, top = boxes[0]
    first = 0
    for at in range(1, len(boxes)):
        its_left, its_bottom, its_right, its_top = boxes[at]
        height, other = top - bottom, its_top - its_bottom
        reach = _GAP * max(height, other)
        # As `Box.beside` has it: a page may have thousands of boxes, and calls cost more than numbers.
        if -reach < its_left - right < reach and min(top, its_top) - max(bottom, its_bottom) > 0.5 * max(
            min(height, other), _LEAST_HEIGHT
        ):
            left, bottom = min(left, its_left), min(bottom, its_bottom)
            right, top = max(right, its_right), max(top, its_top)
        else:
            yield Piece(Box(left, bottom, right, top), first, at)
            left, bottom, right, top = boxes[at]
            first = at
    yield Piece(Box(left, bottom, right, top), first, len(boxes))


def _gaps(pieces: Sequence[Piece]) -> list[float]:
    """Return the gaps that run down the page between columns, from left to right."""
    left, right = min(piece.box.left for piece in pieces), max(piece.box.right for piece in pieces)
    width = int(right - left) + 1
    if width < 50 or width > 20_000:
        return []
    changes = [0] * (width + 2)
    for piece in pieces:
        changes[int(piece.box.left - left)] += 1
        changes[int(piece.box.right - left) + 1] -= 1
    most = _CROSSING * len(pieces)
    height = median(piece.box.height for piece in pieces)
    found: list[float] = []
    covered = start = 0
    for at in range(width + 1):
        covered += changes[at]
        if covered > most:
            if start and at - start > _GAP * height:
                found.append(left + (start + at) / 2)
            start = at + 1
    return found


def _column(piece: Piece, gaps: Sequence[float]) -> int | None:
    """Return the number of the column that the piece stands in; None when it lies across a gap."""
    column = sum(1 for gap in gaps if gap <= piece.box.left)
    return column if column == len(gaps) or piece.box.right <= gaps[column] else None


def _by_columns(pieces: Sequence[Piece], gaps: Sequence[float]) -> list[list[Piece]] | None:
    """Return the columns' lines one column after the other, where text was drawn to and fro between them."""
    columns = _split(pieces, gaps)
    if len(columns) < 2 or any(len(column) < _LINES for column in columns):
        return None
    if any(median(piece.letters for piece in column) < _PROSE for column in columns):
        return None
    numbers = [_column(piece, gaps) for piece in pieces]
    switches = sum(1 for before, after in pairwise(numbers) if before != after)
    if switches < 2 * len(columns):
        return None
    return [[piece] for column in columns for piece in column]


def _by_rows(pieces: Sequence[Piece], gaps: Sequence[float]) -> list[list[Piece]] | None:
    """Return a table's rows, where it was drawn down one column after the other."""
    columns = _split(pieces, gaps)
    if len(columns) < 3 or any(len(column) < _LINES for column in columns):
        return None
    numbers = [_column(piece, gaps) for piece in pieces]
    if sum(1 for before, after in pairwise(numbers) if before != after) >= len(columns):
        return None
    if median(piece.letters for piece in pieces) > _CELL:
        return None
    rows: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda piece: -piece.box.middle):
        if rows and rows[-1][0].box.beside(piece.box):
            rows[-1].append(piece)
        else:
            rows.append([piece])
    if sum(len(row) for row in rows if len(row) > 1) < _ALIGNED * len(pieces):
        return None
    return [sorted(row, key=lambda piece: piece.box.left) for row in rows]


def _split(pieces: Sequence[Piece], gaps: Sequence[float]) -> list[list[Piece]]:
    columns: list[list[Piece]] = [[] for _ in range(len(gaps) + 1)]
    for piece in pieces:
        column = _column(piece, gaps)
        if column is not None:
            columns[column].append(piece)
    return [column for column in columns if column]

"""A table of HTML: its rows, with the places that spanning cells take, and which row holds the names."""

from typing import TYPE_CHECKING

from vectorstores_server.engines.local.parsing.document_builder import DocumentBuilder
from vectorstores_server.engines.local.parsing.tables import add_table

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode


class HtmlTable:
    """The rows of a table of data: a cell that spans further columns or rows leaves them empty."""

    def __init__(self) -> None:
        self._rows: list[list[str]] = []
        self._cells: list[str] = []  # of the row at hand
        self._heads: list[bool] = []  # of its cells with words
        self._header: int | None = None
        self._has_heads = False
        self._reserved: dict[int, int] = {}  # column: for how many rows a cell above takes it
        self._spans = (1, 1)
        self._is_head = False

    def cell(self, node: "LexborNode", *, heads: bool) -> None:
        """Begin a cell."""
        self._spans = _span(node, "colspan", 100), _span(node, "rowspan", 1000)
        self._is_head = heads

    def fill(self, text: str) -> None:
        """End the cell with its text."""
        while self._reserved.get(len(self._cells)):
            self._cells.append("")
        columns, rows = self._spans
        for column in range(len(self._cells), len(self._cells) + columns if rows > 1 else 0):
            self._reserved[column] = rows
        self._cells += [text] + [""] * (columns - 1)
        self._heads += [self._is_head] if text else []
        self._has_heads |= self._is_head

    def end_row(self) -> None:
        """End the row; the first of several heads, and nothing else, holds the names."""
        if any(self._cells):
            if self._header is None and len(self._heads) > 1 and all(self._heads):
                self._header = len(self._rows)
            self._rows.append(self._cells)
        self._cells, self._heads = [], []
        self._reserved = {column: left - 1 for column, left in self._reserved.items() if left > 1}

    def write(self, builder: DocumentBuilder) -> None:
        """Write the rows; without any heads, the first of three rows and columns may hold the names."""
        guessed = not self._has_heads and len(self._rows) > 2 and max(map(len, self._rows), default=0) > 2
        add_table(builder, self._rows, named=guessed, header=self._header)


def _span(node: "LexborNode", name: str, most: int) -> int:
    stated = node.attributes.get(name) or ""
    return min(max(int(stated), 1), most) if stated.isdecimal() and len(stated) < 6 else 1

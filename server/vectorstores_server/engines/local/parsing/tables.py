"""Tables as text in which a row still says what its cells are."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, islice

from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.document_builder import DocumentBuilder
from vectorstores_server.engines.local.parsing.limits import MAX_CHARACTERS

_SEPARATOR = " | "
_SAMPLE_ROWS = 50
_HEADER_CHARACTERS = 80
_NAMED_UP_TO = 5_000_000  # characters; repeating the names makes the text up to a few times longer
_LONGEST_CELL_IN_LINES = 500


def add_table(builder: DocumentBuilder, rows: Iterable[Sequence[str]], *, named: bool = True) -> None:
    """One line a row, "Name: Ada | Born: 1815" below a first row of names, else "Ada | 1815".

    A passage out of the middle of a table thus says which column a value stands in. Rows without a value are left out,
    line ends in cells become spaces.
    """
    filled = (cells for row in rows if any(cells := [" ".join(cell.split()) for cell in row]))
    first = list(islice(filled, 2))
    names = first[0] if named and len(first) == 2 and _are_names(first[0]) else None
    for index, cells in enumerate(chain(first, filled)):
        builder.line(_named(names, cells) if names and index else _SEPARATOR.join(_trimmed(cells)))


def _are_names(cells: Sequence[str]) -> bool:
    names = _trimmed(cells)
    distinct = {name.lower() for name in names}
    return (
        len(names) > 1
        and len(distinct) == len(names)
        and all(name and len(name) <= _HEADER_CHARACTERS and not _is_number(name) for name in names)
    )


def _trimmed(cells: Sequence[str]) -> Sequence[str]:
    end = len(cells)
    while end and not cells[end - 1]:
        end -= 1
    return cells[:end]


def _is_number(text: str) -> bool:
    return text.lstrip("+-").replace(".", "", 1).replace(",", "").rstrip("%").isdigit()


def _named(names: Sequence[str], cells: Sequence[str]) -> str:
    beyond = ("",) * (len(cells) - len(names))
    pairs = zip((*names, *beyond), cells, strict=False)
    return _SEPARATOR.join(f"{name}: {cell}" if name else cell for name, cell in pairs if cell)


def delimited(text: str, extension: str) -> Document:
    """CSV with whatever delimiter it has, or TSV."""
    csv.field_size_limit(MAX_CHARACTERS)  # of the process; its own limit is 131,072
    builder = DocumentBuilder()
    delimiter = "\t" if extension == ".tsv" else _delimiter(text)
    if delimiter is None:
        builder.add(text)
    else:
        add_table(builder, _records(text, delimiter), named=len(text) <= _NAMED_UP_TO)
    return builder.build()


def _records(text: str, delimiter: str) -> list[list[str]]:
    records = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    # A quote that nobody closes makes one cell of all that follows.
    if any(cell.count("\n") > _LONGEST_CELL_IN_LINES for record in records for cell in record if len(cell) > 1000):
        return list(csv.reader(io.StringIO(text), delimiter=delimiter, quoting=csv.QUOTE_NONE))
    return records


def _delimiter(text: str) -> str | None:
    """Return the one that gives the most rows the same number of cells; None when none does."""
    sample = [line for line in text[:100_000].split("\n") if line.strip()][:_SAMPLE_ROWS]
    best, best_score = None, (0, 0)
    for delimiter in ",;\t|":
        widths = Counter(len(record) for record in csv.reader(sample, delimiter=delimiter) if record)
        width, rows = max(widths.items(), key=lambda item: item[1], default=(0, 0))
        if width > 1 and (rows, width) > best_score:
            best, best_score = delimiter, (rows, width)
    return best

"""Tables as text in which a row still says what its cells are."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, islice, pairwise

from vectorstores_server.engines.local.parsing.document import MAX_CHARACTERS, Document
from vectorstores_server.engines.local.parsing.document_builder import DocumentBuilder

_SEPARATOR = " | "
_SAMPLE_ROWS = 50
_TITLE_ROWS = 10
_LONGEST_NAME = 200
_NAME_CHARACTERS = 80  # of a name that is repeated in every row
_YEAR = re.compile(r"[12]\d{3}")
_SEPARATOR_LINE = re.compile(r'\ufeff?"?sep=(.)"?\n', re.IGNORECASE)  # Excel's, above the first row
_NAMED_UP_TO = 5_000_000  # characters; repeating the names makes the text up to a few times longer
_LONGEST_CELL_IN_LINES = 500


def add_table(
    builder: DocumentBuilder, rows: Iterable[Sequence[str]], *, named: bool = True, header: int | None = None
) -> None:
    """One line a row, "Name: Ada | Born: 1815" below a row of names, else "Ada | 1815".

    A passage out of the middle of a table thus says which column a value stands in. Rows without a value are left out,
    line ends in cells become spaces. `header` is the row of names where it is known, counted among those with values.
    """
    filled = (_trimmed(cells) for row in rows if any(cells := [" ".join(cell.split()) for cell in row]))
    first = list(islice(filled, _SAMPLE_ROWS + _TITLE_ROWS))
    header = header_row(first) if named and header is None else header
    names = column_names(first[header]) if header is not None and header < len(first) else None
    for index, cells in enumerate(chain(first, filled)):
        below = names if header is not None and index > header else None
        builder.line(_named(below, cells) if below else _SEPARATOR.join(cells))


def header_row(rows: Sequence[Sequence[str]]) -> int | None:
    """Return the index of the row of names: the first of the first ten that is as wide as the rows below it.

    None where that row is one of values: numbers that are no years, or words that come again in their columns.
    """
    for index in range(min(_TITLE_ROWS, len(rows) - 1)):
        below = rows[index + 1 :]
        widths = Counter(map(len, below))
        usual = max(widths, key=lambda width: (widths[width], width))
        filled = sum(map(bool, rows[index]))
        if usual > 1 and len(rows[index]) >= usual and filled > 1 and 2 * filled >= len(rows[index]):
            return index if _are_names(rows[index], below) else None
    return None


def column_names(cells: Sequence[str]) -> list[str]:
    """Return the names of the columns: a second "Value" is "Value 2", one without a name "column 3"."""
    names: list[str] = []
    seen: Counter[str] = Counter()
    for index, cell in enumerate(cells, start=1):
        name = cell[:_NAME_CHARACTERS].rstrip(" :") or f"column {index}"
        seen[name.lower()] += 1
        names.append(name if seen[name.lower()] == 1 else f"{name} {seen[name.lower()]}")
    return names


def _are_names(cells: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    if any(len(cell) > _LONGEST_NAME for cell in cells) or cells[0].endswith(":"):
        return False
    numbers = [cell for cell in cells if _is_number(cell)]
    columns = [{row[index] for row in below if index < len(row)} - {""} for index in range(len(cells))]
    again = sum(bool(cell) and cell in column for cell, column in zip(cells, columns, strict=True))
    if 2 * again >= sum(map(bool, cells)):
        return False
    if not numbers:
        return True
    if len(numbers) == len(cells):
        return False
    if len(numbers) > 1 and _count_on(numbers):
        return True
    years = [column for cell, column in zip(cells, columns, strict=True) if _YEAR.fullmatch(cell)]
    return len(years) == len(numbers) and not any(column and all(map(_YEAR.fullmatch, column)) for column in years)


def _count_on(numbers: Sequence[str]) -> bool:
    """Tell whether these are 1, 2, 3 or 2019, 2020: each one more than the one before."""
    if not all(number.isdecimal() and len(number) < 10 for number in numbers):
        return False
    return all(int(after) == int(before) + 1 for before, after in pairwise(numbers))


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
    stated = _SEPARATOR_LINE.match(text)
    if stated:
        text = text[stated.end() :]
    delimiter = stated[1] if stated else "\t" if extension == ".tsv" else _delimiter(text)
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

"""Excel workbooks: a section a sheet, a line a row."""

import datetime
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.document_builder import DocumentBuilder, one_line
from vectorstores_server.engines.local.parsing.errors import DAMAGE, damaged
from vectorstores_server.engines.local.parsing.tables import add_table
from vectorstores_server.engines.local.parsing.zip_check import check_archive

if TYPE_CHECKING:
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

_KIND = "an Excel workbook (.xlsx)"


def read_workbook(path: Path) -> Document:
    """Read what the cells showed when the workbook was last saved: formulas are not computed."""
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    check_archive(path, _KIND)
    builder = DocumentBuilder()
    try:
        with path.open("rb") as file:  # a name without an extension would be refused
            workbook = load_workbook(file, read_only=True, data_only=True, keep_links=False)
            for sheet in workbook.worksheets:
                rows = _rows(sheet)
                if (first := next(rows, None)) is not None:
                    builder.heading(1, sheet.title)
                    add_table(builder, chain((first,), rows))
            title = workbook.properties.title
    except (*DAMAGE, InvalidFileException) as error:
        raise damaged(_KIND) from error
    # Without a title property there is none: that of the first sheet is mostly "Sheet1".
    return replace(builder.build(), title=one_line(title or "") or None)


def _rows(sheet: "ReadOnlyWorksheet") -> Iterator[list[str]]:
    sheet.reset_dimensions()  # what the file says of them is often wrong
    for row in sheet.iter_rows(values_only=True):
        cells = [_shown(value) for value in row]
        if any(cells):
            yield cells


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ").removesuffix(" 00:00:00")
    return str(value)

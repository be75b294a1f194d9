"""Excel workbooks: a section a sheet, a line a row; comments, text boxes and charts behind the rows."""

import datetime
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.document_builder import DocumentBuilder, one_line, one_part
from vectorstores_server.engines.local.parsing.drawings import add_graphics, text_of
from vectorstores_server.engines.local.parsing.errors import DAMAGE, damaged
from vectorstores_server.engines.local.parsing.number_formats import general, shown_number
from vectorstores_server.engines.local.parsing.office_package import OfficePackage, R, parsed_xml, transitional
from vectorstores_server.engines.local.parsing.tables import add_table

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet
    from python_calamine import CalamineWorkbook

S = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
XDR = "{http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing}"
_OLD_KIND = "an Excel workbook"
_LEGACY_THREAD = re.compile(r"\[(?:Threaded comment|Kommentarthread)\b")


def read_workbook(package: OfficePackage, main: str, path: Path) -> Document:
    """Read the values that cells showed when the workbook was last saved: formulas are not computed.

    openpyxl knows the formats of numbers; workbooks that it cannot open are read by calamine, which does not.
    """
    builder = DocumentBuilder()
    workbook = _opened(package, main, path)
    other = _calamine(path) if workbook is None else None
    for name, part, kind in _sheets(package, main):
        with one_part(builder, f"sheet {name}"):
            rows: Iterator[list[str]] = iter(())
            if workbook is not None and kind == "worksheet":
                rows = _rows(workbook[name])
            elif other is not None and name in other.sheet_names:
                rows = _calamine_rows(other, name)
            _add_sheet(builder, package, name, part, rows)
    # Without a title property there is none: that of the first sheet is mostly "Sheet1".
    return replace(builder.build(), title=one_line(package.title() or "") or None)


def read_old_workbook(path: Path) -> Document:
    """Read the binary workbooks (.xls, .xlsb) and what else calamine reads."""
    from vectorstores_server.engines.local.parsing.zip_check import check_archive

    builder = DocumentBuilder()
    with path.open("rb") as file:
        packed = file.read(2) == b"PK"
    if packed:
        check_archive(path, _OLD_KIND)
    workbook = _calamine(path)
    if workbook is None:
        raise damaged(_OLD_KIND)
    for name in workbook.sheet_names:
        with one_part(builder, f"sheet {name}"):
            rows = _calamine_rows(workbook, name)
            if (first := next(rows, None)) is not None:
                builder.heading(1, name)
                add_table(builder, chain((first,), rows))
    return replace(builder.build(), title=None)


def _sheets(package: OfficePackage, main: str) -> Iterator[tuple[str, str, str]]:
    """Name, part and kind of each, in the order of the tabs."""
    relations = package.relations(main)
    for sheet in package.xml(main).iterfind(f"{S}sheets/{S}sheet"):
        relation = relations.get(sheet.get(f"{R}id", ""))
        if relation:
            yield sheet.get("name", ""), relation.target, relation.kind


def _add_sheet(
    builder: DocumentBuilder, package: OfficePackage, name: str, part: str, rows: Iterator[list[str]]
) -> None:
    first = next(rows, None)
    extras = list(_comments(builder, package, part))
    drawings = package.related(part, "drawing")
    if first is not None or extras or drawings:
        builder.heading(1, name)
    if first is not None:
        add_table(builder, chain((first,), rows))
    for extra in extras:
        builder.block(extra)
    for drawing in drawings:
        with one_part(builder, f"a drawing on sheet {name}"):
            root = package.xml(drawing)
            for body in root.iter(f"{XDR}txBody"):
                builder.block(text_of(body))
            add_graphics(builder, package, drawing, root)


def _opened(package: OfficePackage, main: str, path: Path) -> "Workbook | None":
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    source = io.BytesIO(transitional(path)) if package.is_strict(main) else io.BytesIO(path.read_bytes())
    try:
        return load_workbook(source, read_only=True, data_only=True, keep_links=False)
    except (*DAMAGE, InvalidFileException):
        return None


def _rows(sheet: "ReadOnlyWorksheet") -> Iterator[list[str]]:
    sheet.reset_dimensions()  # what the file says of them is often wrong
    for row in sheet.iter_rows():
        cells = [_cell(cell) for cell in row]
        if any(cells):
            yield cells


def _calamine(path: Path) -> "CalamineWorkbook | None":
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        return CalamineWorkbook.from_filelike(io.BytesIO(path.read_bytes()))
    except (*DAMAGE, CalamineError):
        return None
    except BaseException as error:  # a panic of its Rust code is no Exception
        if type(error).__name__ != "PanicException":
            raise
        return None


def _calamine_rows(workbook: "CalamineWorkbook", name: str) -> Iterator[list[str]]:
    from python_calamine import CalamineError

    try:
        for row in workbook.get_sheet_by_name(name).iter_rows():
            cells = [_shown(value) for value in row]
            if any(cells):
                yield cells
    except CalamineError as error:
        raise ValueError(str(error)) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise ValueError(str(error)) from error


def _cell(cell: Any) -> str:
    value = cell.value
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return shown_number(value, cell.number_format)
    return _shown(value)


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return general(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ").removesuffix(" 00:00:00")
    return str(value)


def _comments(builder: DocumentBuilder, package: OfficePackage, part: str) -> Iterator[str]:
    """Yield the comments on cells; of a thread its entries, not the line that stands in for it."""
    with one_part(builder, "the comments of a sheet"):
        people = _people(package)
        for threads in package.related(part, "threadedComment"):
            for entry in package.xml(threads):
                text = (entry.findtext("{*}text") or "").strip()
                if text:
                    yield _comment(entry.get("ref", ""), people.get(entry.get("personId", ""), ""), text)
        for comments in package.related(part, "comments"):
            root = package.xml(comments)
            authors = [" ".join((author.text or "").split()) for author in root.iter(f"{S}author")]
            for entry in root.iter(f"{S}comment"):
                text = "".join(found.text or "" for found in entry.iter(f"{S}t")).strip()
                by = entry.get("authorId", "")
                author = authors[int(by)] if by.isdecimal() and int(by) < len(authors) else ""
                if text and not _LEGACY_THREAD.match(text):
                    yield _comment(entry.get("ref", ""), author, text)


def _comment(place: str, author: str, text: str) -> str:
    named = author and not author.startswith("tc=") and not text.startswith(author)
    return f"Comment on {place} by {author}: {text}" if named else f"Comment on {place}: {text}"


def _people(package: OfficePackage) -> dict[str, str]:
    try:
        root = parsed_xml(package.data("xl/persons/person.xml"))
    except DAMAGE:
        return {}
    return {person.get("id", ""): person.get("displayName", "") for person in root}

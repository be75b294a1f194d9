"""OpenDocument (.odt, .ods, .odp): text in its order, sheets and slides by themselves."""

import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import Element

from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.document_builder import DocumentBuilder, one_part
from vectorstores_server.engines.local.parsing.errors import DAMAGE, damaged, encrypted
from vectorstores_server.engines.local.parsing.office_package import OfficePackage
from vectorstores_server.engines.local.parsing.properties import Properties, properties
from vectorstores_server.engines.local.parsing.tables import add_table
from vectorstores_server.engines.local.parsing.zip_check import check_archive

_KIND = "an OpenDocument file"
_SPACES = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
TEXT, TABLE, DRAW, OFFICE = (_SPACES % name for name in ("text", "table", "drawing", "office"))
PRESENTATION = _SPACES % "presentation"
_LEFT_OUT = frozenset((f"{TEXT}tracked-changes", f"{OFFICE}forms", f"{TEXT}sequence-decls"))
_MOST_REPEATED = 100


def read_open_document(path: Path) -> Document:
    """Read the content of a text, a workbook or a presentation."""
    check_archive(path, _KIND)
    builder = DocumentBuilder()
    try:
        with zipfile.ZipFile(path) as archive:
            package = OfficePackage(archive)
            if "encryption-data" in package.data("META-INF/manifest.xml").decode(errors="replace"):
                raise encrypted()
            body = package.xml("content.xml").find(f"{OFFICE}body")
            stated = _properties(package)
    except DAMAGE as error:
        raise damaged(_KIND) from error
    walk = _Walk(builder)
    for content in body if body is not None else ():
        walk.blocks(content)
    return replace(builder.build(), properties=stated)


def _properties(package: OfficePackage) -> Properties:
    try:
        meta = package.xml("meta.xml")
    except DAMAGE:
        return ()
    author = meta.findtext(".//{*}initial-creator") or meta.findtext(".//{*}creator") or ""
    return properties([author], meta.findtext(".//{*}creation-date") or meta.findtext(".//{*}date") or "")


class _Walk:
    def __init__(self, builder: DocumentBuilder) -> None:
        self._builder = builder
        self._slides = 0

    def blocks(self, parent: Element) -> None:
        """Write the contents of `parent`, in order."""
        for child in parent:
            if child.tag == f"{TEXT}h":
                level = child.get(f"{TEXT}outline-level", "1")
                self._builder.heading(int(level) if level.isdecimal() else 1, "".join(_inline(child)))
            elif child.tag == f"{TEXT}p":
                self._builder.block("".join(_inline(child)))
            elif child.tag == f"{TABLE}table":
                with one_part(self._builder, f"table {child.get(f'{TABLE}name', '')}"):
                    self._table(child)
            elif child.tag == f"{DRAW}page":
                self._slide(child)
            elif child.tag == f"{PRESENTATION}notes":
                self._builder.block("Notes: " + "\n".join("".join(_inline(p)) for p in child.iter(f"{TEXT}p")))
            elif child.tag not in _LEFT_OUT:
                self.blocks(child)

    def _slide(self, page: Element) -> None:
        self._slides += 1
        self._builder.gap()
        self._builder.page()
        self._builder.mark(1, "")
        with one_part(self._builder, f"slide {self._slides}"):
            self.blocks(page)

    def _table(self, table: Element) -> None:
        name = table.get(f"{TABLE}name", "")
        rows = [list(_cells(row)) for row in table.iter(f"{TABLE}table-row")]
        if not any(any(cells) for cells in rows):
            return
        self._builder.gap()
        if name:
            self._builder.heading(6, name)
        add_table(self._builder, rows)


def _cells(row: Element) -> Iterator[str]:
    for cell in row:
        if cell.tag in (f"{TABLE}table-cell", f"{TABLE}covered-table-cell"):
            text = " ".join(" ".join("".join(_inline(p)) for p in cell.iter(f"{TEXT}p")).split())
            repeated = cell.get(f"{TABLE}number-columns-repeated", "1")
            times = int(repeated) if repeated.isdecimal() and len(repeated) < 6 else 1
            yield from [text] * min(times, _MOST_REPEATED)


def _inline(element: Element) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        if child.tag == f"{TEXT}s":
            yield " "
        elif child.tag in (f"{TEXT}tab", f"{TEXT}line-break"):
            yield "\t" if child.tag == f"{TEXT}tab" else "\n"
        elif child.tag not in _LEFT_OUT:
            yield from _inline(child)
            yield "\n" if child.tag in (f"{TEXT}p", f"{TEXT}h") else ""
        yield child.tail or ""

"""Word documents.

python-docx opens the package and knows the styles. The text is taken from the XML below, because its paragraphs leave
out what was inserted with changes tracked, what stands in a content control or a text box, and the footnotes.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.document_builder import DocumentBuilder
from vectorstores_server.engines.local.parsing.errors import DAMAGE, damaged
from vectorstores_server.engines.local.parsing.zip_check import check_archive

if TYPE_CHECKING:
    from docx.document import Document as WordDocument
    from docx.styles.style import BaseStyle

_KIND = "a Word document (.docx)"
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_HEADING_STYLE = re.compile(r"heading (\d)\b", re.IGNORECASE)
_BREAKS = {f"{_W}tab": "\t", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "-"}
_LEFT_OUT = frozenset((
    f"{_W}pPr", f"{_W}rPr", f"{_W}del", f"{_W}moveFrom", f"{_W}txbxContent", f"{_W}sectPr",
    "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback",  # says the same again for old programs
))  # fmt: skip


def read_word(path: Path) -> Document:
    """Paragraphs, lists, tables, text boxes, then the notes; headings by style or outline level."""
    import docx
    from docx.exceptions import PythonDocxError
    from docx.opc.exceptions import OpcError

    check_archive(path, _KIND)
    try:
        word = docx.Document(str(path))
        builder = DocumentBuilder()
        walk = _Walk(builder, word)
        walk.blocks(cast("Any", word.element).body)
        walk.notes(word)
        return builder.build(word.core_properties.title or walk.title)
    except (*DAMAGE, PythonDocxError, OpcError) as error:
        raise damaged(_KIND) from error


class _Walk:
    """One way through a document. lxml has no types: its elements are Any."""

    def __init__(self, builder: DocumentBuilder, word: "WordDocument") -> None:
        self._builder = builder
        self._levels = dict(_style_levels(word))
        self._title_styles = {style.style_id for style in word.styles if style.name == "Title"}
        self._in_list = False
        self.title: str | None = None

    def blocks(self, parent: Any) -> None:
        """Write every paragraph and table below `parent`, in order."""
        for child in parent:
            if child.tag == f"{_W}p":
                self._paragraph(child)
            elif child.tag == f"{_W}tbl":
                self._table(child)
            elif child.tag not in _LEFT_OUT:
                self.blocks(child)

    def _paragraph(self, paragraph: Any) -> None:
        text = "".join(_text(paragraph))
        style = _value(paragraph.find(f"{_W}pPr/{_W}pStyle"))
        level = _outline_level(paragraph) or self._levels.get(style)
        if self.title is None and style in self._title_styles:
            self.title = text.strip() or None
        listed = paragraph.find(f"{_W}pPr/{_W}numPr") is not None
        if level:
            self._builder.heading(level, text)
        elif listed and text.strip():
            self._item(text)
        else:
            self._builder.block(text)
        self._in_list = listed and not level
        for box in _text_boxes(paragraph):
            self.blocks(box)

    def _item(self, text: str) -> None:
        if not self._in_list:
            self._builder.gap()
        self._builder.line(f"- {text.strip()}")

    def _table(self, table: Any) -> None:
        rows = [list(_cells(row)) for row in table.iter(f"{_W}tr") if _nearest(row, f"{_W}tbl") is table]
        if max(map(len, rows), default=0) < 2:  # a frame around text
            for cell in (cell for row in rows for cell in row):
                self.blocks(cell)
            return
        self._builder.gap()
        for row in rows:
            cells = [
                " ".join("".join(part for p in cell.iter(f"{_W}p") for part in (*_text(p), " ")).split())
                for cell in row
            ]
            if any(cells):
                self._builder.line(" | ".join(cells))

    def notes(self, word: "WordDocument") -> None:
        """Write the footnotes and endnotes, outside of every section."""
        from docx.oxml import parse_xml

        for part in cast("Any", word.part.package).iter_parts():
            if part.partname.endswith(("/footnotes.xml", "/endnotes.xml")):
                self._builder.gap()
                self._builder.mark(1, "")
                self.blocks(parse_xml(part.blob))


def _text(element: Any) -> Iterator[str]:
    for child in element:
        if child.tag == f"{_W}t":
            yield child.text or ""
        elif child.tag in _BREAKS:
            yield _BREAKS[child.tag]
        elif child.tag not in _LEFT_OUT:
            yield from _text(child)


def _text_boxes(paragraph: Any) -> Iterator[Any]:
    for child in paragraph:
        if child.tag == f"{_W}txbxContent":
            yield child
        elif child.tag not in _LEFT_OUT:
            yield from _text_boxes(child)


def _cells(row: Any) -> Iterator[Any]:
    return (cell for cell in row.iter(f"{_W}tc") if _nearest(cell, f"{_W}tr") is row)


def _nearest(element: Any, tag: str) -> Any:
    return next(element.iterancestors(tag), None)


def _value(element: Any) -> str:
    return "" if element is None else element.get(f"{_W}val") or ""


def _outline_level(owner: Any) -> int | None:
    """Level from 1; Word counts from 0 and calls 9 body text."""
    value = _value(owner.find(f"{_W}pPr/{_W}outlineLvl"))
    return int(value) + 1 if value.isdigit() and int(value) < 9 else None


def _style_levels(word: "WordDocument") -> Iterator[tuple[str, int]]:
    for style in word.styles:
        level = _style_level(style)
        if level:
            yield style.style_id, level


def _style_level(style: "BaseStyle") -> int | None:
    """Tell a heading by its own name or outline level or those of the styles it is based on."""
    seen: set[str] = set()
    current: Any = style
    while current is not None and current.style_id not in seen:
        seen.add(current.style_id)
        named = _HEADING_STYLE.match(current.name or "")
        if level := int(named[1]) if named else _outline_level(current.element):
            return level
        current = getattr(current, "base_style", None)
    return None

"""Word documents: all that stands in them, in the order of reading."""

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.document_builder import DocumentBuilder, one_part
from vectorstores_server.engines.local.parsing.drawings import A, M, add_graphics, alternatives, equation
from vectorstores_server.engines.local.parsing.errors import DAMAGE
from vectorstores_server.engines.local.parsing.office_package import OfficePackage, R
from vectorstores_server.engines.local.parsing.tables import add_table
from vectorstores_server.engines.local.parsing.word_numbering import BULLET, WordNumbering
from vectorstores_server.engines.local.parsing.word_styles import W, WordStyles, has_outline, list_of, value

_BREAKS = {f"{W}tab": "\t", f"{W}br": "\n", f"{W}cr": "\n", f"{W}noBreakHyphen": "-", f"{A}br": "\n"}
_LEFT_OUT = frozenset(f"{W}{name}" for name in ("pPr", "rPr", "del", "moveFrom", "sectPr", "tblPr", "tblGrid"))
_TEXTS = frozenset((f"{W}t", f"{A}t"))
_FIRST_ROW = 0x20  # among the bits of a table's look
_WORD_ART = "{urn:schemas-microsoft-com:vml}textpath"
_HTML = re.compile(rb"<\s*(?:html|body|p|div|!doctype)\b", re.IGNORECASE)


def read_word(package: OfficePackage, main: str) -> Document:
    """Paragraphs with their numbers, tables, boxes, charts; then notes, headers and footers, outside of sections."""
    builder = DocumentBuilder()
    walk = _Walk(builder, package, main)
    body = package.xml(main).find(f"{W}body")
    if body is None:
        raise ValueError("the document has no body")
    walk.blocks(body)
    walk.rest()
    return builder.build(package.title() or walk.title)


class _Walk:
    """One way through a document."""

    def __init__(self, builder: DocumentBuilder, package: OfficePackage, main: str) -> None:
        self._builder = builder
        self._package = package
        self._main = main
        self._part = main
        self._boxes: list[Element] = []  # of the paragraph or table at hand, like the two below
        self._graphics: list[Element] = []
        self._asked: list[str] = []
        self._styles = WordStyles(_optional(package, main, "styles"))
        self._numbering = WordNumbering(_optional(package, main, "numbering"))
        self._comments = dict(self._read_comments())
        self._in_list = False
        self.title: str | None = None

    def blocks(self, parent: Element) -> None:
        """Write every paragraph and table below `parent`, in order."""
        for child in alternatives(parent):
            if child.tag == f"{W}p":
                self._paragraph(child)
            elif child.tag == f"{W}tbl":
                self._table(child)
            elif child.tag == f"{W}altChunk":
                self._chunk(child)
            elif child.tag not in _LEFT_OUT:
                self.blocks(child)

    def rest(self) -> None:
        """Write the parts without a place in the text: notes, comments that nothing refers to, headers and footers."""
        package, main = self._package, self._main
        for part in package.related(main, "footnotes", "endnotes"):
            with one_part(self._builder, "the notes"):
                self._outside(part)
        for comment in [*self._comments]:
            self._comment(comment)
        seen: set[str] = set()
        for part in package.related(main, "header", "footer"):
            with one_part(self._builder, "a header or footer"):
                text = "".join(self._inline(package.xml(part)))
                self._drop_pending()
                if text.strip() and text not in seen:
                    seen.add(text)
                    self._outside(part)

    def _outside(self, part: str) -> None:
        self._part = part
        self._in_list = False
        root = self._package.xml(part)
        self._builder.gap()
        self._builder.mark(1, "")
        self.blocks(root)

    def _paragraph(self, paragraph: Element) -> None:
        style = value(paragraph.find(f"{W}pPr/{W}pStyle")) or self._styles.default
        text = "".join(self._inline(paragraph))
        level = has_outline(paragraph) or self._styles.levels.get(style)
        if self.title is None and style in self._styles.titles:
            self.title = text.strip() or None
        label = self._label(paragraph, style) if text.strip() else ""
        listed = bool(label) and not level
        numbered = text if label in ("", BULLET) else f"{label} {text.lstrip()}"
        if level:
            self._builder.heading(level, numbered)
        elif listed:
            if not self._in_list:
                self._builder.gap()
            self._builder.line(f"- {text.strip()}" if label == BULLET else numbered.rstrip())
        else:
            self._builder.block(text)
        if text.strip():
            self._in_list = listed
        self._pending()

    def _label(self, paragraph: Element, style: str) -> str:
        use, level = list_of(paragraph)
        if use is None:
            styled, styled_level = self._styles.lists.get(style, (None, None))
            use, level = styled, level if level is not None else styled_level
            return self._numbering.label(use, level, style) if use else ""
        return self._numbering.label(use, level or 0, style) or (BULLET if use != "0" else "")

    def _pending(self) -> None:
        """Write the objects met inside the text just written: boxes, charts, comments."""
        boxes, graphics, asked = self._boxes, self._graphics, self._asked
        self._drop_pending()
        for box in boxes:
            self._in_list = False
            self.blocks(box)
        for graphic in graphics:
            self._in_list = False
            add_graphics(self._builder, self._package, self._part, graphic)
        for comment in asked:
            self._comment(comment)

    def _drop_pending(self) -> None:
        self._boxes, self._graphics, self._asked = [], [], []

    def _comment(self, comment_id: str) -> None:
        if found := self._comments.pop(comment_id, None):
            self._in_list = False
            self._builder.block(found)

    def _table(self, table: Element) -> None:
        self._in_list = False
        rows = [list(_below(row, f"{W}tc")) for row in _below(table, f"{W}tr")]
        if max(map(len, rows), default=0) < 2:  # a frame around text
            for cell in (cell for row in rows for cell in row):
                self.blocks(cell)
            return
        self._builder.gap()
        add_table(self._builder, [self._cells(row) for row in rows], named=_has_names(table))
        self._pending()

    def _cells(self, cells: list[Element]) -> list[str]:
        """Return the texts of a row, empty ones for the further columns that a cell spans."""
        texts: list[str] = []
        for cell in cells:
            span = value(cell.find(f"{W}tcPr/{W}gridSpan"))
            texts.append(" ".join(" ".join(self._in_cell(cell)).split()))
            texts.extend([""] * (min(int(span), 100) - 1 if span.isdecimal() else 0))
        return texts

    def _in_cell(self, parent: Element) -> Iterator[str]:
        for child in alternatives(parent):
            if child.tag == f"{W}p":
                text = "".join(self._inline(child))
                style = value(child.find(f"{W}pPr/{W}pStyle")) or self._styles.default
                label = self._label(child, style) if text.strip() else ""
                yield f"{label} {text}" if label else text
            elif child.tag not in _LEFT_OUT:
                yield from self._in_cell(child)

    def _inline(self, element: Element) -> Iterator[str]:
        """Yield the text inside of a paragraph; objects beside it are kept for `_pending`."""
        for child in alternatives(element):
            if child.tag in _TEXTS:
                yield child.text or ""
            elif child.tag in _BREAKS:
                yield _BREAKS[child.tag]
            elif child.tag in (f"{M}oMath", f"{M}oMathPara"):
                yield from equation(child)
            elif child.tag not in _LEFT_OUT and not self._kept(child):
                yield child.get("string", "") if child.tag == _WORD_ART else ""
                yield from self._inline(child)
                yield "\n" if child.tag in (f"{A}p", f"{W}p") else ""

    def _kept(self, element: Element) -> bool:
        """Keep a box, a graphic or a comment; whether there is no text of the paragraph in it."""
        if element.tag == f"{W}txbxContent":
            self._boxes.append(element)
            return True
        if element.tag == f"{A}graphicData":
            self._graphics.append(element)
        elif element.tag == f"{W}commentReference":
            self._asked.append(element.get(f"{W}id", ""))
        return False

    def _chunk(self, reference: Element) -> None:
        """Write a document of another format that the document holds, where it is HTML or text."""
        from vectorstores_server.engines.local.parsing.charset import decode
        from vectorstores_server.engines.local.parsing.html import add_html

        with one_part(self._builder, "an embedded document"):
            data = self._package.data(self._package.relations(self._part)[reference.get(f"{R}id", "")].target)
            if data.startswith((b"PK", b"{\\rtf")):
                raise ValueError("a format that is not read inside of another")
            text = decode(data, declares=True).text
            if _HTML.search(data[:4096]):
                add_html(self._builder, text)
            else:
                self._builder.block(text)

    def _read_comments(self) -> Iterator[tuple[str, str]]:
        for part in self._package.related(self._main, "comments"):
            with one_part(self._builder, "the comments"):
                for comment in self._package.xml(part):
                    text = "".join(self._inline(comment)).strip()
                    author = comment.get(f"{W}author", "").strip()
                    if text:
                        yield (
                            comment.get(f"{W}id", ""),
                            f"Comment by {author}: {text}" if author else f"Comment: {text}",
                        )
        self._drop_pending()


def _below(element: Element, tag: str) -> Iterator[Element]:
    """Yield the elements with this tag below `element`, at any depth, but not inside of another of that tag."""
    for child in alternatives(element):
        if child.tag == tag:
            yield child
        elif child.tag not in _LEFT_OUT and child.tag not in (f"{W}tbl", f"{W}p"):
            yield from _below(child, tag)


def _has_names(table: Element) -> bool:
    """Tell whether the table's style marks its first row; where the style does not say, that may hold the names."""
    look = table.find(f"{W}tblPr/{W}tblLook")
    if look is None or table.find(f".//{W}tblHeader") is not None:
        return True
    marked = look.get(f"{W}firstRow")
    bits = value(look)
    return marked not in ("0", "false") if marked else not (bits and not int(bits, 16) & _FIRST_ROW)


def _optional(package: OfficePackage, main: str, kind: str) -> Element | None:
    for part in package.related(main, kind):
        try:
            return package.xml(part)
        except DAMAGE:
            return None
    return None

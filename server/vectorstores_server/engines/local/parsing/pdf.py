"""PDF: the text layer page by page and the text typed onto it; bookmarks, or lines in larger type, as sections."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from vectorstores_server.engines.local.parsing import pdf_annotations as annotations
from vectorstores_server.engines.local.parsing.document import Document, Heading
from vectorstores_server.engines.local.parsing.document_builder import DocumentBuilder, first_title, one_line
from vectorstores_server.engines.local.parsing.errors import DAMAGE, damaged, encrypted
from vectorstores_server.engines.local.parsing.pdf_characters import joined, joined_over_pages, looks_garbled
from vectorstores_server.engines.local.parsing.pdf_headings import headings
from vectorstores_server.engines.local.parsing.pdf_page import TextPage, TypeLine
from vectorstores_server.engines.local.parsing.properties import properties
from vectorstores_server.engines.local.parsing.recognised import without_text

_KIND = "a PDF"
_PASSWORD_NEEDED = 4  # FPDF_ERR_PASSWORD
_MAX_BOOKMARKS = 20_000
_PLACEHOLDER = 1_500  # characters: "Please wait ... your viewer may not be able to display this"
_WAIT = re.compile(r"please wait|viewer|adobe reader|acrobat", re.IGNORECASE)
_FILE_NAME = re.compile(r"untitled\b.*|.*\.(?:docx?|pdf|tex|dvi|indd|pptx?|xlsx?|odt|qxd|ps|rtf)", re.IGNORECASE)
_MADE_BY = re.compile(r"Microsoft (?:Word|PowerPoint|Excel) - ")


def read_pdf(path: Path) -> Document:
    """Read its text layer; of pages that are pictures an empty page is left."""
    import pypdfium2  # pyright: ignore[reportMissingTypeStubs]  # it has no types: what comes from it is Any

    pdfium: Any = pypdfium2
    try:
        with pdfium.PdfDocument(path) as pdf:
            reader = _Reader(pdf, pdfium)
            pages = reader.pages()
            bookmarks = list(islice(_bookmarks(pdf), _MAX_BOOKMARKS)) or headings(reader.lines)
            title = _title(pdf.get_metadata_value("Title"))
            stated = properties([pdf.get_metadata_value("Author")], pdf.get_metadata_value("CreationDate"))
            form_type = pdf.get_formtype()
    except pdfium.PdfiumError as error:
        raise (encrypted() if error.err_code == _PASSWORD_NEEDED else damaged(_KIND)) from error
    except DAMAGE as error:
        raise damaged(_KIND) from error
    builder = DocumentBuilder()
    for page in pages:
        builder.page()
        builder.add(page + "\n")
    is_xfa = form_type in (pdfium.raw.FORMTYPE_XFA_FULL, pdfium.raw.FORMTYPE_XFA_FOREGROUND)
    for note in _notes(pages, is_xfa=is_xfa):
        builder.note(note)
    document = builder.build()
    sections = tuple(_sections(document, bookmarks))
    return replace(document, title=title or first_title(sections), headings=sections, properties=stated)


class _Reader:
    """Reads the pages of an open PDF; `lines` are theirs, with their type, where headings must be recognised by it."""

    def __init__(self, pdf: Any, pdfium: Any) -> None:
        self._pdf = pdf
        self._raw = pdfium.raw
        self._error: type[Exception] = pdfium.PdfiumError
        self._form: Any = None
        self._has_bookmarks = next(_bookmarks(pdf), None) is not None
        self.lines: list[list[TypeLine]] = []

    def pages(self) -> list[str]:
        """Return the text of each page, empty for one that is broken: the others can still be read."""
        if self._pdf.get_formtype() != self._raw.FORMTYPE_NONE:
            self._pdf.init_forms()
            self._form = self._pdf.formenv
        pages: list[str] = []
        for index in range(len(self._pdf)):
            try:
                pages.append(self._page(index))
            except self._error:
                pages.append("")
        self.lines += [[] for _ in range(len(pages) - len(self.lines))]
        pages = joined_over_pages(pages)
        written = "\n".join(pages)
        return [joined(page, lambda word: word in written).rstrip() for page in pages]

    def _page(self, index: int) -> str:
        page = self._pdf[index]
        remarks: list[str] = []
        if self._raw.FPDFPage_GetAnnotCount(page.raw):
            remarks = annotations.remarks(self._raw, page, self._form)
            if annotations.flatten(self._raw, page):
                page.close()
                page = self._pdf[index]
        text_page = page.get_textpage()
        letters = TextPage(self._raw, text_page)
        text = letters.text(page.get_rotation())
        if not self._has_bookmarks:
            self.lines += [[] for _ in range(index - len(self.lines))]
            self.lines.append(list(letters.lines()))
        text_page.close()
        page.close()
        page_text = " ".join(text.split())
        return "\n".join([text, *(each for each in remarks if " ".join(each.split()) not in page_text)])


def _notes(pages: Sequence[str], *, is_xfa: bool) -> Iterator[str]:
    empty = [number for number, page in enumerate(pages, 1) if not page.strip()]
    if empty:
        yield without_text(empty)
    text = "\n".join(pages)
    if is_xfa and len(text) < _PLACEHOLDER and _WAIT.search(text):
        yield "XFA form: only its placeholder"
    if looks_garbled(text):
        yield "text looks garbled: the fonts carry no characters"


def _bookmarks(pdf: Any) -> Iterator[tuple[int, str, int]]:
    """Level from 1, title, index of the page."""
    for bookmark in pdf.get_toc():
        destination = bookmark.get_dest()
        page = destination.get_index() if destination is not None else None
        title = one_line(bookmark.get_title())
        if page is not None and title:
            yield bookmark.level + 1, title, page


def _sections(document: Document, bookmarks: Iterable[tuple[int, str, int]]) -> Iterator[Heading]:
    """Begin each bookmark's section where its title stands on its page, else with the page."""
    bounds: Sequence[tuple[int, int]] = tuple(pairwise((*document.page_starts, len(document.text))))
    last = 0
    for level, title, page in bookmarks:
        if page >= len(bounds) or bounds[page][1] < last:  # it points nowhere, or back
            continue
        start = max(last, bounds[page][0])
        words = r"\s+".join(map(re.escape, title.split()))
        # Up to a dozen characters for the number that the page shows and the bookmark often does not.
        found = re.compile(rf"^.{{0,12}}?{words}", re.MULTILINE).search(document.text, start, bounds[page][1])
        last = found.start() if found else start
        yield Heading(last, level, title)


def _title(stated: str) -> str | None:
    """Return the title property, unless a program filled it with the name of its own file."""
    title = _MADE_BY.sub("", one_line(stated))
    return None if _FILE_NAME.fullmatch(title) else title or None

"""PDF: the text layer page by page, and the bookmarks as sections."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from vectorstores_server.engines.local.parsing.document import Document, Heading
from vectorstores_server.engines.local.parsing.document_builder import DocumentBuilder, first_title, one_line
from vectorstores_server.engines.local.parsing.errors import DAMAGE, damaged, encrypted, unsupported

_KIND = "a PDF"
_PASSWORD_NEEDED = 4  # FPDF_ERR_PASSWORD
_MAX_BOOKMARKS = 20_000
# PDFium's sign for the hyphen of a word that goes on in the next line.
_HYPHENATED = re.compile("[\x02\ufffe][ \t]*\r?\n?")
_FILE_NAME = re.compile(r"untitled\b.*|.*\.(?:docx?|pdf|tex|dvi|indd|pptx?|xlsx?|odt|qxd|ps|rtf)", re.IGNORECASE)
_MADE_BY = re.compile(r"Microsoft (?:Word|PowerPoint|Excel) - ")


def read_pdf(path: Path) -> Document:
    """Unsupported without a text layer: characters in pictures are not recognised here."""
    import pypdfium2  # pyright: ignore[reportMissingTypeStubs]  # it has no types: what comes from it is Any

    pdfium: Any = pypdfium2
    try:
        with pdfium.PdfDocument(path) as pdf:
            builder = DocumentBuilder()
            for index in range(len(pdf)):
                builder.page()
                builder.add(_page_text(pdf, index, pdfium.PdfiumError) + "\n")
            bookmarks = list(islice(_bookmarks(pdf), _MAX_BOOKMARKS))
            title = _title(pdf.get_metadata_value("Title"))
    except pdfium.PdfiumError as error:
        raise (encrypted() if error.err_code == _PASSWORD_NEEDED else damaged(_KIND)) from error
    except DAMAGE as error:
        raise damaged(_KIND) from error
    document = builder.build()
    if not document.text.strip():
        raise _scanned(len(document.page_starts))
    headings = tuple(_sections(document, bookmarks))
    return replace(document, title=title or first_title(headings), headings=headings)


def _page_text(pdf: Any, index: int, pdfium_error: type[Exception]) -> str:
    """Empty for a page that is broken: the others can still be read."""
    try:
        page = pdf[index]
        text_page = page.get_textpage()
        text: str = text_page.get_text_bounded()
    except pdfium_error:
        return ""
    text_page.close()
    page.close()
    return _HYPHENATED.sub("", text).rstrip()


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


def _scanned(pages: int) -> Exception:
    return unsupported(
        f"has no text layer on its {pages} page{'s' if pages > 1 else ''}: it looks scanned",
        "Run text recognition (OCR) over it and upload the result",
    )

"""One file to its document: which parser reads which extension, and the errors for those that none reads.

A parser's library is imported when a file needs it.
"""

import warnings
from dataclasses import replace
from pathlib import Path, PurePath

from vectorstores_server.engines.local.parsing import HOW_TO_READ_PICTURES, PICTURES, ParseFailure
from vectorstores_server.engines.local.parsing.charset import decode
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.document_builder import check_length, clean, with_notes
from vectorstores_server.engines.local.parsing.errors import DAMAGE, ParserRefusal, unsupported
from vectorstores_server.engines.local.parsing.plain_text import without_base64
from vectorstores_tools.contract.characters import line, short_notes

_OFFICE = frozenset(
    [
        ".docx",
        ".docm",
        ".dotx",
        ".dotm",
        ".pptx",
        ".pptm",
        ".ppsx",
        ".ppsm",
        ".potx",
        ".potm",
        ".xlsx",
        ".xlsm",
        ".xltx",
        ".xltm",
    ],
)
_SAVE_AS = {
    ".doc": ".docx",
    ".dot": ".docx",
    ".pages": ".docx",
    ".wpd": ".docx",
    ".numbers": ".xlsx",
    ".ppt": ".pptx",
    ".key": ".pptx",
    ".mobi": ".epub",
    ".azw3": ".epub",
    ".djvu": ".pdf",
    ".ps": ".pdf",
    ".xps": ".pdf",
}


def read_document(path: Path, filename: str, *, blank: bool = False) -> Document:
    """Parse the file at `path` as what the extension of `filename` says; ParseFailure when there is no text to be had.

    An extension that is not known is taken for text, and refused when the content is none. `blank`: a document whose
    pages are pictures is returned with empty pages, because somebody is going to recognise their text.
    """
    name = shown_name(filename)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # libraries warn of what is odd in the user's file
            document = _read(path, PurePath(filename))
            document = replace(document, notes=tuple(short_notes(document.notes)))
        if not document.text.strip() and not (blank and document.page_starts):
            raise _without_text(document, PurePath(filename).suffix.lower())
    except ParserRefusal as refusal:
        raise ParseFailure(refusal.code, f"{name} {refusal.fact}. {refusal.step}.") from refusal
    except OSError as error:
        from vectorstores_server.system.machine_errors import is_of_the_machine

        if is_of_the_machine(error):
            raise
        raise ParseFailure("server_error", f"{name} could not be read: {error.strerror}. Upload it again.") from error
    except DAMAGE as error:
        sentence = f"The parser failed on {name} ({error!r}). Report this with the file, or upload its text."
        raise ParseFailure("server_error", sentence) from error
    return document


def shown_name(filename: str) -> str:
    """`filename` as it stands in a sentence."""
    return line(filename)


def _without_text(document: Document, extension: str) -> ParserRefusal:
    pages = len(document.page_starts)
    if extension in PICTURES:
        return unsupported("is a picture", f"To have its text read here {HOW_TO_READ_PICTURES}, or upload its text")
    if pages:
        return unsupported(
            f"has no text layer on its {pages} page{'s' if pages > 1 else ''}: it looks scanned",
            f"To have it read here {HOW_TO_READ_PICTURES}, or run text recognition (OCR) over it and upload the result",
        )
    return unsupported("holds no text", "Upload a file that has some")


def _read(path: Path, name: PurePath) -> Document:
    extension = name.suffix.lower()
    if other := _SAVE_AS.get(extension):
        raise unsupported(f"is of a type that is not read here ({extension})", f"Save it as {other} and upload that")
    if extension == ".msg":  # some mail programs cannot save .eml, others can save nothing else
        raise unsupported(
            "is of a type that is not read here (.msg)", "Save the mail as .eml, .html or .txt and upload that"
        )
    return _read_package(path, extension) or _read_text(path, extension or name.name.lower())


def _read_package(path: Path, extension: str) -> Document | None:
    """Return the document of a binary format or a package; None for any other extension."""
    if extension in _OFFICE:
        from vectorstores_server.engines.local.parsing.office import read_office

        return read_office(path, extension)
    match extension:
        case ".pdf":
            from vectorstores_server.engines.local.parsing.pdf import read_pdf as read
        case ".odt" | ".ods" | ".odp" | ".ott" | ".ots" | ".otp":
            from vectorstores_server.engines.local.parsing.open_document import read_open_document as read
        case ".xls" | ".xlsb":
            from vectorstores_server.engines.local.parsing.excel import read_old_workbook as read
        case ".eml":
            from vectorstores_server.engines.local.parsing.mail import read_mail as read
        case ".png" | ".jpg" | ".jpeg" | ".tif" | ".tiff" | ".webp":
            from vectorstores_server.engines.local.parsing.page_image import read_picture as read
        case ".epub":
            from vectorstores_server.engines.local.parsing.epub import read_epub as read
        case _:
            return None
    return read(path)


def _read_text(path: Path, kind: str) -> Document:
    # UTF-8 and UTF-32 take four bytes for a character at most.
    check_length((path.stat().st_size - 4) // 4)
    if kind in (".html", ".htm", ".xhtml"):
        from vectorstores_server.engines.local.parsing.html import read_html

        decoded = decode(path.read_bytes(), declares=True)
        return with_notes(read_html(without_base64(decoded.text)), *decoded.notes)
    decoded = decode(path.read_bytes(), declares=kind in (".xml", ".xsd", ".xsl", ".rss", ".svg"))
    text = clean(decoded.text)
    if kind == ".rtf":
        from vectorstores_server.engines.local.parsing.rich_text import rich_text

        text = clean(rich_text(text))
    if kind != ".ipynb":  # there each cell by itself
        text = without_base64(text)
    check_length(len(text))
    return with_notes(_structured(text, kind), *decoded.notes)


def _structured(text: str, kind: str) -> Document:
    from vectorstores_server.engines.local.parsing import json_text, markup, plain_text
    from vectorstores_server.engines.local.parsing import source_code as source
    from vectorstores_server.engines.local.parsing import tables as rows

    match kind:
        case ".md" | ".markdown" | ".mdx" | ".qmd" | ".rmd" | "readme":
            from vectorstores_server.engines.local.parsing.markdown import markdown

            return markdown(text)
        case ".rst" | ".adoc" | ".asciidoc" | ".org" | ".tex":
            return markup.READERS[kind](text)
        case ".txt" | ".text" | ".rtf":
            return plain_text.plain(text)
        case ".csv" | ".tsv":
            return rows.delimited(text, kind)
        case ".json" | ".jsonl" | ".ndjson" | ".geojson":
            return Document(json_text.readable_json(text))
        case ".ipynb":
            return json_text.notebook(text)
        case _:
            return source.source(text, kind)

"""Office files of the XML family (Word, PowerPoint, Excel), whatever their extension: the main part says which."""

import zipfile
from dataclasses import replace
from pathlib import Path

from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.errors import DAMAGE, ParserRefusal, damaged
from vectorstores_server.engines.local.parsing.office_package import OfficePackage
from vectorstores_server.engines.local.parsing.zip_check import check_archive

_KINDS = {"d": "a Word document (.docx)", "p": "a PowerPoint presentation (.pptx)", "x": "an Excel workbook (.xlsx)"}


def read_office(path: Path, extension: str) -> Document:
    """Read a document, template, slideshow or workbook, with macros or without: all that can be read of it."""
    kind = _KINDS["x" if extension.startswith(".xl") else "d" if extension.startswith(".do") else "p"]
    check_archive(path, kind)
    try:
        with zipfile.ZipFile(path) as archive:
            package = OfficePackage(archive)
            document = replace(_read(package, path), properties=package.properties())
    except ParserRefusal:
        raise
    except DAMAGE as error:
        raise damaged(kind) from error
    if document.notes and not document.text.strip():
        raise damaged(kind)
    return document


def _read(package: OfficePackage, path: Path) -> Document:
    main = package.main_part()
    match package.xml(main).tag.rpartition("}")[2]:
        case "document":
            from vectorstores_server.engines.local.parsing.word import read_word

            return read_word(package, main)
        case "presentation":
            from vectorstores_server.engines.local.parsing.powerpoint import read_slides

            return read_slides(package, main)
        case "workbook":
            from vectorstores_server.engines.local.parsing.excel import read_workbook

            return read_workbook(package, main, path)
        case other:
            raise ValueError(f"the main part is a {other}")

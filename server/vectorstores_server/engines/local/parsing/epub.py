"""EPUB books: the documents of the spine, one after the other."""

import posixpath
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

from vectorstores_server.engines.local.parsing.charset import decode
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.document_builder import DocumentBuilder
from vectorstores_server.engines.local.parsing.errors import DAMAGE, damaged, encrypted
from vectorstores_server.engines.local.parsing.html import add_html
from vectorstores_server.engines.local.parsing.zip_check import check_archive

_KIND = "an EPUB book"
_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_READABLE = ("application/xhtml+xml", "text/html")


def read_epub(path: Path) -> Document:
    """Read all chapters; one without headings belongs to no section. The title is that of the package."""
    check_archive(path, _KIND)
    builder = DocumentBuilder()
    try:
        with zipfile.ZipFile(path) as book:
            package_name = _package_name(book)
            package = _xml(book, package_name)
            chapters = list(_chapters(package, package_name))
            if _is_encrypted(book, chapters):
                raise encrypted()
            for chapter in chapters:
                builder.gap()
                builder.mark(1, "")
                add_html(builder, decode(book.read(chapter), declares=True).text)
            title = package.findtext(".//{*}metadata/{*}title")
    except DAMAGE as error:
        raise damaged(_KIND) from error
    return builder.build(title)


def _xml(book: zipfile.ZipFile, name: str) -> ElementTree.Element:
    # Expat limits what entities expand to, and fetches none.
    return ElementTree.fromstring(book.read(name))  # noqa: S314


def _package_name(book: zipfile.ZipFile) -> str:
    root = _xml(book, _CONTAINER).find(".//{*}rootfile")
    if root is None:
        raise ValueError("the container names no package")
    return root.attrib["full-path"]


def _chapters(package: ElementTree.Element, package_name: str) -> Iterator[str]:
    """Names in the archive, in the order of reading."""
    items = {item.attrib["id"]: item for item in package.iterfind(".//{*}manifest/{*}item")}
    for reference in package.iterfind(".//{*}spine/{*}itemref"):
        item = items[reference.attrib["idref"]]
        if item.attrib.get("media-type") in _READABLE and "nav" not in item.attrib.get("properties", "").split():
            yield posixpath.normpath(posixpath.join(posixpath.dirname(package_name), unquote(item.attrib["href"])))


def _is_encrypted(book: zipfile.ZipFile, chapters: list[str]) -> bool:
    """Whether a chapter is; fonts often are, and nobody reads those."""
    if _ENCRYPTION not in book.namelist():
        return False
    locked = {
        unquote(found.attrib.get("URI", "")) for found in _xml(book, _ENCRYPTION).iterfind(".//{*}CipherReference")
    }
    return not locked.isdisjoint(chapters)

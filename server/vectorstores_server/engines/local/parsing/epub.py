"""EPUB books: the documents of the spine, one after the other, each read by itself."""

import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

from vectorstores_server.engines.local.parsing.charset import decode
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.document_builder import DocumentBuilder, one_part
from vectorstores_server.engines.local.parsing.errors import DAMAGE, damaged, encrypted
from vectorstores_server.engines.local.parsing.html import add_html
from vectorstores_server.engines.local.parsing.properties import Properties, properties
from vectorstores_server.engines.local.parsing.zip_check import check_archive

_KIND = "an EPUB book"
_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_READABLE = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/x-oeb1-document")
_PICTURE = "image/svg+xml"
_HEADING = re.compile(r"<h[1-6]\b", re.IGNORECASE)
_ENDINGS = (".xhtml", ".html", ".htm")


def read_epub(path: Path) -> Document:
    """Read all chapters; one without headings belongs to no section. The title is that of the package."""
    check_archive(path, _KIND)
    builder = DocumentBuilder()
    try:
        with zipfile.ZipFile(path) as archive:
            book = _Book(archive)
            title = _add_book(builder, book)
            stated = _properties(book)
    except DAMAGE as error:
        raise damaged(_KIND) from error
    document = replace(builder.build(title), properties=stated)
    if document.notes and not document.text.strip():
        raise damaged(_KIND)
    return document


class _Book:
    """The parts of a book, found whatever the case of their letters."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names = {name.lower(): name for name in reversed(archive.namelist())}
        self._exact = frozenset(archive.namelist())

    def data(self, name: str) -> bytes:
        return self._archive.read(name if name in self._exact else self._names[name.lower()])

    def xml(self, name: str) -> ElementTree.Element:
        # Expat limits what entities expand to, and fetches none.
        return ElementTree.fromstring(self.data(name))  # noqa: S314

    def ending(self, *endings: str) -> list[str]:
        return [name for name in self._archive.namelist() if name.lower().endswith(endings)]

    def holds(self, name: str) -> bool:
        return name.lower() in self._names


def _properties(book: _Book) -> Properties:
    try:
        package = book.xml(_package_name(book))
    except DAMAGE:
        return ()
    authors = (author.text or "" for author in package.iterfind(".//{*}metadata/{*}creator"))
    return properties(authors, package.findtext(".//{*}metadata/{*}date") or "")


def _add_book(builder: DocumentBuilder, book: _Book) -> str | None:
    """Write the chapters of the spine; of a book whose package cannot be read all that look like chapters."""
    try:
        package_name = _package_name(book)
        package = book.xml(package_name)
        chapters = list(_chapters(package, package_name))
        title = package.findtext(".//{*}metadata/{*}title")
        labels = dict(_labels(book, package, package_name))
    except DAMAGE:
        chapters, title, labels = sorted(book.ending(*_ENDINGS)), None, {}
        builder.note("the package of the book could not be read: its chapters stand in the order of their names")
    if not chapters:
        raise ValueError("the book has no chapters")
    if _is_encrypted(book, chapters):
        raise encrypted()
    for number, chapter in enumerate(chapters, start=1):
        builder.gap()
        with one_part(builder, f"chapter {number} ({posixpath.basename(chapter)})"):
            text = decode(book.data(chapter), declares=True).text
            builder.mark(1, "" if _HEADING.search(text) else labels.get(chapter, ""))
            if chapter.lower().endswith(".svg"):
                builder.block("\n".join(_svg_texts(text)))
            else:
                add_html(builder, text)
    return title


def _svg_texts(text: str) -> Iterator[str]:
    root = ElementTree.fromstring(text)  # noqa: S314
    for node in root.iter():
        if node.tag.rpartition("}")[2] in ("text", "title", "desc"):
            yield " ".join("".join(node.itertext()).split())


def _package_name(book: _Book) -> str:
    try:
        root = book.xml(_CONTAINER).find(".//{*}rootfile")
        if root is not None and book.holds(root.get("full-path", "")):
            return root.get("full-path", "")
    except DAMAGE:
        pass
    return book.ending(".opf")[0]


def _chapters(package: ElementTree.Element, package_name: str) -> Iterator[str]:
    """Names in the archive, in the order of reading; names that the manifest does not know are passed over."""
    items = {item.get("id", ""): item for item in package.iterfind(".//{*}manifest/{*}item")}
    references = [reference.get("idref", "") for reference in package.iterfind(".//{*}spine/{*}itemref")]
    for name in references or list(items):
        item = items.get(name)
        if item is None or "nav" in item.get("properties", "").split() or not item.get("href"):
            continue
        kind, target = item.get("media-type", ""), unquote(item.get("href", "").partition("#")[0])
        if (kind in (*_READABLE, _PICTURE) and (references or kind in _READABLE)) or target.lower().endswith(_ENDINGS):
            yield posixpath.normpath(posixpath.join(posixpath.dirname(package_name), target))


def _labels(book: _Book, package: ElementTree.Element, package_name: str) -> Iterator[tuple[str, str]]:
    """Yield the titles that the table of contents (NCX) gives to whole chapters."""
    for item in package.iterfind(".//{*}manifest/{*}item"):
        if item.get("media-type") != "application/x-dtbncx+xml":
            continue
        name = posixpath.normpath(posixpath.join(posixpath.dirname(package_name), unquote(item.get("href", ""))))
        try:
            contents = book.xml(name)
        except DAMAGE:
            return
        for point in contents.iter("{http://www.daisy.org/z3986/2005/ncx/}navPoint"):
            label = " ".join((point.findtext("{*}navLabel/{*}text") or "").split())
            content = point.find("{*}content")
            source = unquote(content.get("src", "")) if content is not None else ""
            if label and source and "#" not in source:
                yield posixpath.normpath(posixpath.join(posixpath.dirname(name), source)), label


def _is_encrypted(book: _Book, chapters: list[str]) -> bool:
    """Tell whether a chapter is encrypted; fonts often are, and nobody reads those."""
    try:
        found = book.xml(_ENCRYPTION).iterfind(".//{*}CipherReference")
        return not {unquote(locked.get("URI", "")) for locked in found}.isdisjoint(chapters)
    except DAMAGE:
        return False

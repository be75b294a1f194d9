"""PowerPoint presentations: a page a slide, each read by itself."""

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.document_builder import DocumentBuilder, one_part
from vectorstores_server.engines.local.parsing.drawings import A, add_graphics, alternatives, text_of
from vectorstores_server.engines.local.parsing.errors import DAMAGE
from vectorstores_server.engines.local.parsing.office_package import OfficePackage, R
from vectorstores_server.engines.local.parsing.tables import add_table

P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_TITLES = ("title", "ctrTitle")
_COMMENTS = ("comments", "comment")


def read_slides(package: OfficePackage, main: str) -> Document:
    """Read each slide: its title as a heading, its text, tables and charts in their order, its notes and comments."""
    builder = DocumentBuilder()
    authors = _authors(package, main)
    for number, part in enumerate(_slides(package, main), start=1):
        builder.gap()
        builder.page()
        with one_part(builder, f"slide {number}"):
            _add_slide(builder, package, part)
            _add_notes(builder, package, part)
            _add_comments(builder, package, part, authors)
    return builder.build(package.title())


def _slides(package: OfficePackage, main: str) -> list[str]:
    relations = package.relations(main)
    ids = [found.get(f"{R}id", "") for found in package.xml(main).iter(f"{P}sldId")]
    return [relations[found].target for found in ids if found in relations] or package.related(main, "slide")


def _add_slide(builder: DocumentBuilder, package: OfficePackage, part: str) -> None:
    root = package.xml(part)
    tree = root.find(f"{P}cSld/{P}spTree")
    if tree is None:
        raise ValueError("the slide has no shapes")
    title = next((shape for shape in _shapes(tree) if _is_title(shape)), None)
    if title is not None:
        builder.heading(1, text_of(title.find(f"{P}txBody")))
    else:
        builder.mark(1, "")  # it does not belong to the slide before
    for shape in _shapes(tree):
        if shape is not title:
            _add_shape(builder, package, part, shape)


def _shapes(tree: Element) -> Iterator[Element]:
    """Yield the shapes in their order, those of groups in their place."""
    for shape in alternatives(tree):
        if shape.tag == f"{P}grpSp":
            yield from _shapes(shape)
        else:
            yield shape


def _is_title(shape: Element) -> bool:
    place = shape.find(f"{P}nvSpPr/{P}nvPr/{P}ph")
    return place is not None and place.get("type") in _TITLES and bool(text_of(shape.find(f"{P}txBody")).strip())


def _add_shape(builder: DocumentBuilder, package: OfficePackage, part: str, shape: Element) -> None:
    if shape.tag == f"{P}graphicFrame":
        for table in shape.iter(f"{A}tbl"):
            builder.gap()
            rows = [[" ".join(text_of(cell).split()) for cell in row.iter(f"{A}tc")] for row in table.iter(f"{A}tr")]
            properties = table.find(f"{A}tblPr")
            named = properties is None or properties.get("firstRow") in ("1", "true")
            add_table(builder, rows, named=named)
        add_graphics(builder, package, part, shape)
    else:
        for body in shape.iter(f"{P}txBody"):
            builder.block(text_of(body))


def _add_notes(builder: DocumentBuilder, package: OfficePackage, part: str) -> None:
    for notes in package.related(part, "notesSlide"):
        with one_part(builder, "the speaker's notes of a slide"):
            tree = package.xml(notes).find(f"{P}cSld/{P}spTree")
            for shape in _shapes(tree) if tree is not None else ():
                place = shape.find(f"{P}nvSpPr/{P}nvPr/{P}ph")
                text = text_of(shape.find(f"{P}txBody")).strip()
                if text and (place is None or place.get("type", "body") == "body"):
                    builder.block(f"Notes: {text}")


def _add_comments(builder: DocumentBuilder, package: OfficePackage, part: str, authors: dict[str, str]) -> None:
    for comments in package.related(part, *_COMMENTS):
        with one_part(builder, "the comments on a slide"):
            for comment in package.xml(comments).iter():
                if re.search(r"\}(cm|reply)$", comment.tag):
                    author = authors.get(comment.get("authorId", ""), "")
                    text = (comment.findtext(f"{P}text") or text_of(comment.find("{*}txBody"))).strip()
                    if text:
                        builder.block(f"Comment by {author}: {text}" if author else f"Comment: {text}")


def _authors(package: OfficePackage, main: str) -> dict[str, str]:
    names: dict[str, str] = {}
    for part in package.related(main, "commentAuthors", "authors"):
        try:
            names |= {found.get("id", ""): found.get("name", "") for found in package.xml(part)}
        except DAMAGE:
            continue
    return names

"""Headings of text that marks its own structure: reStructuredText, AsciiDoc, Org, TeX.

The text stays as it is written. Every pattern is bounded or walks a line once, so that no file makes it slow.
"""

import re
from collections.abc import Iterator

from vectorstores_server.engines.local.parsing.document import Document, Heading
from vectorstores_server.engines.local.parsing.document_builder import first_title, one_line

_TEX_LEVELS = {name: level for level, name in enumerate(
    ("part", "chapter", "section", "subsection", "subsubsection", "paragraph"), start=1
)}  # fmt: skip
_BRACED = r"\{((?:[^{}]|\{[^{}]*\}){0,300})\}"
_TEX = re.compile(rf"^[ \t]*\\({'|'.join(_TEX_LEVELS)})\*?(?:\[[^\]\n]*\])?{_BRACED}", re.MULTILINE)
_TEX_TITLE = re.compile(rf"^[ \t]*\\title(?:\[[^\]\n]*\])?{_BRACED}", re.MULTILINE)
_ORG = re.compile(r"^(\*+)[ \t]+(?:(?:TODO|DONE)[ \t]+)?(.+)$", re.MULTILINE)
_ORG_TITLE = re.compile(r"^#\+title:[ \t]*(.+)$", re.MULTILINE | re.IGNORECASE)
_ASCIIDOC = re.compile(r"^(?:(?P<fence>-{4,}|\.{4,})[ \t]*$|(?P<marks>={1,6})[ \t]+(?P<title>.+)$)", re.MULTILINE)
_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1{2,}[ \t]*\Z")


def restructured(text: str) -> Document:
    """Titles with an underline, or an overline too; the order in which the styles appear gives the levels."""
    return _document(text, tuple(_restructured_headings(text)))


def _restructured_headings(text: str) -> Iterator[Heading]:
    styles: list[tuple[str, bool]] = []
    offset, before, title = 0, ("", 0), ("", 0)
    for line in text.split("\n"):
        overlined = before[0].rstrip() == line.rstrip()
        if _underlines(line, title[0], before[0], overlined=overlined):
            style = (line[0], overlined)
            if style not in styles:
                styles.append(style)
            yield Heading(before[1] if overlined else title[1], styles.index(style) + 1, one_line(title[0]))
        before, title = title, (line, offset)
        offset += len(line) + 1


def _underlines(line: str, title: str, before: str, *, overlined: bool) -> bool:
    if not _ADORNMENT.match(line) or not title.strip() or _ADORNMENT.match(title):
        return False
    if not overlined and (before.strip() or title[0].isspace()):
        return False
    return len(line.rstrip()) >= 0.75 * len(title.strip())


def asciidoc(text: str) -> Document:
    """Lines that begin with equals signs, outside of listings."""
    return _document(text, tuple(_asciidoc_headings(text)))


def _asciidoc_headings(text: str) -> Iterator[Heading]:
    fence = ""
    for match in _ASCIIDOC.finditer(text):
        if match["fence"]:
            fence = "" if fence == match["fence"] else fence or match["fence"]
        elif not fence:
            yield Heading(match.start(), len(match["marks"]), one_line(match["title"]))


def org(text: str) -> Document:
    """Lines that begin with stars."""
    named = _ORG_TITLE.search(text)
    headings = (Heading(match.start(), len(match[1]), one_line(match[2])) for match in _ORG.finditer(text))
    return _document(text, tuple(headings), named[1] if named else None)


def tex(text: str) -> Document:
    r"""\part to \paragraph; the title is that of \title."""
    named = _TEX_TITLE.search(text)
    found = ((match.start(), _TEX_LEVELS[match[1]], one_line(match[2])) for match in _TEX.finditer(text))
    headings = tuple(Heading(start, level, title) for start, level, title in found if title)
    return _document(text, headings, named[1] if named else None)


def _document(text: str, headings: tuple[Heading, ...], title: str | None = None) -> Document:
    return Document(text, one_line(title or "") or first_title(headings), (), headings)


READERS = {".rst": restructured, ".adoc": asciidoc, ".asciidoc": asciidoc, ".org": org, ".tex": tex}

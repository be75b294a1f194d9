"""Assembling a Document: characters that do not belong in text go first, then every offset is taken."""

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from vectorstores_server.engines.local.parsing.document import MAX_CHARACTERS, Document, Heading
from vectorstores_server.engines.local.parsing.errors import DAMAGE, invalid

_TITLE_CHARACTERS = 200

_RETURN = re.compile(r"\r\n?")
# An editor does not count a form feed as a line end: beside one it goes, so that line numbers stay those of the file.
_FEED_BESIDE_NEWLINE = re.compile(r"(?<=\n)[\f\v]+|[\f\v]+(?=\n)")
_FEED = re.compile(r"[\f\v]+")
_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef\ufeff\ufffe\uffff]")


def clean(text: str) -> str:
    r"""`text` with "\n" as its only line end and tab as its only other control character, and valid as UTF-8."""
    if "\r" in text:
        text = _RETURN.sub("\n", text)
    if "\f" in text or "\v" in text:
        text = _FEED.sub("\n", _FEED_BESIDE_NEWLINE.sub("", text))
    return _NO_TEXT.sub("", text)


def one_line(text: str) -> str:
    """`text` as a title: cleaned, on one line, not longer than a title is."""
    return " ".join(clean(text).split())[:_TITLE_CHARACTERS].rstrip()


def with_notes(document: Document, *sentences: str) -> Document:
    """Return `document` with more notes; `read_document` shortens them all at the end."""
    return replace(document, notes=(*document.notes, *sentences))


class DocumentBuilder:
    """Collects text piece by piece and notes where pages and sections begin."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._pages: list[int] = []
        self._headings: list[Heading] = []
        self._notes: list[str] = []
        self._tail = ""
        self.length = 0

    def add(self, text: str) -> None:
        """Append `text`, cleaned."""
        text = clean(text)
        if text:
            self._pieces.append(text)
            self._tail = (self._tail + text[-2:])[-2:]
            self.length += len(text)
            check_length(self.length)

    def line(self, text: str) -> None:
        """Append `text` and a line end."""
        self.add(text + "\n")

    def block(self, text: str) -> None:
        """Append `text` as a paragraph, set off by blank lines; nothing when it is white space."""
        text = clean(text).strip("\n").rstrip()
        if text.strip():
            self.gap()
            self.add(text + "\n")

    def heading(self, level: int, text: str) -> None:
        """Append `text`, whole and on one line, as a paragraph that begins a section; its title may be shorter."""
        words = " ".join(clean(text).split())
        if words:
            self.gap()
            self.mark(level, one_line(words))
            self.add(words + "\n")

    def mark(self, level: int, title: str) -> None:
        """Begin a section here without writing its title."""
        self._headings.append(Heading(self.length, level, title))

    def note(self, sentence: str) -> None:
        """Say that something of the file is not in the text, or may be wrong in it."""
        self._notes.append(sentence)

    def nest(self, document: Document, level: int = 0) -> None:
        """Append another document whose sections go `level` deeper; its pages are not taken."""
        found = (Heading(self.length + inner.start, inner.level + level, inner.title) for inner in document.headings)
        self._headings.extend(found)
        self._notes.extend(document.notes)
        self.add(document.text)

    def page(self) -> None:
        """Begin a page here."""
        self._pages.append(self.length)

    def gap(self) -> None:
        """Leave a blank line after the text so far."""
        if self._tail.strip("\n"):
            self.add("\n" if self._tail.endswith("\n") else "\n\n")

    def build(self, title: str | None = None) -> Document:
        """Make the document; without a `title` the first heading is it."""
        headings = tuple(self._headings)
        title = one_line(title or "") or first_title(headings)
        return with_notes(Document("".join(self._pieces), title, tuple(self._pages), headings), *self._notes)


def first_title(headings: Sequence[Heading]) -> str | None:
    """Return the title of the first section that has one."""
    return next((heading.title for heading in headings if heading.title), None)


def check_length(characters: int) -> None:
    """Refuse text that is longer than any store takes."""
    if characters > MAX_CHARACTERS:
        raise invalid(f"holds more than {MAX_CHARACTERS:,} characters of text", "Split it and upload the parts")


@contextmanager
def one_part(builder: DocumentBuilder, name: str) -> Generator[None]:
    """Read one slide, sheet or chapter: an error over its bytes becomes a note, and the others are still read."""
    try:
        yield
    except DAMAGE as error:
        # Imported here: a file that is in order needs none of it, and it brings SQLite.
        from vectorstores_server.system.machine_errors import is_of_the_machine

        if isinstance(error, OSError) and is_of_the_machine(error):
            raise
        builder.note(f"{name} could not be read")

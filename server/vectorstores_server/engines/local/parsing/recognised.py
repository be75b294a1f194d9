"""Pages that are pictures of text: which they are in a document, what notes say of them, and their text put in."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from vectorstores_server.engines.local.parsing.document import MAX_CHARACTERS, Document, Heading
from vectorstores_server.engines.local.parsing.document_builder import with_notes

_RUNS = 8
_FEW_RUNS = 3
_SCANNED = "no text (scanned?)"


def blank_pages(document: Document) -> list[int]:
    """Return the numbers (from 1) of the pages that hold no text."""
    return [number for number, page in enumerate(_pages(document), 1) if not page.strip()]


def without_text(pages: Sequence[int], runs: int = _RUNS) -> str:
    """Return the note on pages that hold no text."""
    return f"{_named(pages, 'hold', runs)} {_SCANNED}"


def with_advice(document: Document, pages: Sequence[int], advice: str) -> Document:
    """Return the document with a note on pages without text that says what can be done."""
    return with_notes(_without_note(document), f"{without_text(pages, _FEW_RUNS)}; {advice}")


def with_recognised(document: Document, read: Mapping[int, str | None]) -> Document:
    """Return the document with the text of pages that had none; None stands for a page that could not be read."""
    pieces: list[str] = []
    starts: list[int] = []
    length = 0
    for number, page in enumerate(_pages(document), 1):
        text = read.get(number)
        piece = f"{text.rstrip()}\n" if text and not page.strip() else page
        piece = piece[: MAX_CHARACTERS - length]
        starts.append(length)
        pieces.append(piece)
        length += len(piece)
    moved = [_moved(heading, document, starts) for heading in document.headings]
    made = replace(_without_note(document), text="".join(pieces), page_starts=tuple(starts), headings=tuple(moved))
    return with_notes(made, *_notes(document, read))


def is_note_on_pictures(note: str) -> bool:
    """Tell whether a note says that pages hold no text."""
    return _SCANNED in note


def _notes(document: Document, read: Mapping[int, str | None]) -> Iterable[str]:
    blank = blank_pages(document)
    found = [number for number in blank if (read.get(number) or "").strip()]
    failed = [number for number in blank if number in read and read[number] is None]
    empty = [number for number in blank if number not in found and number not in failed]
    if found:
        yield f"{_named(found, 'were', _FEW_RUNS, 'was')} read from pictures by tesseract"
    if failed:
        yield f"{_named(failed, 'were', _FEW_RUNS, 'was')} not read: tesseract failed"
    if empty:
        yield without_text(empty, _FEW_RUNS)


def _pages(document: Document) -> list[str]:
    bounds = pairwise((*document.page_starts, len(document.text)))
    return [document.text[start:end] for start, end in bounds]


def _moved(heading: Heading, document: Document, starts: Sequence[int]) -> Heading:
    page = (document.page_at(heading.start) or 1) - 1
    return replace(heading, start=heading.start - document.page_starts[page] + starts[page])


def _without_note(document: Document) -> Document:
    return replace(document, notes=tuple(note for note in document.notes if not is_note_on_pictures(note)))


def _named(pages: Sequence[int], verb: str, runs: int, singular: str = "holds") -> str:
    return f"pages {_ranges(pages, runs)} {verb}" if len(pages) > 1 else f"page {pages[0]} {singular}"


def _ranges(numbers: Collection[int], most: int) -> str:
    """Return "2-3, 5" of 2, 3, 5; of many runs the first."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    shown = ["-".join(map(str, run)) for run in runs[:most]]
    return ", ".join(shown) + (", ..." if len(runs) > most else "")

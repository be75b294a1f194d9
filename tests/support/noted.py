"""Files that have notes: a file of each kind that the parsers say something of, and what they say."""

import re
from email.message import EmailMessage
from typing import NamedTuple

from support.samples import Placed, placed_pdf

POLISH = "imię;miasto\nZażółć;Łódź\nGęślą;Kraków\nJaźń;Białystok\n"
WORDS = "the garden was quiet in the morning and nobody had watered the flowers since the day before " * 8


class NotedSample(NamedTuple):
    """A file's name, its bytes, and the notes on it."""

    name: str
    data: bytes
    notes: list[str]


def scanned() -> NotedSample:
    """Return a PDF of four pages, two of which hold only a picture."""
    words = [Placed(72, 700, "Words of a page.")]
    return NotedSample("scan.pdf", placed_pdf([words, [], [], words]), ["pages 2-3 hold no text (scanned?)"])


def guessed() -> NotedSample:
    """Return a table in a code page."""
    return NotedSample("miasta.csv", POLISH.encode("cp1250"), ["read as windows-1250"])


def dynamic_form() -> NotedSample:
    """Return a form of which only other programs can show more than a sentence."""
    page = [Placed(72, 700, "Please wait... If this message is not replaced, update your viewer.")]
    data = placed_pdf([page], form=True)
    data = data.replace(b"/AcroForm <<", b"/NeedsRendering true /AcroForm << /XFA [(template) 3 0 R]")
    return NotedSample("form.pdf", data, ["XFA form: only its placeholder"])


def garbled() -> NotedSample:
    """Return a PDF whose letters are shown by others, as fonts without a map have them."""
    shifted = "".join(chr(ord(letter) - 29) if letter != " " else " " for letter in WORDS.title())
    lines = [re.sub(r"[\\()]", r"\\\g<0>", shifted[at : at + 70]) for at in range(0, len(shifted), 70)]
    page = [Placed(72, 700 - 14 * number, line) for number, line in enumerate(lines)]
    return NotedSample("fonts.pdf", placed_pdf([page]), ["text looks garbled: the fonts carry no characters"])


def mail(*attachments: str) -> NotedSample:
    """Return a mail with attachments of these names."""
    message = EmailMessage()
    message["Subject"] = "The harbour"
    message.set_content("The ferry leaves at nine.")
    for name in attachments:
        message.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename=name)
    return NotedSample("mail.eml", message.as_bytes(), [f"attachment not read: {name}" for name in attachments])


ISSUED = (scanned, guessed, dynamic_form, garbled)
"""The notes that are promised by their words."""

"""Bytes of a text file to text.

In this order: byte order mark, NULs (UTF-32 or UTF-16 without a mark, or binary), escapes of the seven-bit encodings,
strict UTF-8, what the file declares, UTF-8 with a few damaged places, the code page that is likeliest.
"""

import codecs
import re
import unicodedata
from collections import Counter
from typing import NamedTuple

from vectorstores_server.engines.local.parsing.code_pages import guess, shown, wider
from vectorstores_server.engines.local.parsing.errors import ParserRefusal, unsupported
from vectorstores_tools.contract.characters import BYTE_ORDER_MARKS

_SAMPLE = 64 * 1024

_ESCAPED = (b"\x1b$)C", "iso2022_kr"), (b"\x1b$", "iso2022_jp"), (b"\x1b$", "iso2022_jp_2"), (b"~{", "hz")
"""Text of ASCII bytes alone, with signs where characters of two bytes begin."""
_MAGIC = (
    (b"%PDF-", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive or an Office document"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"\x1f\x8b", "a compressed archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"SQLite format 3", "a database"),
)
_DECLARED = re.compile(rb"""(?:encoding|charset)\s*=\s*["']?\s*([A-Za-z0-9._-]+)""")
_DECLARED_IN_A_COMMENT = re.compile(rb"[#;%/*-].*?(?:en)?coding[:=]\s*([A-Za-z0-9._-]+)")  # Python's PEP 263, Emacs
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\x80-\x84\x86-\x9f]")
_MOST_CONTROLS = 0.05
_MOST_UNPRINTABLE = 0.05


class DecodedText(NamedTuple):
    """A file's text, and the notes on it: the code page that it was taken for, where that was a guess."""

    text: str
    notes: tuple[str, ...] = ()


def decode(data: bytes, *, declares: bool = False) -> DecodedText:
    """Return the text in `data`; Refused when it is binary.

    `declares`: the format says its encoding itself near its begin (HTML, XML).
    """
    decoded = _decode(data, declares)
    start = decoded.text[:_SAMPLE]
    if len(_CONTROL.findall(start)) > _MOST_CONTROLS * len(start):
        raise _binary(data)
    return decoded


def _decode(data: bytes, declares: bool) -> DecodedText:
    for mark, encoding in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return DecodedText(data.decode(encoding, errors="replace").removeprefix("\ufeff"))
    if b"\0" in data[:_SAMPLE]:
        return DecodedText(_with_nuls(data))
    text = _escaped(data)
    if text is None:
        text = _strict(data, "utf-8")
    if text is None and (declared := _declared(data, declares)):
        text = _strict(data, declared)
    if text is None:
        text = _nearly_utf_8(data)
    return _guessed(data) if text is None else DecodedText(text)


def _strict(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (UnicodeError, LookupError):  # Python also has codecs that are not for text
        return None


def _with_nuls(data: bytes) -> str:
    """UTF-32 or UTF-16 without a mark.

    Which byte of UTF-16 comes first is seen by the script: the higher bytes of a text's characters are few.
    """
    even, odd = data[:_SAMPLE:2], data[1:_SAMPLE:2]
    order = "le" if _evenness(odd) >= _evenness(even) else "be"
    for encoding in (f"utf-32-{order}", f"utf-16-{order}"):
        text = _strict(data[: len(data) & ~1], encoding)
        if text and _printable(text[:_SAMPLE]):
            return text
    raise _binary(data)


def _evenness(values: bytes) -> float:
    """Return the likelihood that two of the values are the same, and twice that of a NUL."""
    counts, length = Counter(values), len(values) or 1
    return sum(count * count for count in counts.values()) / length**2 + 2 * counts[0] / length


def _escaped(data: bytes) -> str | None:
    for sign, encoding in _ESCAPED:
        if sign in data[:_SAMPLE] and not _NOT_ASCII.search(data):
            text = _strict(data, encoding)
            if text is not None and not text.isascii():
                return text
    return None


def _printable(text: str) -> bool:
    unprintable = sum(1 for character in text if not (character.isprintable() or character.isspace()))
    if sum(1 for character in text if character > "\uffff") > len(text) / 2:  # pairs of bytes taken for one character
        return False
    return unprintable <= _MOST_UNPRINTABLE * len(text)


def _declared(data: bytes, declares: bool) -> str | None:
    """Return the encoding that the file names, in markup or in a comment of its first two lines."""
    first_lines = b"\n".join(data[:2048].split(b"\n", 2)[:2])
    match = _DECLARED.search(data[:2048]) if declares else _DECLARED_IN_A_COMMENT.search(first_lines)
    try:
        name = codecs.lookup(match[1].decode()).name if match else "utf-16"
    except LookupError:
        return None
    return None if name.startswith(("utf-16", "utf-32")) else wider(name)  # in which there would be NULs


def _nearly_utf_8(data: bytes) -> str | None:
    """UTF-8 with a few damaged places: at least ten good characters outside ASCII for every bad one."""
    text = data.decode("utf-8", errors="replace")
    bad = text.count("\ufffd")
    outside_ascii = len(data.translate(None, bytes(range(0x80))))
    # A character outside ASCII takes at least two bytes in UTF-8, so this many are good at most.
    return text if outside_ascii > 20 * bad else None


def _guessed(data: bytes) -> DecodedText:
    encoding = guess(data)
    if encoding is None:
        raise _binary(data)
    text = _strict(data, wider(encoding)) or data.decode(encoding, errors="replace")
    if encoding == "cp1258":  # writes letters and tones apart
        text = unicodedata.normalize("NFC", text)
    return DecodedText(text, (f"read as {shown(encoding)}",))


def _binary(data: bytes) -> ParserRefusal:
    kind = next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)
    fact = f"is not text but {kind}" if kind else "is a binary file, not text"
    return unsupported(fact, "Upload its text, or give the file the extension that fits its content")

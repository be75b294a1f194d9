"""Bytes of a text file to text.

In this order: byte order mark, NUL statistics (UTF-16 without a mark, or binary), strict UTF-8, what the file declares,
UTF-8 with a few damaged places, charset-normalizer on a sample. The last one takes Western text for one or another of
the single-byte code pages, mostly wrongly: its single-byte guesses are read as cp1252 unless the text is mainly in
another script; its multi-byte guesses are kept.
"""

import codecs
import re

from vectorstores_server.engines.local.parsing.errors import ParserRefusal, unsupported

_SAMPLE = 64 * 1024

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Each reads everything that the narrower ones before it do.
_MULTI_BYTE = {
    "shift_jis": "cp932",
    "cp932": "cp932",
    "shift_jis_2004": "shift_jis_2004",
    "euc_jp": "euc_jp",
    "euc_jis_2004": "euc_jis_2004",
    "iso2022_jp": "iso2022_jp",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "hz": "hz",
    "big5": "cp950",
    "cp950": "cp950",
    "big5hkscs": "big5hkscs",
    "euc_kr": "cp949",
    "cp949": "cp949",
    "johab": "johab",
}
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
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\x80-\x84\x86-\x9f]")
_MOST_CONTROLS = 0.05
_MOST_UNPRINTABLE = 0.05
_NON_LATIN = 0.3  # Western text has fewer letters outside ASCII, every other script has more


def decode(data: bytes, *, declares: bool = False) -> str:
    """Return the text in `data`; Refused when it is binary.

    `declares`: the format says its encoding itself near its begin (HTML, XML).
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace").removeprefix("\ufeff")
    if b"\0" in data[:_SAMPLE]:
        return _utf_16(data)
    # ISO-2022-JP is ASCII bytes with escapes: it would pass as UTF-8.
    text = (_strict(data, "iso2022_jp") if b"\x1b$" in data[:_SAMPLE] else None) or _strict(data, "utf-8")
    if text is None and declares:
        text = _strict(data, _declared(data))
    if text is None:
        text = _nearly_utf_8(data) or _guessed(data)
    if len(_CONTROL.findall(text[:_SAMPLE])) > _MOST_CONTROLS * len(text[:_SAMPLE]):
        raise _binary(data)
    return text


def _strict(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _utf_16(data: bytes) -> str:
    """Text whose NULs stand at even offsets only (big-endian) or at odd ones only (little-endian)."""
    sample = data[:_SAMPLE]
    even, odd = 0 in sample[::2], 0 in sample[1::2]
    if even != odd:
        text = _strict(data[: len(data) & ~1], "utf-16-be" if even else "utf-16-le")
        if text and _printable(text[:_SAMPLE]):
            return text
    raise _binary(data)


def _printable(text: str) -> bool:
    unprintable = sum(1 for character in text if not (character.isprintable() or character.isspace()))
    return unprintable <= _MOST_UNPRINTABLE * len(text)


def _declared(data: bytes) -> str:
    """Return the encoding that the file names; UTF-8 where it names none that there is."""
    match = _DECLARED.search(data[:2048])
    name = match[1].decode() if match else "utf-8"
    try:
        name = codecs.lookup(name).name
    except LookupError:
        return "utf-8"
    # What the web calls latin-1 is cp1252 (WHATWG Encoding Standard).
    return "cp1252" if name in ("iso8859-1", "ascii") else _MULTI_BYTE.get(name, name)


def _nearly_utf_8(data: bytes) -> str | None:
    """UTF-8 with a few damaged places: at least ten good characters outside ASCII for every bad one."""
    text = data.decode("utf-8", errors="replace")
    bad = text.count("\ufffd")
    outside_ascii = len(data.translate(None, bytes(range(0x80))))
    # A character outside ASCII takes at least two bytes in UTF-8, so this many are good at most.
    return text if outside_ascii > 20 * bad else None


def _guessed(data: bytes) -> str:
    from charset_normalizer import from_bytes  # 40 ms that most files do not need

    sample = _telling_sample(data)
    guess = from_bytes(sample).best()
    if guess is None:
        raise _binary(data)
    encoding = _MULTI_BYTE.get(guess.encoding)
    if encoding:
        return data.decode(encoding, errors="replace")
    if len(_NOT_ASCII.findall(sample)) > _NON_LATIN * len(sample):
        return data.decode(guess.encoding, errors="replace")
    return _strict(data, "cp1252") or data.decode("latin-1")


def _telling_sample(data: bytes) -> bytes:
    """Return the begin of what is not ASCII, in whole lines where there are lines."""
    first = _NOT_ASCII.search(data)
    start = data.rfind(b"\n", 0, first.start() if first else 0) + 1
    sample = data[start : start + _SAMPLE]
    end = sample.rfind(b"\n")
    return sample[: end + 1] if end > 0 and start + len(sample) < len(data) else sample


def _binary(data: bytes) -> ParserRefusal:
    kind = next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)
    fact = f"is not text but {kind}" if kind else "is a binary file, not text"
    return unsupported(fact, "Upload its text, or give the file the extension that fits its content")

"""Binary workbooks of texts: .xls as BIFF8 in a compound file, .xlsb as records in a zip archive."""

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence

Sheets = Mapping[str, Sequence[Sequence[str]]]

_SECTOR = 512
_LEAST_STREAM = 4096
"""Bytes below which a stream lies in a place of its own kind."""
_END, _FREE, _TABLE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
_OFFICE = "http://schemas.openxmlformats.org"


def xls(sheets: Sheets) -> bytes:
    """Return a workbook as Excel 97 wrote it."""
    bodies = [_biff_sheet(rows) for rows in sheets.values()]
    size = len(_biff_head(sheets, [0] * len(bodies)))
    places = [size + sum(map(len, bodies[:number])) for number in range(len(bodies))]
    return _compound_file(_biff_head(sheets, places) + b"".join(bodies))


def xlsb(sheets: Sheets) -> bytes:
    """Return a workbook as Excel 2007 writes it in binary."""
    numbered = list(enumerate(sheets, 1))
    relations = "".join(
        f'<Relationship Id="rId{number}" Type="{_OFFICE}/officeDocument/2006/relationships/worksheet"'
        f' Target="worksheets/sheet{number}.bin"/>'
        for number, _ in numbered
    )
    named = [
        _bin(156, struct.pack("<II", 0, number) + _wide(f"rId{number}") + _wide(name)) for number, name in numbered
    ]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("[Content_Types].xml", f'<Types xmlns="{_OFFICE}/package/2006/content-types"/>')
        archive.writestr(
            "xl/_rels/workbook.bin.rels",
            f'<Relationships xmlns="{_OFFICE}/package/2006/relationships">{relations}</Relationships>',
        )
        archive.writestr("xl/workbook.bin", b"".join([_bin(131), _bin(143), *named, _bin(144), _bin(132)]))
        for (number, _), rows in zip(numbered, sheets.values(), strict=True):
            archive.writestr(f"xl/worksheets/sheet{number}.bin", _bin_sheet(rows))
    return packed.getvalue()


def _biff(kind: int, data: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def _biff_begin(kind: int) -> bytes:
    return _biff(0x809, struct.pack("<HHHHII", 0x600, kind, 0, 0, 0, 6))


def _biff_head(sheets: Sheets, places: Sequence[int]) -> bytes:
    named = [
        _biff(0x85, struct.pack("<IHBB", place, 0, len(name), 1) + name.encode("utf-16-le"))
        for place, name in zip(places, sheets, strict=True)
    ]
    return b"".join([_biff_begin(5), _biff(0x42, struct.pack("<H", 1200)), *named, _biff(0x0A)])


def _biff_sheet(rows: Sequence[Sequence[str]]) -> bytes:
    cells = [
        _biff(0x204, struct.pack("<HHHHB", row, column, 0, len(text), 1) + text.encode("utf-16-le"))
        for row, texts in enumerate(rows)
        for column, text in enumerate(texts)
        if text
    ]
    return b"".join([_biff_begin(0x10), *cells, _biff(0x0A)])


def _compound_file(stream: bytes) -> bytes:
    """Return a file of one stream: a head, a table of sectors, a directory, and the stream's sectors."""
    stream = stream.ljust(max(_LEAST_STREAM, -(-len(stream) // _SECTOR) * _SECTOR), b"\0")
    sectors = len(stream) // _SECTOR
    table = [_TABLE, _END, *range(3, sectors + 2), _END]
    assert len(table) <= _SECTOR // 4, "one table of sectors"
    table += [_FREE] * (_SECTOR // 4 - len(table))
    head = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack("<5H", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<10I", 0, 1, 1, 0, _LEAST_STREAM, _END, 0, _END, 0, 0) + b"\xff" * 4 * 108
    directory = _entry("Root Entry", 5, 1, _END, 0) + _entry("Workbook", 2, _FREE, 2, len(stream))
    return head + struct.pack(f"<{len(table)}I", *table) + directory.ljust(_SECTOR, b"\0") + stream


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    written = name.encode("utf-16-le")
    links = struct.pack("<HBBIII", len(written) + 2, kind, 1, _FREE, _FREE, child)
    return written.ljust(64, b"\0") + links + bytes(36) + struct.pack("<IQ", start, size)


def _bin(kind: int, data: bytes = b"") -> bytes:
    """Return a record: numbers of seven bits a byte, the last without the eighth."""
    kinds = bytes([kind]) if kind < 0x80 else bytes([kind & 0x7F | 0x80, kind >> 7])
    length, sizes = len(data), b""
    while length > 0x7F:
        sizes += bytes([length & 0x7F | 0x80])
        length >>= 7
    return kinds + sizes + bytes([length]) + data


def _bin_sheet(rows: Sequence[Sequence[str]]) -> bytes:
    parts = [_bin(129), _bin(148, struct.pack("<4I", 0, len(rows), 0, max(map(len, rows)))), _bin(145)]
    for number, texts in enumerate(rows):
        parts.append(_bin(0, struct.pack("<I", number) + bytes(13)))
        parts += [_bin(6, struct.pack("<II", at, 0) + _wide(text)) for at, text in enumerate(texts) if text]
    return b"".join([*parts, _bin(146), _bin(130)])


def _wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")

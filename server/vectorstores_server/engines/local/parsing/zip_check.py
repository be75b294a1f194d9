"""A look at a ZIP archive's directory before any of it is unpacked.

What the directory says may be a lie in one direction only: the standard library stops unpacking an entry at the size
that is declared for it.
"""

import zipfile
from pathlib import Path

from vectorstores_server.engines.local.parsing.errors import damaged, encrypted, invalid

MAX_ENTRIES = 10_000
MAX_TOTAL = 1 << 30  # bytes; pictures and films count, and they hardly shrink
MAX_MARKUP = 256 << 20  # bytes of XML and HTML: what is parsed
MAX_RATIO = 200
_SMALL = 10 << 20  # nothing below is a bomb, whatever its ratio
_MARKUP = (".xml", ".rels", ".vml", ".xhtml", ".html", ".htm", ".opf", ".ncx")
_OLE = b"\xd0\xcf\x11\xe0"


def check_archive(path: Path, kind: str) -> None:
    """Refused unless `path` is a ZIP archive of a size that can be read; `kind` names the format in its sentence."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise _not_an_archive(path, kind) from error
    total = sum(entry.file_size for entry in entries)
    markup = sum(entry.file_size for entry in entries if entry.filename.lower().endswith(_MARKUP))
    packed = max(1, sum(entry.compress_size for entry in entries))
    bomb = total > _SMALL and total / packed > MAX_RATIO
    if len(entries) > MAX_ENTRIES or total > MAX_TOTAL or markup > MAX_MARKUP or bomb:
        raise invalid(
            f"would unpack to {total / 1e6:,.0f} MB in {len(entries):,} parts, which is more than is read",
            "Save it again without what is embedded, or split it",
        )
    if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for entry in entries):
        raise damaged(kind)
    if any(entry.flag_bits & 1 for entry in entries):
        raise encrypted()


def _not_an_archive(path: Path, kind: str) -> Exception:
    with path.open("rb") as file:
        if file.read(4) == _OLE:
            return invalid(
                "is protected by a password, or is of the format of Office before 2007",
                f"Open it, remove the password, save it as {kind} and upload it again",
            )
    return damaged(kind)

"""Files of no known type that are text all the same, told by their bytes."""

import codecs
import hashlib
import os
import re
import threading
import time
from pathlib import Path

from vectorstores_server.intake.secrets import holds_secret
from vectorstores_server.system import posix
from vectorstores_tools.contract.characters import BYTE_ORDER_MARKS
from vectorstores_tools.contract.intake import FileStat

LARGEST = 256 * 1024
"""Bytes. A longer file of no known type is rarely something to read: logs, dumps, data of programs."""
NEVER = "never read"
UNREADABLE = "unreadable"

_OF_PROGRAMS = (b"%PDF-", b"%!PS", b"PK\x03\x04", b"{\\rtf", b"GIF8", b"RIFF", b"\xff\xd8\xff", b"\x1f\x8b", b"MZ")
"""First bytes of formats that a small file may have without any byte that cannot be text."""
_IN_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_FIRST = 4096
MOST_KNOWN = 50_000
"""Files of which it is known whether they are text: 150 bytes each."""


class FilesRead:
    """The results of reading small files of no known type, each kept while the file's status on disk is the same."""

    def __init__(self, most: int = MOST_KNOWN) -> None:
        self._most = most
        self._reasons: dict[bytes, str | None] = {}
        self._lock = threading.Lock()

    def why_not_text(self, path: str, stat: FileStat) -> str | None:
        """Return as `why_not_text`, without reading a file twice. To be called in any thread."""
        named = f"{stat.size} {stat.modified_ns} {stat.inode} {path}".encode("utf-8", "surrogateescape")
        key = hashlib.blake2b(named, digest_size=16).digest()
        with self._lock:
            if key in self._reasons:
                self._reasons[key] = reason = self._reasons.pop(key)  # so that it is forgotten last
                return reason
        now = time.time_ns()
        reason = why_not_text(Path(path))
        if reason != UNREADABLE and stat.settled(now):
            with self._lock:
                self._reasons[key] = reason
                if len(self._reasons) > self._most:
                    del self._reasons[next(iter(self._reasons))]
        return reason


def why_not_text(path: Path) -> str | None:
    """Return why a file of no known type is not taken, None where its bytes decode as text."""
    try:
        fd = posix.open_carefully(path)
        with os.fdopen(fd, "rb") as file:
            data = file.read(_FIRST)
            if data and not decodes(data, whole=len(data) < _FIRST):
                return "unsupported type"
            data += file.read(LARGEST + 1 - len(data))
    except OSError:
        return UNREADABLE
    if len(data) > LARGEST or not decodes(data):
        return "unsupported type"
    return NEVER if holds_secret(data) else None


def decodes(data: bytes, *, whole: bool = True) -> bool:
    """Tell whether bytes are text: UTF-8, UTF-16 or UTF-32 by their marks, else any code page without control bytes.

    Of which code page the letters are is for the parser to find; what it cannot read it refuses with a sentence.
    """
    for mark, encoding in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _is_strictly(data, encoding, whole)
    return not data.startswith(_OF_PROGRAMS) and _IN_NO_TEXT.search(data) is None


def _is_strictly(data: bytes, encoding: str, whole: bool) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(data, final=whole)
    except UnicodeError:
        return False
    return True

"""The text read from pages that are pictures, kept page by page: after a restart the reading goes on where it was.

A line of JSON for each page, appended as it is done; the first line says which pages are to be read. Only the worker
writes. A line that was cut off is a page that is read again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from vectorstores_server.engines.local.files.blobs import Blobs

NAME = "pages-1"


@dataclass(frozen=True, slots=True)
class PagesRead:
    """The pages to be read, and the texts read from them so far; None stands for a page that could not be read."""

    wanted: Sequence[int] = ()
    texts: dict[int, str | None] = field(default_factory=dict[int, "str | None"])

    @property
    def left(self) -> list[int]:
        """The pages that nobody has read yet."""
        return [page for page in self.wanted if page not in self.texts]


class RecognisedPages:
    """The pages of a data directory's files, by the hash of their bytes. Raises DiskFull and Unavailable."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    async def load(self, sha256: str) -> PagesRead | None:
        """Return the pages kept of a file; None where none of it was ever asked for."""
        notes = await self._blobs.read_notes(sha256, NAME)
        return None if notes is None else _pages(notes)

    async def begin(self, sha256: str, wanted: Sequence[int]) -> None:
        """Note which pages are to be read."""
        await self._append(sha256, {"wanted": list(wanted)})

    async def add(self, sha256: str, page: int, text: str | None) -> None:
        """Keep the text read from a page; None where it cannot be read."""
        await self._append(sha256, {"page": page, "text": text})

    async def _append(self, sha256: str, entry: dict[str, Any]) -> None:
        line = f"\n{json.dumps(entry)}\n"  # the line before may have been cut off
        await self._blobs.append_note(sha256, NAME, line.encode())


def _pages(notes: bytes) -> PagesRead:
    lines = notes.decode("utf-8", "replace").splitlines()
    entries = [entry for line in lines if (entry := _entry(line)) is not None]
    wanted: list[int] = next((entry["wanted"] for entry in entries if "wanted" in entry), list[int]())
    return PagesRead(wanted, {entry["page"]: entry["text"] for entry in entries if "page" in entry})


def _entry(line: str) -> dict[str, Any] | None:
    try:
        read = json.loads(line)
    except ValueError:
        return None
    if not isinstance(read, dict):
        return None
    entry = cast("dict[str, Any]", read)
    is_page = isinstance(entry.get("page"), int) and isinstance(entry.get("text"), str | None)
    return entry if is_page or isinstance(entry.get("wanted"), list) else None

"""Parsed documents that were cited lately, so that a search does not read them from the disk each time."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TypeAlias

import anyio.to_thread

from vectorstores_server.engines.local.files.blobs import Blobs
from vectorstores_server.engines.local.parsing.document import Document

MOST_CHARACTERS = 16_000_000
Restore: TypeAlias = Callable[[str, str], Awaitable[Document | None]]
"""Parses a blob again, by its hash and a file name; None where it cannot be parsed."""


class DocumentCache:
    """Documents by the hash of their bytes; the least recently used are forgotten first."""

    def __init__(self, blobs: Blobs, restore: Restore) -> None:
        self._blobs = blobs
        self._restore = restore
        self._kept: OrderedDict[str, Document] = OrderedDict()
        self._characters = 0

    async def get(self, named: Mapping[str, str]) -> dict[str, Document]:
        """Return the documents, by hash -> file name; one that cannot be read is made again, if its blob is there."""
        missing = [h for h in named if h not in self._kept]
        read = await anyio.to_thread.run_sync(self._read, missing) if missing else {}
        for sha256 in missing:
            if sha256 not in read and (made := await self._restore(sha256, named[sha256])) is not None:
                read[sha256] = made
        found = read | {h: self._kept[h] for h in named if h in self._kept}
        for sha256 in found:
            self._keep(sha256, found[sha256])
        return found

    def _read(self, hashes: Collection[str]) -> dict[str, Document]:
        found: dict[str, Document] = {}
        for sha256 in hashes:
            document = self._blobs.load_document(sha256)
            if document is not None:
                found[sha256] = document
        return found

    def _keep(self, sha256: str, document: Document) -> None:
        if sha256 not in self._kept:
            self._characters += len(document.text)
        self._kept[sha256] = document
        self._kept.move_to_end(sha256)
        while self._characters > MOST_CHARACTERS and len(self._kept) > 1:
            _, forgotten = self._kept.popitem(last=False)
            self._characters -= len(forgotten.text)

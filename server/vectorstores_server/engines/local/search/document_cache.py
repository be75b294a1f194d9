"""Parsed documents that were cited lately, so that a search does not read them from the disk each time."""

from collections import OrderedDict
from collections.abc import Collection

import anyio.to_thread

from vectorstores_server.engines.local.files.blobs import Blobs
from vectorstores_server.engines.local.parsing.document import Document

MOST_CHARACTERS = 16_000_000


class DocumentCache:
    """Documents by the hash of their bytes; the least recently used are forgotten first."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._kept: OrderedDict[str, Document] = OrderedDict()
        self._characters = 0

    async def get(self, hashes: Collection[str]) -> dict[str, Document]:
        """Return those of the documents that there are."""
        missing = [h for h in hashes if h not in self._kept]
        read = await anyio.to_thread.run_sync(self._read, missing) if missing else {}
        found = read | {h: self._kept[h] for h in hashes if h in self._kept}
        for sha256 in found:
            self._keep(sha256, found[sha256])
        return found

    def _read(self, hashes: Collection[str]) -> dict[str, Document]:
        found: dict[str, Document] = {}
        for sha256 in hashes:
            path = self._blobs.text_path(sha256)
            if path.is_file():
                found[sha256] = Document.loads(path.read_bytes())
        return found

    def _keep(self, sha256: str, document: Document) -> None:
        if sha256 not in self._kept:
            self._characters += len(document.text)
        self._kept[sha256] = document
        self._kept.move_to_end(sha256)
        while self._characters > MOST_CHARACTERS and len(self._kept) > 1:
            _, forgotten = self._kept.popitem(last=False)
            self._characters -= len(forgotten.text)

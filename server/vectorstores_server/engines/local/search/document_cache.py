"""Parsed documents that were cited lately, so that a search does not read them from the disk each time."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from vectorstores_server.engines.local.catalog.search_view import CitedFile
from vectorstores_server.engines.local.files.blobs import Blobs
from vectorstores_server.engines.local.parsing import RECOGNISED, VERSION
from vectorstores_server.engines.local.parsing.document import Document

MOST_CHARACTERS = 16_000_000
Restore: TypeAlias = Callable[[str, str], Awaitable[Document | None]]
"""Parses a blob again, by its hash and a file name; None where it cannot be parsed."""


class TextKey(NamedTuple):
    """The hash of a file's bytes, and the version of the parsers that made the text."""

    sha256: str
    version: int


def key_of(of: CitedFile) -> TextKey:
    """Return the key of the text that the rows of a file were cut from."""
    return TextKey(of.sha256, of.text_version)


class DocumentCache:
    """Documents by the hash of their bytes and the parsers' version; the least recently used are forgotten first."""

    def __init__(self, blobs: Blobs, restore: Restore) -> None:
        self._blobs = blobs
        self._restore = restore
        self._kept: OrderedDict[TextKey, Document] = OrderedDict()
        self._characters = 0

    async def get(self, named: Mapping[TextKey, str]) -> dict[TextKey, Document]:
        """Return the documents, by their keys -> file name.

        One that cannot be read is made again, if its blob is there and these parsers make the same text.
        """
        missing = [h for h in named if h not in self._kept]
        read = await self._read(missing) if missing else {}
        for key in missing:
            if key not in read and key.version % RECOGNISED == VERSION:
                await self._restore(key.sha256, named[key])
                read |= await self._read([key])
        found = read | {h: self._kept[h] for h in named if h in self._kept}
        for key in found:
            self._keep(key, found[key])
        return found

    async def _read(self, keys: Sequence[TextKey]) -> dict[TextKey, Document]:
        read = await self._blobs.read_documents(keys)
        return {key: document for key, document in zip(keys, read, strict=True) if document is not None}

    def _keep(self, key: TextKey, document: Document) -> None:
        if key not in self._kept:
            self._characters += len(document.text)
        self._kept[key] = document
        self._kept.move_to_end(key)
        while self._characters > MOST_CHARACTERS and len(self._kept) > 1:
            _, forgotten = self._kept.popitem(last=False)
            self._characters -= len(forgotten.text)

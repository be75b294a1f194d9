"""The port for Files' bytes and parsed texts, which are named by the sha256 of the bytes.

`blob_folder` keeps them in a folder, `objects.blob_objects` in object storage. What needs a file of this machine, as
the parsers do, gets one for a while.
"""

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vectorstores_server.engines.local.parsing import RECOGNISED, VERSION
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.system.logs import event
from vectorstores_tools.contract.errors import TooLarge
from vectorstores_tools.contract.uris import TEXT_ID_DIGITS

log = logging.getLogger(__name__)

BLOCK = 1024 * 1024
TEMPORARY = ".tmp"
VERSIONS = [version + more for version in range(VERSION, 0, -1) for more in (RECOGNISED, 0)]
"""The versions of the parsers whose texts may be kept, the newest first."""


@dataclass(frozen=True, slots=True)
class ReceivedBytes:
    """Bytes that are safe, and belong to no File yet."""

    temporary: Path
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class OpenBlob:
    """Bytes that stay readable while they are open. `range` yields those from one place to another."""

    size: int
    range: Callable[[int, int], AsyncIterator[bytes]]


class Blobs(Protocol):
    """Files' bytes and texts. All raise DiskFull and Unavailable."""

    def receive(self, stream: AsyncIterator[bytes], limit: int) -> AbstractAsyncContextManager[ReceivedBytes]:
        """Write the stream; bytes that `keep` did not name may be gone after that. Raises TooLarge."""
        ...

    def receive_all(self, contents: Sequence[bytes]) -> AbstractAsyncContextManager[list[ReceivedBytes]]:
        """Write small files, as `receive` does one."""
        ...

    def keep(self, received: ReceivedBytes) -> None:
        """Give the bytes their name. Called inside the transaction that enters the File."""
        ...

    def rename(self, received: ReceivedBytes) -> None:
        """Give the bytes their name, as `keep` does, but leave it to the caller to call `sync`."""
        ...

    def sync(self) -> None:
        """Make names that were given outlast a power loss. Called before the transaction that gave them ends."""
        ...

    def files(self, hashes: Sequence[str]) -> AbstractAsyncContextManager[list[Path]]:
        """Give the bytes as files of this machine for a while; the path of missing ones leads nowhere."""
        ...

    def opened(self, sha256: str) -> AbstractAsyncContextManager[OpenBlob | None]:
        """Open the bytes; None where they are missing."""
        ...

    async def size(self, sha256: str) -> int | None:
        """Return how many bytes there are; None where they are missing."""
        ...

    async def find(self, prefix: str) -> list[str]:
        """Return the hashes of bytes that begin so."""
        ...

    async def set_aside(self, sha256: str, folder: Path) -> None:
        """Take damaged bytes out of use, without losing them: into that folder, or a place of the form's own."""
        ...

    async def read_document(self, sha256: str, version: int | None = None) -> Document | None:
        """Return the text that this version of the parsers made, or the newest; None where none can be read."""
        ...

    async def read_documents(self, keys: Sequence[tuple[str, int]]) -> list[Document | None]:
        """Return the texts of several hashes and versions."""
        ...

    async def find_document(self, sha256: str, text_id: str) -> Document | None:
        """Return the text of a blob that has this id, whichever version of the parsers made it; None where none has."""
        ...

    async def has_text(self, sha256: str) -> bool:
        """Tell whether a text of any version is there, readable or not."""
        ...

    async def write_text(self, sha256: str, data: bytes, version: int = VERSION) -> None:
        """Keep a parsed text."""
        ...

    async def write_texts(self, texts: Mapping[str, bytes]) -> None:
        """Keep parsed texts of this version, by the hashes of their bytes."""
        ...

    async def read_notes(self, sha256: str, name: str) -> bytes | None:
        """Return the notes of a name that are kept about a file; None where there are none."""
        ...

    async def append_note(self, sha256: str, name: str, line: bytes) -> None:
        """Add to the notes. One process at a time writes those of a file."""
        ...


def readable(sha256: str, data: bytes) -> Document | None:
    """Return the parsed text that was kept as these bytes; a damaged one is a miss."""
    try:
        return Document.loads(data)
    except ValueError as error:
        log.warning(
            "The cached text of blob %s cannot be read (%s); the blob is parsed again",
            sha256[:12],
            error,
            extra=event("text_unreadable", blob=sha256[:12]),
        )
        return None


def is_text(document: Document, text_id: str) -> bool:
    """Tell whether the id in an address is that of this text."""
    return document.sha256[:TEXT_ID_DIGITS] == text_id


def too_large(limit: int) -> TooLarge:
    """Return the error for a file of more than `limit` bytes."""
    return TooLarge(f"The file is larger than {limit} bytes.", "Split it into smaller ones.", param="file")


async def in_blocks(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the stream in blocks large enough to be worth the way to a thread."""
    held: list[bytes] = []
    size = 0
    async for piece in stream:
        held.append(piece)
        size += len(piece)
        if size >= BLOCK:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)

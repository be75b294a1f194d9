"""Files' bytes and parsed texts on disk, named by the sha256 of the bytes.

Bytes are complete or absent: a temporary name, fsync, rename, fsync of the directory. A parsed text is not synced: it
bears a checksum, and one that a power cut took is made again. A blob gets its name
inside the transaction that enters its File, and is unlinked inside one that finds no File: no upload loses its bytes
to a sweep.
"""

import hashlib
import logging
import os
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, ParamSpec, Self, TypeVar

import anyio.to_thread

from vectorstores_server.engines.local.catalog.connection import translated
from vectorstores_server.engines.local.directory.removal import Removal
from vectorstores_server.engines.local.parsing import PARSER, RECOGNISED, VERSION
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.system.logs import event
from vectorstores_server.system.posix import private_directory, sync_directory
from vectorstores_tools.contract.errors import TooLarge
from vectorstores_tools.contract.uris import TEXT_ID_DIGITS

P = ParamSpec("P")
T = TypeVar("T")

BLOCK = 1024 * 1024

log = logging.getLogger(__name__)
TEMPORARY = ".tmp"
VERSIONS = [version + more for version in range(VERSION, 0, -1) for more in (RECOGNISED, 0)]
"""The versions of the parsers whose texts may be kept, the newest first."""


@dataclass(frozen=True, slots=True)
class ReceivedBytes:
    """Bytes that are on disk under a temporary name."""

    temporary: Path
    sha256: str
    size: int


class Blobs:
    """The directories `blobs` and `text` of one data directory. Raises DiskFull and Unavailable."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.blobs = directory / "blobs"
        self.texts = directory / "text"
        self._removal = Removal(directory)

    def path(self, sha256: str) -> Path:
        """Return the path of a File's bytes."""
        return self.blobs / sha256

    def text_path(self, sha256: str, version: int | None = None) -> Path:
        """Return the path of the text that this version of the parsers made of these bytes; None: of the newest."""
        if version is not None:
            return self.texts / f"{sha256}.{PARSER}-{version}"
        paths = [self.text_path(sha256, number) for number in VERSIONS]
        return next((path for path in paths if path.exists()), self.text_path(sha256, VERSION))

    @asynccontextmanager
    async def receive(self, stream: AsyncIterator[bytes], limit: int) -> AsyncGenerator[ReceivedBytes]:
        """Write the stream to disk; bytes that `keep` did not name are gone at the end. Raises TooLarge."""
        temporary = self._temporary()
        try:
            yield await self._write_stream(temporary, stream, limit)
        finally:
            self._discard(temporary)

    @asynccontextmanager
    async def receive_all(self, contents: Sequence[bytes]) -> AsyncGenerator[list[ReceivedBytes]]:
        """Write small files to disk, as `receive` does one, in one way to a thread."""
        temporaries = [self._temporary() for _ in contents]
        try:
            yield await self.run(_write_all, temporaries, contents)
        finally:
            for temporary in temporaries:
                self._discard(temporary)

    def keep(self, received: ReceivedBytes) -> None:
        """Give the bytes their name. Called inside the transaction that enters the File."""
        self.rename(received)
        self.sync()

    def sync(self) -> None:
        """Make names that were given outlast a power loss. Called before the transaction that gave them ends."""
        sync_directory(self.blobs)

    def rename(self, received: ReceivedBytes) -> None:
        """Give the bytes their name, as `keep` does, but leave it to the caller to call `sync`."""
        path = self.path(received.sha256)
        try:
            received.temporary.replace(path)
        except PermissionError:  # Windows, while somebody reads the same bytes
            if not path.exists():
                raise
            os.utime(path)

    async def write_text(self, sha256: str, data: bytes, version: int = VERSION) -> None:
        """Keep the parsed text of a blob."""
        await self.run(self.store_text, sha256, data, version)

    async def read_document(self, sha256: str, version: int | None = None) -> Document | None:
        """Return the parsed text of a blob, None where none can be read: the blob is parsed again then."""
        return await self.run(self.load_document, sha256, version)

    def load_document(self, sha256: str, version: int | None = None) -> Document | None:
        """Read a parsed text in this thread. A damaged one is a miss; raises OSError where the machine fails."""
        try:
            return Document.loads(self.text_path(sha256, version).read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as error:
            log.warning(
                "The cached text of blob %s cannot be read (%s); the blob is parsed again",
                sha256[:12],
                error,
                extra=event("text_unreadable", blob=sha256[:12]),
            )
            return None

    async def find_document(self, sha256: str, text_id: str) -> Document | None:
        """Return the text of a blob that has this id, whichever version of the parsers made it; None where none has."""
        return await self.run(self._find_document, sha256, text_id)

    def _find_document(self, sha256: str, text_id: str) -> Document | None:
        found = (self.load_document(sha256, version) for version in VERSIONS)
        return next((text for text in found if text is not None and is_text(text, text_id)), None)

    def _temporary(self) -> Path:
        return self.blobs / f"{secrets.token_hex(16)}{TEMPORARY}"

    async def _write_stream(self, path: Path, stream: AsyncIterator[bytes], limit: int) -> ReceivedBytes:
        """Write a block when the next one is there: a file of one block takes one way to a thread."""
        size = 0
        with _BlobWriter(path) as writer:
            held = b""
            async for block in _blocks(stream):
                size += len(block)
                if size > limit:
                    raise too_large(limit)
                if held:
                    await self.run(writer.write, held)
                held = block
            sha256 = await self.run(writer.finish, held)
        return ReceivedBytes(path, sha256, size)

    def store_text(self, sha256: str, data: bytes, version: int = VERSION) -> None:
        """Keep a parsed text, in this thread."""
        path = self.text_path(sha256, version)
        temporary = self.texts / f"{secrets.token_hex(16)}{TEMPORARY}"
        try:
            with _open_new(temporary) as file:
                file.write(data)
            temporary.replace(path)
        except PermissionError:  # Windows, while somebody reads it
            if not path.exists() or path.read_bytes() != data:
                raise
        finally:
            self._discard(temporary)

    def _discard(self, temporary: Path) -> None:
        """Erase bytes that were not kept. Where the system refuses, a sweep does it: an earlier error counts."""
        with suppress(OSError):
            self._removal.erase([f"{temporary.parent.name}/{temporary.name}"])

    async def run(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function that reads or writes here, in a thread. Raises DiskFull and Unavailable."""
        try:
            return await anyio.to_thread.run_sync(partial(fn, *args, **kwargs))
        except OSError as error:
            raise translated(error, self.directory) from error


def is_text(document: Document, text_id: str) -> bool:
    """Tell whether the id in an address is that of this text."""
    return document.sha256[:TEXT_ID_DIGITS] == text_id


class _BlobWriter:
    """Writes a new file; everything is called in threads, one after the other. It is made by the first block."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digest = hashlib.sha256()
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, block: bytes) -> None:
        """Append a block."""
        if self._file is None:
            self._file = _open_new(self._path)
        self._digest.update(block)
        self._file.write(block)

    def finish(self, block: bytes) -> str:
        """Append the last block and sync the file; return the sha256 of all."""
        self.write(block)
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
        return self._digest.hexdigest()


def too_large(limit: int) -> TooLarge:
    """Return the error for a file of more than `limit` bytes."""
    return TooLarge(f"The file is larger than {limit} bytes.", "Split it into smaller ones.", param="file")


def _write_all(paths: Sequence[Path], contents: Sequence[bytes]) -> list[ReceivedBytes]:
    written: list[ReceivedBytes] = []
    for path, content in zip(paths, contents, strict=True):
        with _BlobWriter(path) as writer:
            written.append(ReceivedBytes(path, writer.finish(content), len(content)))
    return written


async def _blocks(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
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


def _open_new(path: Path) -> BinaryIO:
    private_directory(path.parent)
    return os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o600), "wb")

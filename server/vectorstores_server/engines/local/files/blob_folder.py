"""Files' bytes and parsed texts in folders of the data directory, named by the sha256 of the bytes.

Bytes are complete or absent: a temporary name, fsync, rename, fsync of the directory. A parsed text is not synced: it
bears a checksum, and one that a power cut took is made again. A blob gets its name
inside the transaction that enters its File, and is unlinked inside one that finds no File: no upload loses its bytes
to a sweep.
"""

import hashlib
import os
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO, ParamSpec, Self, TypeVar

import anyio.to_thread

from vectorstores_server.engines.local.catalog.connection import on_disk
from vectorstores_server.engines.local.directory.removal import Removal
from vectorstores_server.engines.local.files.blobs import (
    BLOCK,
    TEMPORARY,
    VERSIONS,
    OpenBlob,
    ReceivedBytes,
    in_blocks,
    is_text,
    readable,
    too_large,
)
from vectorstores_server.engines.local.parsing import PARSER, VERSION
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.system.posix import private_directory, sync_directory

P = ParamSpec("P")
T = TypeVar("T")


class BlobFolder:
    """The directories `blobs` and `text` of one data directory, as `Blobs` promises."""

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

    @asynccontextmanager
    async def files(self, hashes: Sequence[str]) -> AsyncGenerator[list[Path]]:
        """Give the paths of the bytes."""
        yield [self.path(sha256) for sha256 in hashes]

    @asynccontextmanager
    async def opened(self, sha256: str) -> AsyncGenerator[OpenBlob | None]:
        """Open the bytes; None where they are missing."""
        try:
            file = await anyio.to_thread.run_sync(lambda: self.path(sha256).open("rb"))
        except FileNotFoundError:
            yield None
            return
        with file:
            yield OpenBlob(os.fstat(file.fileno()).st_size, partial(_range, file))

    async def size(self, sha256: str) -> int | None:
        """Return how many bytes there are; None where they are missing."""
        return await anyio.to_thread.run_sync(_size, self.path(sha256))

    async def find(self, prefix: str) -> list[str]:
        """Return the hashes of bytes that begin so."""
        return await anyio.to_thread.run_sync(lambda: sorted(path.name for path in self.blobs.glob(f"{prefix}*")))

    async def set_aside(self, sha256: str, folder: Path) -> None:
        """Move damaged bytes into the folder."""

        def move() -> None:
            private_directory(folder)
            self.path(sha256).replace(folder / sha256)

        await anyio.to_thread.run_sync(move)

    async def write_text(self, sha256: str, data: bytes, version: int = VERSION) -> None:
        """Keep the parsed text of a blob."""
        await self.run(self.store_text, sha256, data, version)

    async def write_texts(self, texts: Mapping[str, bytes]) -> None:
        """Keep parsed texts of this version, in one way to a thread."""

        def store() -> None:
            for sha256, data in texts.items():
                self.store_text(sha256, data)

        await self.run(store)

    async def read_document(self, sha256: str, version: int | None = None) -> Document | None:
        """Return the parsed text of a blob, None where none can be read: the blob is parsed again then."""
        return await self.run(self.load_document, sha256, version)

    async def read_documents(self, keys: Sequence[tuple[str, int]]) -> list[Document | None]:
        """Return the texts of several hashes and versions, in one way to a thread."""
        return await self.run(lambda: [self.load_document(*key) for key in keys])

    def load_document(self, sha256: str, version: int | None = None) -> Document | None:
        """Read a parsed text in this thread. A damaged one is a miss; raises OSError where the machine fails."""
        try:
            return readable(sha256, self.text_path(sha256, version).read_bytes())
        except FileNotFoundError:
            return None

    async def find_document(self, sha256: str, text_id: str) -> Document | None:
        """Return the text of a blob that has this id, whichever version of the parsers made it; None where none has."""
        return await self.run(self._find_document, sha256, text_id)

    def _find_document(self, sha256: str, text_id: str) -> Document | None:
        found = (self.load_document(sha256, version) for version in VERSIONS)
        return next((text for text in found if text is not None and is_text(text, text_id)), None)

    async def has_text(self, sha256: str) -> bool:
        """Tell whether a text of any version is there, readable or not."""
        return await anyio.to_thread.run_sync(self.text_path(sha256).exists)

    async def read_notes(self, sha256: str, name: str) -> bytes | None:
        """Return the notes of a name that are kept about a file; None where there are none."""
        try:
            return await anyio.to_thread.run_sync(self._notes(sha256, name).read_bytes)
        except FileNotFoundError:
            return None

    async def append_note(self, sha256: str, name: str, line: bytes) -> None:
        """Add to the notes."""
        await self.run(_append, self._notes(sha256, name), line)

    def _notes(self, sha256: str, name: str) -> Path:
        return self.texts / f"{sha256}.{name}"

    def _temporary(self) -> Path:
        return self.blobs / f"{secrets.token_hex(16)}{TEMPORARY}"

    async def _write_stream(self, path: Path, stream: AsyncIterator[bytes], limit: int) -> ReceivedBytes:
        """Write a block when the next one is there: a file of one block takes one way to a thread."""
        size = 0
        with _BlobWriter(path) as writer:
            held = b""
            async for block in in_blocks(stream):
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
        return await on_disk(self.directory, fn, *args, **kwargs)


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


def _write_all(paths: Sequence[Path], contents: Sequence[bytes]) -> list[ReceivedBytes]:
    written: list[ReceivedBytes] = []
    for path, content in zip(paths, contents, strict=True):
        with _BlobWriter(path) as writer:
            written.append(ReceivedBytes(path, writer.finish(content), len(content)))
    return written


async def _range(file: BinaryIO, start: int, end: int) -> AsyncIterator[bytes]:
    await anyio.to_thread.run_sync(file.seek, start)
    while start < end:
        block = await anyio.to_thread.run_sync(file.read, min(BLOCK, end - start))
        if not block:
            return
        start += len(block)
        yield block


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _append(path: Path, line: bytes) -> None:
    private_directory(path.parent)
    with path.open("ab") as file:
        file.write(line)


def _open_new(path: Path) -> BinaryIO:
    private_directory(path.parent)
    return os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o600), "wb")

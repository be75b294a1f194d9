"""Bytes on their way out, in a temporary file: flat memory, a known size, and they can be sent again."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from anyio import to_thread

IN_MEMORY = 1024 * 1024
Sent = Callable[[int], None]


class ByteStream:
    """A stream of bytes that is taken in portions. Nothing is read ahead but the rest of one piece."""

    def __init__(self, stream: AsyncIterator[bytes]) -> None:
        self._stream = stream
        self._left = b""

    async def portion(self, size: int) -> AsyncGenerator[bytes]:
        """Yield the next `size` bytes in pieces, fewer only at the end."""
        while size > 0 and (piece := self._left or await anext(self._stream, None)) is not None:
            taken, self._left = piece[:size], piece[size:]
            size -= len(taken)
            yield taken


@asynccontextmanager
async def spooled(
    pieces: AsyncIterator[bytes], sent: Sent | None = None, before: int = 0
) -> AsyncGenerator["FileRange"]:
    """Keep what `pieces` bring; `sent` gets `before` plus the number of bytes that are read from it again."""
    with SpooledTemporaryFile(max_size=IN_MEMORY) as file:
        size = 0
        async for piece in pieces:
            size += len(piece)
            await to_thread.run_sync(file.write, piece)
        yield FileRange(cast("BinaryIO", file), 0, size, sent, before)


class FileRange:
    """The bytes [start, start + size) of a file, read as a file of their own: bytes read count as sent."""

    def __init__(self, file: BinaryIO, start: int, size: int, sent: Sent | None = None, before: int = 0) -> None:
        self._file, self._start, self.size = file, start, size
        self._sent, self._before = sent, before
        self._at = 0

    def window(self, start: int, size: int) -> "FileRange":
        """Return a part of this range as a file of its own."""
        kept = min(size, self.size - start)
        return FileRange(self._file, self._start + start, kept, self._sent, self._before + start)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move as in any file; return the new position."""
        self._at = offset + (0, self._at, self.size)[whence]
        return self._at

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Read as from any file."""
        left = self.size - self._at
        self._file.seek(self._start + self._at)
        data = self._file.read(left if size < 0 else min(size, left))
        self._at += len(data)
        if self._sent is not None and data:
            self._sent(self._before + self._at)
        return data

"""Opening one file: the file that was checked is the one that is read."""

import errno
import hashlib
import os
import stat
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from anyio import to_thread
from anyio.from_thread import check_cancelled

from vectorstores_server.intake.paths import as_listed
from vectorstores_server.intake.roots import Roots
from vectorstores_server.system import posix
from vectorstores_tools.contract.errors import InvalidRequest, NotAllowed, TooLarge, VectorStoreError
from vectorstores_tools.contract.intake import FileStat, Source

CHUNK = 1 << 18
MOST_INODE = (1 << 63) - 1


class _Opened(NamedTuple):
    """A file that was hashed. `data` are all of its bytes where it is small; then there is no descriptor."""

    path: Path
    stat: FileStat
    sha256: str
    size: int
    fd: int | None = None
    data: bytes = b""


@asynccontextmanager
async def open_file(path: Path, roots: Roots, max_bytes: int) -> AsyncGenerator[Source]:
    """Open a regular file below a root, hash it, and stream it from its beginning. A small one is read at once."""
    found = await to_thread.run_sync(_hashed, path, roots, max_bytes)
    try:
        stream = once(found.data) if found.fd is None else _stream(found.fd, found.size)
        at_hand = found.fd is None
        yield Source(
            found.path.name, str(found.path), found.sha256, found.size, stream, stat=found.stat, at_hand=at_hand
        )
    finally:
        if found.fd is not None:
            os.close(found.fd)


def _hashed(path: Path, roots: Roots, max_bytes: int) -> _Opened:
    """Open and hash a file, in one go: a folder of notes costs as many ways to a thread as it has files."""
    fd = _open_checked(path, roots, max_bytes)
    try:
        stat = stat_of(os.fstat(fd))
        listed = _named_as_listed(path)
        data = _read_small(fd) if stat.size <= CHUNK else None
        if data is None:
            os.lseek(fd, 0, os.SEEK_SET)
            return _Opened(listed, stat, *_digest(fd, max_bytes, path), fd)
    except BaseException:
        os.close(fd)
        raise
    os.close(fd)
    if len(data) > max_bytes:
        raise _too_large(path, len(data), max_bytes)
    return _Opened(listed, stat, hashlib.sha256(data).hexdigest(), len(data), data=data)


def _read_small(fd: int) -> bytes | None:
    """Return the whole of a small file; None where it has grown since it was opened."""
    data = b""
    while piece := os.read(fd, CHUNK + 1 - len(data)):
        data += piece
    return data if len(data) <= CHUNK else None


def _named_as_listed(path: Path) -> Path:
    """Return the file's own folder and name, whatever links, case or accents it was named by."""
    return as_listed(path.parent.resolve() / path.name)


def _open_checked(path: Path, roots: Roots, max_bytes: int) -> int:
    # Checked before opening too: opening alone can have an effect on what is no regular file.
    roots.check(path.parent.resolve() / path.name, str(path))
    try:
        fd = posix.open_carefully(path)
    except OSError as error:
        raise _refusal(error, path) from None
    try:
        _check_opened(fd, path, roots, max_bytes)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _check_opened(fd: int, path: Path, roots: Roots, max_bytes: int) -> None:
    status = os.fstat(fd)
    if stat.S_ISDIR(status.st_mode):
        raise InvalidRequest(f"'{path}' is a folder.", "Name a file here; batch_attach(paths=[...]) takes folders.")
    if not stat.S_ISREG(status.st_mode):
        raise not_regular(path)
    roots.check(posix.real_path(fd, path), str(path))
    if not status.st_size:
        raise InvalidRequest(f"'{path}' is empty.", "Name a file with content.")
    if status.st_size > max_bytes:
        raise _too_large(path, status.st_size, max_bytes)


def stat_of(status: os.stat_result) -> FileStat:
    """Return the kept part of a file's status; some file systems number their files beyond what a database holds."""
    return FileStat._make((status.st_size, status.st_mtime_ns, status.st_ino & MOST_INODE))


def not_regular(path: Path) -> InvalidRequest:
    """Return the error for a FIFO, a socket or a device."""
    return InvalidRequest(f"'{path}' is not a regular file.", "Name a document; pipes and devices are not read.")


def is_link(path: Path) -> InvalidRequest:
    """Return the error for a symbolic link."""
    return InvalidRequest(f"'{path}' is a symbolic link.", "Name the file that it points to.")


def _refusal(error: OSError, path: Path) -> VectorStoreError:
    if error.errno == errno.ELOOP:
        return is_link(path)
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return InvalidRequest(f"There is no file '{path}'.", "Check the spelling; a folder can be named as a whole.")
    if error.errno in (errno.EACCES, errno.EPERM):
        return NotAllowed(
            f"'{path}' cannot be read: permission denied.", "Change its permissions or name another file."
        )
    if error.errno in (errno.ENXIO, errno.EOPNOTSUPP):
        return not_regular(path)
    return InvalidRequest(f"'{path}' cannot be opened: {error.strerror}.", "Name another file.")


def _too_large(path: Path, size: int, max_bytes: int) -> TooLarge:
    return TooLarge(
        f"'{path}' has {size:,} bytes; at most {max_bytes:,} are taken.", "Split it, or name a smaller file."
    )


def _digest(fd: int, max_bytes: int, path: Path) -> tuple[str, int]:
    """Return sha256 and size of the file as it is now: a log may have grown since it was opened."""
    digest = hashlib.sha256()
    size = 0
    while chunk := os.read(fd, 4 * CHUNK):
        check_cancelled()
        digest.update(chunk)
        size += len(chunk)
        if size > max_bytes:
            raise _too_large(path, size, max_bytes)
    os.lseek(fd, 0, os.SEEK_SET)
    return digest.hexdigest(), size


async def once(data: bytes) -> AsyncIterator[bytes]:
    """Yield the bytes."""
    yield data


async def _stream(fd: int, size: int) -> AsyncIterator[bytes]:
    """Yield at most the bytes that were hashed; a file that shrank meanwhile ends early."""
    left = size
    while left and (chunk := await to_thread.run_sync(os.read, fd, min(CHUNK, left))):
        left -= len(chunk)
        yield chunk

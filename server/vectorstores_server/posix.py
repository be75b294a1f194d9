"""What only POSIX has, with its lesser form elsewhere.

Elsewhere stop signals are left to Python (Ctrl-C ends the program; one that was terminated is reconciled at the next
start), a closed pipe is noticed by reading it, and links are refused by looking before opening.
"""

import os
import select
import signal
import stat
import struct
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
from anyio.from_thread import run_sync
from anyio.lowlevel import current_token

_OPEN = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_CAREFULLY = _OPEN | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


async def stop_signals() -> AsyncIterator[signal.Signals]:
    """Yield each SIGTERM and SIGINT."""
    if sys.platform == "win32":
        await anyio.sleep_forever()
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as received:
        async for one in received:
            yield one


def watch_hangup(fd: int, gone: Callable[[], object]) -> None:
    """Call `gone` on the running loop once the other end of `fd` is closed, whatever is still unread."""
    if sys.platform == "win32" or stat.S_ISREG(os.fstat(fd).st_mode):
        return
    token = current_token()
    watched = os.dup(fd)

    def watch() -> None:
        poll = select.poll()
        poll.register(watched, 0)
        poll.poll()
        run_sync(gone, token=token)

    threading.Thread(target=watch, name="hangup", daemon=True).start()


def open_carefully(path: Path) -> int:
    """Open for reading, never through a link in the last place and never waiting for a FIFO's writer."""
    if not hasattr(os, "O_NOFOLLOW") and path.is_symlink():
        raise OSError(40, "Too many levels of symbolic links", str(path))
    return os.open(path, _CAREFULLY)


def real_path(fd: int, path: Path) -> Path:
    """Where the file behind `fd` lies; elsewhere, and on a system without /proc, where `path` leads now."""
    if sys.platform == "darwin":
        import fcntl

        return Path(os.fsdecode(fcntl.fcntl(fd, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0")))
    link = Path(f"/proc/self/fd/{fd}")
    return link.readlink() if link.is_symlink() else path.resolve()


def lock_owner(path: Path) -> int | None:
    """Return the process that has a POSIX lock on the file; None: nobody; 0: somebody, who cannot be told here.

    Never to be called by a process that may have the lock itself: closing the file here would let go of it.
    """
    if sys.platform not in ("linux", "darwin") or not path.exists():
        return None
    import fcntl

    linux = sys.platform == "linux"
    asked = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    if not linux:
        asked = struct.pack("qqihh", 0, 0, 0, fcntl.F_WRLCK, os.SEEK_SET)
    with path.open("r+b") as file:
        answer = fcntl.fcntl(file, fcntl.F_GETLK, asked)
    if linux:
        kind, _, _, _, owner = struct.unpack("hhqqi", answer)
    else:
        _, _, owner, kind, _ = struct.unpack("qqihh", answer)
    return None if kind == fcntl.F_UNLCK else owner

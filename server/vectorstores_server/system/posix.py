"""Functions that only POSIX has, with their lesser forms elsewhere.

- Stop signals: on Windows they are left to Python. Ctrl-C ends the program; one that was terminated is reconciled at
  the next start.
- A closed pipe: on Windows it is noticed by reading it.
- Links: where there is no O_NOFOLLOW they are refused by looking before opening.
- Modes: on Windows the access list of the user's profile keeps others out.
- A rename that outlasts a power loss: Windows does so by itself.
- Limits of the parser's child: Windows has none, macOS keeps none on memory; there the parent's time-out ends a parser.
- The child's end with its parent: elsewhere than on Linux an orphan ends when its own watchdog does.
- Descriptors: Windows has no limit that a process could raise.
- Heaps: only glibc gives each thread its own.
- Threads that stand back: only Linux gives each thread a priority.
"""

import math
import os
import select
import signal
import stat
import struct
import sys
import threading
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import anyio
from anyio.from_thread import run_sync
from anyio.lowlevel import current_token

_OPEN = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_PR_SET_PDEATHSIG = 1
_M_ARENA_MAX = -8
_BACK = 10
_MOST_DESCRIPTORS = 65_536
_CAREFULLY = _OPEN | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


async def stop_signals() -> AsyncIterator[signal.Signals]:
    """Yield each SIGTERM and SIGINT."""
    if sys.platform == "win32":
        await anyio.sleep_forever()
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as received:
        async for signum in received:
            yield signum


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


@contextmanager
def diverted_input() -> Generator[BinaryIO]:
    """Give standard input to the caller alone: what else reads it here, or in a child, finds nothing."""
    own = os.dup(sys.stdin.fileno())
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.close(nothing)
    # Never closed: a thread may still read from it when the process ends.
    yield os.fdopen(own, "rb", closefd=False)


def open_carefully(path: Path) -> int:
    """Open for reading, never through a link in the last place and never waiting for a FIFO's writer."""
    if not hasattr(os, "O_NOFOLLOW") and path.is_symlink():
        raise OSError(40, "Too many levels of symbolic links", str(path))
    return os.open(path, _CAREFULLY)


def real_path(fd: int, path: Path) -> Path:
    """Return the place of the file behind `fd`; elsewhere, and without /proc, the one that `path` leads to now."""
    if sys.platform == "darwin":
        import fcntl

        return Path(os.fsdecode(fcntl.fcntl(fd, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0")))
    link = Path(f"/proc/self/fd/{fd}")
    return link.readlink() if sys.platform == "linux" and link.is_symlink() else path.resolve()


def lock_owner(path: Path) -> int | None:
    """Return the process that has a POSIX lock on the file; None: nobody; 0: somebody, who cannot be told here.

    Never to be called by a process that may have the lock itself: closing the file here would release it.
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


def raise_descriptor_limit() -> None:
    """Let this process open as many files as the system allows it: the usual soft limit is meant for shells."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = min(hard, _MOST_DESCRIPTORS) if hard != resource.RLIM_INFINITY else _MOST_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def descriptor_limit() -> int | None:
    """Return how many files this process may have open; None where there is no limit."""
    if sys.platform == "win32":
        return None
    import resource

    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if soft == resource.RLIM_INFINITY else soft


def private_directory(path: Path) -> None:
    """Make the directory, readable by its owner only."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.name == "posix" and path.stat().st_mode & 0o077:
        path.chmod(0o700)


def sync_directory(path: Path) -> None:
    """Make a rename in the directory outlast a power loss."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def limit_self(*, memory_bytes: int, cpu_seconds: float) -> None:
    """Allow this process so much address space, and `cpu_seconds` more than it has used; no core dumps."""
    if sys.platform == "win32":
        return
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = math.ceil(used.ru_utime + used.ru_stime + cpu_seconds)
    for kind, soft in ((resource.RLIMIT_CPU, cpu), (resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            soft = min(soft, hard)
        with suppress(OSError, ValueError):  # macOS refuses limits on memory
            resource.setrlimit(kind, (soft, hard))


def flush_c_streams() -> None:
    """Write out what C code left in stdio buffers, while their descriptors still point where they should."""
    if sys.platform != "win32":  # there the C library cannot be opened by name
        import ctypes

        ctypes.CDLL(None).fflush(None)


def share_heaps() -> None:
    """Have all threads share two heaps. With one each, memory that a thread has freed is of no use to the others."""
    if sys.platform != "linux":
        return
    import ctypes

    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):  # musl lacks it, and has one heap
        library.mallopt(_M_ARENA_MAX, 2)


def trim_heaps() -> None:
    """Give pages of the heaps that nothing is in any more back to the system, which only glibc keeps."""
    if sys.platform != "linux":
        return
    import ctypes

    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


def stand_back() -> None:
    """Lower the priority of this thread; for good, because only root could raise it again."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, min(19, os.getpriority(os.PRIO_PROCESS, thread) + _BACK))


def free_memory(facts: Path = Path("/proc/meminfo")) -> float | None:
    """Return the share of the machine's memory that could be had without swapping; None where nobody tells."""
    try:
        lines = facts.read_text("ascii").splitlines()
    except OSError:
        return None
    sizes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines) if rest}
    if not sizes.get("MemTotal") or "MemAvailable" not in sizes:
        return None
    return sizes["MemAvailable"] / sizes["MemTotal"]


def end_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the thread of process `parent` that started it ends."""
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the kernel was asked
        os._exit(1)

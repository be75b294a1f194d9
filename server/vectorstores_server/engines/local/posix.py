"""What only POSIX offers to confine a child process, each with its lesser form elsewhere.

`limit` needs setrlimit: Windows has none, and macOS does not keep the limit on memory; there the time-out of the
parent is what ends a parser. `end_with_parent` needs Linux: elsewhere an orphan ends when its own watchdog does.
`flush_c_streams` needs a C library that can be opened by name: on Windows the streams stay as they are.
"""

import sys
from contextlib import suppress

if sys.platform == "win32":

    def limit(*, memory_bytes: int, cpu_seconds: float) -> None:
        """Nothing: Windows has no setrlimit."""

    def flush_c_streams() -> None:
        """Nothing: the C library cannot be opened by name."""

else:
    import ctypes
    import math
    import resource

    def limit(*, memory_bytes: int, cpu_seconds: float) -> None:
        """Allow this process so much address space, and `cpu_seconds` more than it has used; no core dumps."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        _lower(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + cpu_seconds))
        _lower(resource.RLIMIT_AS, memory_bytes)
        _lower(resource.RLIMIT_CORE, 0)

    def _lower(kind: int, soft: int) -> None:
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            soft = min(soft, hard)
        with suppress(OSError, ValueError):  # macOS refuses limits on memory
            resource.setrlimit(kind, (soft, hard))

    def flush_c_streams() -> None:
        """Write out what C code left in stdio buffers, while their descriptors still point where they should."""
        ctypes.CDLL(None).fflush(None)


if sys.platform == "linux":
    import os
    import signal

    _PR_SET_PDEATHSIG = 1

    def end_with_parent(parent: int) -> None:
        """Have the kernel kill this process when the thread of process `parent` that started it ends."""
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the kernel was asked
            os._exit(1)

else:

    def end_with_parent(parent: int) -> None:
        """Nothing: only Linux tells a process of its parent's end."""

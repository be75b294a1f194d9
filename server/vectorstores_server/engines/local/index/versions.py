"""The version of a table: one look at its folder tells whether it is still the one that was opened."""

import time
from pathlib import Path
from typing import NamedTuple

SETTLED_NS = 20_000_000
"""A folder that changed this short a time ago may change again without its time changing: the clock of a file system
goes by steps of up to 10 ms."""
_COARSE_NS = 1_000_000


class VersionStamp(NamedTuple):
    """The folder of a table's versions, as it was at one moment."""

    inode: int
    changed_ns: int

    @classmethod
    def of(cls, folder: Path) -> "VersionStamp | None":
        """Look; None where a later look could not tell a change: nothing may be kept then.

        Each commit makes a file in the folder. A time that is a whole number of milliseconds is taken for that of a
        coarse clock.
        """
        try:
            status = (folder / "_versions").stat()
        except OSError:
            return None
        age = time.time_ns() - status.st_mtime_ns
        if age < SETTLED_NS or status.st_mtime_ns % _COARSE_NS == 0:
            return None
        return cls(status.st_ino, status.st_mtime_ns)

"""The lock on a kind of work: one process holds an exclusive transaction on `worker.lock`, a SQLite file of its own.

The operating system frees it when the holder dies. Nothing else may open, copy or unlink the file while a process
runs: closing any other descriptor of it would free the holder's POSIX lock.
"""

import sqlite3
from pathlib import Path

from vectorstores_server.engines.local.catalog.connection import translated


class FileLock:
    """A WorkLock of the processes of one machine."""

    def __init__(self, directory: Path, name: str) -> None:
        self._file = WorkerLock(directory, name)

    @property
    def held(self) -> bool:
        """True while this process has it."""
        return self._file.held

    async def take(self) -> bool:
        """Try to get it. Raises DiskFull and Unavailable."""
        return self._file.take()

    async def close(self) -> None:
        """Let others have it."""
        self._file.close()


class WorkerLock:
    """The right to write to the index of one data directory, which exists; by another name, to walk one mirror.

    Neither `take` nor `release` ever waits.
    """

    def __init__(self, directory: Path, name: str = "worker.lock") -> None:
        self._path = directory / name
        self._connection: sqlite3.Connection | None = None
        self.held = False

    def take(self) -> bool:
        """Try to get the lock; False when another process has it. Raises DiskFull and Unavailable."""
        if self.held:
            return True
        try:
            self._open().execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise translated(error, self._path.parent) from error
            return False
        self._path.chmod(0o600)
        self.held = True
        return True

    def release(self) -> None:
        """Let others have it."""
        if self._connection is not None and self.held:
            self._connection.execute("ROLLBACK")
        self.held = False

    def close(self) -> None:
        """Release, and close the file."""
        self.release()
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            # The lock is taken and let go from whichever thread runs the event loop, one at a time.
            self._connection = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        return self._connection

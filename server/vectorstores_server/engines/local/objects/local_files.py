"""Copies of objects in a folder of this machine, for what needs a file: at most so many bytes, the longest unused go.

Several processes may share the folder. A file has its name only when it is whole, and who uses one has a link of its
own to it: nobody takes it away meanwhile.
"""

import os
import secrets
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

from vectorstores_server.engines.local.catalog.connection import on_disk
from vectorstores_server.system.posix import private_directory

P = ParamSpec("P")
T = TypeVar("T")

IN_USE = ".use"
UNFINISHED = ".tmp"
ABANDONED_SECONDS = 24 * 3600
"""The age from which on a link or an unfinished file belongs to a process that has ended."""
UNUSED_SECONDS = 24 * 3600
"""A copy that nobody asked for in this time goes: the object may have been deleted since."""


class LocalFiles:
    """The folder. Everything but `run` is called in threads, and raises OSError."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes

    async def run(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function that reads or writes here, in a thread. Raises DiskFull and Unavailable."""
        return await on_disk(self._folder, fn, *args, **kwargs)

    def unfinished(self) -> Path:
        """Return a name for a file that is going to be written."""
        private_directory(self._folder)
        return self._folder / f"{secrets.token_hex(16)}{UNFINISHED}"

    def keep(self, unfinished: Path, name: str) -> None:
        """Give a file that is written its name, and make room for it."""
        with suppress(PermissionError):  # Windows, while somebody reads the same bytes
            unfinished.replace(self._folder / name)
        unfinished.unlink(missing_ok=True)
        self.trim()

    def write(self, name: str, data: bytes) -> None:
        """Keep a small file."""
        unfinished = self.unfinished()
        unfinished.write_bytes(data)
        self.keep(unfinished, name)

    def read(self, name: str) -> bytes | None:
        """Read a small file; None where there is no copy."""
        try:
            data = (self._folder / name).read_bytes()
            os.utime(self._folder / name)
        except FileNotFoundError:
            return None
        return data

    def take(self, name: str) -> Path | None:
        """Return a path of the file that stays until `release`; None where there is no copy."""
        try:
            os.utime(self._folder / name)
            return self._linked(self._folder / name)
        except FileNotFoundError:
            return None

    def take_new(self, unfinished: Path, name: str) -> Path:
        """Keep a file that is written, and return a path of it that stays until `release`."""
        link = self._linked(unfinished)
        self.keep(unfinished, name)
        return link

    def release(self, taken: Path) -> None:
        """Remove a path that was taken."""
        with suppress(PermissionError):  # Windows, while a child still has it open: `trim` takes it later
            taken.unlink(missing_ok=True)

    def _linked(self, path: Path) -> Path:
        link = self._folder / f"{secrets.token_hex(16)}{IN_USE}"
        link.hardlink_to(path)
        return link

    def forget(self, name: str) -> None:
        """Remove a copy."""
        with suppress(PermissionError):
            (self._folder / name).unlink(missing_ok=True)

    def trim(self) -> None:
        """Remove what was abandoned, what nobody asked for in a day, and the longest unused beyond the bound."""
        now, kept, entries = time.time(), 0, sorted(self._entries(), reverse=True)
        for used_at, size, path in entries:
            lasting = not path.name.endswith((IN_USE, UNFINISHED))
            kept += size if lasting else 0
            old = now - used_at > (UNUSED_SECONDS if lasting else ABANDONED_SECONDS)
            if old or (lasting and kept > self._most_bytes):
                with suppress(PermissionError):
                    path.unlink(missing_ok=True)

    def _entries(self) -> Generator[tuple[float, int, Path]]:
        try:
            found = list(os.scandir(self._folder))
        except FileNotFoundError:
            return
        for entry in found:
            with suppress(FileNotFoundError):
                status = entry.stat()
                yield status.st_mtime, status.st_size, Path(entry)

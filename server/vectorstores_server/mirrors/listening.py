"""Events of the system in the folders that a process watches: one thread asks for all of them, however many."""

import errno
import os
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio import CapacityLimiter, from_thread, to_thread

from vectorstores_server.intake.gitignore import NAMES

TICK_SECONDS = 0.5
"""Seconds between two questions for new events while a change has not settled."""
REST_SECONDS = 1.0
"""The same where nothing has changed: each question wakes a processor."""
SETTLE_SECONDS = 1.0
"""Seconds without a change after which a folder is looked at."""
MOST_UNSETTLED = 5.0
"""Seconds after which it is looked at however busy it is."""
ROOT_SECONDS = 4.0
"""Seconds between two checks that the folder is still the one that is watched."""
MOST_TOLD = 10_000
"""Changes that are kept one by one while a folder is walked; of more only that there were some."""
POLL_DELAY = 1000
"""Milliseconds between two looks of watchfiles where somebody has it poll (WATCHFILES_FORCE_POLLING)."""


class WatchedFolder:
    """One folder, and its changes since somebody last took them. `folder` has to be there."""

    def __init__(self, folder: Path) -> None:
        """Begin to watch. To be called in a worker thread; raises OSError where the system gives no events."""
        from watchfiles._rust_notify import RustNotify

        self.folder = folder
        self._identity = identity(folder)
        if self._identity is None:
            raise FileNotFoundError(errno.ENOENT, "it is not there", str(folder))
        polling = os.environ.get("WATCHFILES_FORCE_POLLING", "").lower() not in ("", "false", "disable", "disabled")
        self._system = RustNotify([str(folder)], False, polling, POLL_DELAY, True, True)
        self._paths: set[str] = set()
        self._taking = threading.Lock()
        self._first = self._last = 0.0
        self._error: OSError | None = None
        self._is_another = False
        self._ready = anyio.Event()

    @property
    def is_unsettled(self) -> bool:
        """True where there are changes that nobody has taken."""
        return bool(self._paths)

    async def changed(self) -> frozenset[str] | None:
        """Wait for changes that have settled, and return their paths; None once another folder is in its place.

        Raises OSError where the system gives no events any more.
        """
        await self._ready.wait()
        self._ready = anyio.Event()
        if self._error is not None:
            raise self._error
        if self._is_another:
            return None
        with self._taking:
            paths, self._paths = frozenset(self._paths), set()
        return paths

    def ask(self, now: float, *, root: bool) -> bool:
        """Take the system's events; with `root` look at the folder itself. True where the waiting task is to be woken.

        To be called in a worker thread.
        """
        from watchfiles._rust_notify import WatchfilesRustInternalError

        try:
            changes = self._system.watch(0, 1, 1, None)
        except WatchfilesRustInternalError as error:
            self._error = OSError(errno.EIO, str(error), str(self.folder))
            return True
        if not isinstance(changes, str):
            self._take({path for _, path in changes if concerns(self.folder, path)}, now)
        if root and identity(self.folder) != self._identity:
            self._is_another = True
        settled = bool(self._paths) and (now - self._last >= SETTLE_SECONDS or now - self._first >= MOST_UNSETTLED)
        return settled or self._is_another

    def tell(self) -> None:
        """Wake the waiting task. To be called in the event loop."""
        self._ready.set()

    def _take(self, paths: set[str], now: float) -> None:
        if not paths:
            return
        with self._taking:
            if not self._paths:
                self._first = now
            self._last = now
            self._paths |= paths
            if len(self._paths) > MOST_TOLD:
                self._paths = {str(self.folder)}


class SystemEvents:
    """All folders that a process watches."""

    def __init__(self) -> None:
        self._watched: list[WatchedFolder] = []
        self._thread = CapacityLimiter(1)
        self._ended = threading.Event()

    @asynccontextmanager
    async def watching(self, folder: Path) -> AsyncGenerator[WatchedFolder]:
        """Watch a folder until it is left. Raises FileNotFoundError, and OSError where the system gives no events."""
        watched = await to_thread.run_sync(WatchedFolder, folder)
        self._watched.append(watched)
        try:
            yield watched
        finally:
            self._watched.remove(watched)

    async def run(self) -> None:
        """Listen until cancelled."""
        try:
            await to_thread.run_sync(self._listen, limiter=self._thread, abandon_on_cancel=True)
        finally:
            self._ended.set()

    def _listen(self) -> None:
        """Ask from time to time, in one thread that stays: the event loop is woken only where there is something."""
        looked = 0.0
        while not self._ended.wait(TICK_SECONDS if any(each.is_unsettled for each in self._watched) else REST_SECONDS):
            now = time.monotonic()
            root = now - looked >= ROOT_SECONDS
            looked = now if root else looked
            for watched in [each for each in self._watched if each.ask(now, root=root)]:
                from_thread.run_sync(watched.tell)


def concerns(folder: Path, path: str) -> bool:
    """Tell whether a change can concern the store: nothing hidden does, but for the files of patterns."""
    try:
        parts = Path(path).relative_to(folder).parts
    except ValueError:
        return False
    if not parts or parts[-1] in NAMES:
        return True
    return not any(part.startswith(".") for part in parts)


def identity(folder: Path) -> tuple[int, int] | None:
    """Return the identity that tells a folder from another in its place, None where there is none."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino

"""The only way in which a file leaves a data directory: by a name of one of our own forms.

Windows does not remove a file that somebody has open: it stays, and the caller, who sees that, asks again later.

Content that somebody deleted is erased. An orphan, which nobody deleted and nothing names, goes to the trash, which
keeps it for seven days, up to TRASH_BYTES in all.
"""

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from vectorstores_server.engines.local.directory.names import TRASH, files_below, is_ours
from vectorstores_server.system.machine_errors import is_in_use
from vectorstores_server.system.posix import private_directory

TRASH_SECONDS = 7 * 24 * 3600
TRASH_BYTES = 8 * 1024**3


@dataclass(slots=True)
class Removed:
    """The outcome of a sweep: names erased, and names that went to the trash. `in_use`: those that have to wait."""

    erased: list[str] = field(default_factory=list[str])
    trashed: list[str] = field(default_factory=list[str])
    in_use: list[str] = field(default_factory=list[str])


class Removal:
    """Removes files of one data directory. Names are paths below it; one of another form is left where it is."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def erase(self, names: Iterable[str]) -> list[str]:
        """Unlink files; return those that went: they were there, ours, and in nobody's use. Empty folders go too."""
        erased: list[str] = []
        for name in names:
            path = self._ours(name)
            if path is None:
                continue
            if _gone(path.unlink):
                erased.append(name)
                self._tidy(path)
        return erased

    def erase_folder(self, name: str) -> list[str]:
        """Erase our files in a folder; the folder stays where something else is in it."""
        erased = self.erase(list(self._files(name)))
        for place, _, _ in os.walk(self._directory / name, topdown=False):
            with suppress(OSError):  # something else is in it
                Path(place).rmdir()
        return erased

    def discard(self, names: Iterable[str], now: float | None = None) -> list[str]:
        """Move files to the trash; return those that went."""
        place = self._directory / TRASH / str(int(time.time() if now is None else now))
        moved: list[str] = []
        for name in names:
            path = self._ours(name)
            if path is None:
                continue
            target = place / name
            private_directory(self._directory / TRASH)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _gone(lambda path=path, target=target: path.replace(target)):
                moved.append(name)
                self._tidy(path)
        return moved

    def discard_folder(self, name: str, now: float | None = None) -> list[str]:
        """Move our files in a folder to the trash."""
        return self.discard(list(self._files(name)), now)

    def empty_trash(self, now: float | None = None, *, limit: int = TRASH_BYTES) -> list[str]:
        """Erase files that have been in the trash for TRASH_SECONDS, and the oldest beyond `limit` bytes."""
        before = (time.time() if now is None else now) - TRASH_SECONDS
        doomed: list[str] = []
        kept = 0
        for batch in sorted(self._batches(), reverse=True):
            names = list(self._files(f"{TRASH}/{batch}"))
            kept += sum(_size(self._directory / name) for name in names)
            if batch < before or kept > limit:
                doomed += names
        return self.erase(doomed)

    def holds_ours(self, folder: str) -> bool:
        """Tell whether a file of ours lies in the folder."""
        return any(is_ours(name) for name in self._files(folder))

    def trash_size(self) -> tuple[int, int]:
        """Return how many files the trash holds, and how many bytes."""
        sizes = [_size(self._directory / name) for name in self._files(TRASH)]
        return len(sizes), sum(sizes)

    def _batches(self) -> list[int]:
        try:
            return [int(path.name) for path in (self._directory / TRASH).iterdir() if path.name.isdecimal()]
        except FileNotFoundError:
            return []

    def _files(self, folder: str) -> Iterable[str]:
        return files_below(self._directory, (folder,))

    def _ours(self, name: str) -> Path | None:
        return self._directory / name if is_ours(name) else None

    def _tidy(self, path: Path) -> None:
        """Remove the folders that held the file, up to a first-level one, while nothing else is in them."""
        for folder in path.parents:
            if folder.parent in (self._directory, folder):
                return
            try:
                folder.rmdir()
            except OSError:
                return


def _gone(take_away: Callable[[], object]) -> bool:
    """Take a file away; False where there is none, or where somebody has it open and the system keeps it."""
    try:
        take_away()
    except FileNotFoundError:
        return False
    except PermissionError as error:
        if not is_in_use(error):
            raise
        return False
    return True


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0

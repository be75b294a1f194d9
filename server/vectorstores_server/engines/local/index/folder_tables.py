"""The tables of an index in a folder."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from anyio import to_thread

from vectorstores_server.engines.local.directory import sums
from vectorstores_server.engines.local.directory.names import files_below, is_ours, is_table
from vectorstores_server.engines.local.directory.removal import Removal
from vectorstores_server.engines.local.index.errors import translated
from vectorstores_server.engines.local.index.places import TableTraces

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

P = ParamSpec("P")
T = TypeVar("T")

SUFFIX = ".lance"
ROOM = 3
"""The free space, in sizes of a table, that a second one beside it needs: it takes two while it is optimized."""
LEAST_FREE_BYTES = 256 * 1024 * 1024


class FolderTables:
    """The folder, as `TablePlace` promises. `alone`: no other machine writes there."""

    options: Mapping[str, str] | None = None

    def __init__(self, directory: Path, *, alone: bool = True) -> None:
        self.alone = alone
        self.folder: Path | None = directory
        self._directory = directory
        self._removal = Removal(directory.parent)

    @property
    def uri(self) -> str:
        """The folder as LanceDB is told it."""
        return str(self._directory)

    async def readable(self, table: str, version: int | None = None) -> bool:
        """Do nothing: tables are read where they lie."""
        del table, version
        return True

    async def tables(self) -> list[str]:
        """Name the folders that bear the name of a table of ours and hold something of one."""
        return await _run("all", self._tables)

    async def traces(self, table: str) -> TableTraces:
        """Look at a table's folder."""
        return await to_thread.run_sync(self._traces, table)

    async def all_traces(self) -> Mapping[str, TableTraces]:
        """Look at the folders of all tables, in one way to a thread."""
        return await _run("all", lambda: {table: self._traces(table) for table in self._tables()})

    def _tables(self) -> list[str]:
        found = [folder for folder in folders(self._directory) if folder.suffix == SUFFIX]
        named = [folder for folder in found if is_table(folder.stem)]
        return [folder.stem for folder in named if self._removal.holds_ours(self._named(folder))]

    def _traces(self, table: str) -> TableTraces:
        written = [path.stat().st_mtime for path in (self._folder(table) / "_versions").glob("*.manifest")]
        note = self._marker(table)
        return TableTraces(len(written), min(written, default=0.0), note.stat().st_mtime if note.exists() else None)

    async def mark(self, table: str) -> None:
        """Make an empty file beside the table that says since when it holds deleted rows."""

        def note() -> None:
            if self._folder(table).exists() and not self._marker(table).exists():
                self._marker(table).touch(0o600)

        await to_thread.run_sync(note)

    async def unmark(self, table: str) -> None:
        """Remove that file."""
        await to_thread.run_sync(self._removal.erase, [self._named(self._marker(table))])

    async def holds_others(self, table: str) -> bool:
        """Tell whether files lie in a table's folder that are not ours."""
        top = self._named(self._folder(table))
        if not is_table(table):
            return False
        names = await to_thread.run_sync(lambda: list(files_below(self._directory.parent, (top,))))
        return not all(is_ours(name) for name in names)

    async def erase(self, table: str) -> bool:
        """Delete a table's files, readable or not. What is not ours stays."""
        await self._take_away(self._removal.erase_folder, table)
        return not await to_thread.run_sync(self._removal.holds_ours, self._named(self._folder(table)))

    async def discard(self, table: str) -> None:
        """Move a table's files to the trash."""
        await self._take_away(self._removal.discard_folder, table)

    async def reach(self, table: str) -> None:
        """Open every file of a table and read from it."""
        await _run(table, reach, self._folder(table))

    async def keep_sums(self, table: str) -> None:
        """Take the hashes of files that are new."""
        await _run(table, sums.keep, self._directory, table)

    async def forget_sums(self, table: str) -> None:
        """Forget the hashes of files that were pruned."""
        await _run(table, sums.forget_gone, self._directory, table)

    async def damaged(self, table: str) -> Mapping[str, str]:
        """Return the damage of files by their names."""
        return await to_thread.run_sync(sums.compare, self._directory, table)

    async def has_room(self, table: str) -> bool:
        """Tell whether a table can be built beside this one, and be optimized, with something left."""
        return await to_thread.run_sync(has_room, self._directory, table)

    async def _take_away(self, remove: Callable[[str], list[str]], table: str) -> None:
        def take() -> None:
            remove(self._named(self._folder(table)))
            self._removal.erase([self._named(self._marker(table)), self._named(sums.sums_of(self._directory, table))])

        await _run(table, take)

    def _marker(self, table: str) -> Path:
        return self._directory / f"{table}.deleted"

    def _folder(self, table: str) -> Path:
        return self._directory / f"{table}{SUFFIX}"

    def _named(self, path: Path) -> str:
        return f"{self._directory.name}/{path.name}"


async def _run(table: str, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    with translated(table):
        return await to_thread.run_sync(lambda: fn(*args, **kwargs))


def has_room(directory: Path, table: str) -> bool:
    """Tell whether a table can be built beside this one, and be optimized, with something left."""
    size = sum(path.stat().st_size for path in (directory / f"{table}{SUFFIX}").rglob("*") if path.is_file())
    directory.mkdir(parents=True, exist_ok=True)
    return shutil.disk_usage(directory).free > ROOM * size + LEAST_FREE_BYTES


def folders(directory: Path) -> list[Path]:
    """Return the entries of the directory, sorted; none where there is none. Raises OSError where it is not reached.

    A link that leads nowhere is a disk that is away. `Path.glob` would pass over what the system refuses.
    """
    try:
        return sorted(directory.iterdir())
    except FileNotFoundError as error:
        if directory.is_symlink():
            raise OSError(errno.ENODEV, "the folder that it links to is away", str(directory)) from error
        return []


def reach(folder: Path) -> None:
    """Open every file of a table and read from it. Raises OSError where the system refuses; a missing file is none."""
    for place, _, names in os.walk(folder, onerror=_refused):
        for name in names:
            try:
                with Path(place, name).open("rb") as file:
                    file.read(1)
            except FileNotFoundError:
                continue


def _refused(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error

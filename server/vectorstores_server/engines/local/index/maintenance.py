"""Maintenance of a table: it keeps searches fast, and takes deleted rows off the disk.

Deleted rows leave in three steps: LanceDB marks them; `erase` compacts the fragments that hold them and rebuilds the
full-text index, which otherwise keeps their words; minutes later the versions before that are pruned.
"""

from __future__ import annotations

import errno
import os
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # what only looks at folders imports no library
    from vectorstores_server.engines.local.index.lance import Table, TableState

WINDOW = timedelta(minutes=5)  # a reader may be on a version this old; with 0 readers and writers were seen to fail
MOST_UNINDEXED = 200  # each costs every search 25 to 50 us
REST = 9.0  # times what an optimize took: a tenth of the time at most, as it rewrites the text index, .4 s at 10k rows
MOST_FRAGMENTS = 30
MOST_SEGMENTS = 16  # of the vector index: an optimize adds one, it costs every search .4 ms and keeps fragments apart
FEW_SEGMENTS = 4
ROWS_A_SEGMENT = 100_000  # in a large table there may be more, as rebuilding the index takes 20 to 50 us a row
ERASE_AFTER = 2.0  # times the window, so that many deletions are one rewriting


class FolderState(NamedTuple):
    """The state that a folder shows without opening the table. Times are seconds of the wall clock."""

    versions: int
    oldest_version: float
    deleted_since: float | None

    @classmethod
    def of(cls, folder: Path) -> FolderState:
        """Return the state of a table's folder."""
        written = [path.stat().st_mtime for path in (folder / "_versions").glob("*.manifest")]
        note = marker(folder)
        return cls(len(written), min(written, default=0.0), note.stat().st_mtime if note.exists() else None)

    @property
    def any(self) -> bool:
        """Tell whether deleted rows, or versions before the newest, are still on disk."""
        return self.versions > 1 or self.deleted_since is not None

    def prunable(self, window: timedelta) -> bool:
        """Tell whether a version is twice as old as the window; pruning rewrites the table, thus once a window."""
        return self.versions > 1 and time.time() - self.oldest_version > ERASE_AFTER * window.total_seconds()

    def erasable(self, window: timedelta) -> bool:
        """Tell whether it is time to rewrite the fragments that hold deleted rows."""
        since = self.deleted_since
        return since is not None and time.time() - since > ERASE_AFTER * window.total_seconds()

    def next_look(self, window: timedelta) -> float | None:
        """Return in how many seconds something can be erased or pruned; None when nothing will."""
        if not self.any:
            return None
        seconds = window.total_seconds()
        since = self.oldest_version if self.deleted_since is None else min(self.deleted_since, self.oldest_version)
        return max(seconds, since + ERASE_AFTER * seconds - time.time())


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


def marker(folder: Path) -> Path:
    """Return the empty file beside a table that says since when it holds deleted rows."""
    return folder.with_suffix(".deleted")


def mark(folder: Path) -> None:
    """Note a deletion, before it is made. A table that is not there gets no note, which nobody would take away."""
    note = marker(folder)
    if folder.exists() and not note.exists():
        note.touch(0o600)


def due(state: TableState, *, wholly: bool) -> bool:
    """Tell whether the state of the table slows searches down; `wholly`: even a little."""
    return (
        state.unindexed > (0 if wholly else MOST_UNINDEXED)
        or state.fragments > MOST_FRAGMENTS + state.rows // ROWS_A_SEGMENT
        or _wants_vectors_indexed(state, wholly=wholly)
    )


def _wants_vectors_indexed(state: TableState, *, wholly: bool) -> bool:
    most = (FEW_SEGMENTS if wholly else MOST_SEGMENTS) + state.rows // ROWS_A_SEGMENT
    return state.wants_vector_index or state.segments > most


async def optimize(table: Table, window: timedelta, *, wholly: bool) -> None:
    """Merge, index and prune."""
    await table.compact(window)
    if _wants_vectors_indexed(await table.state(), wholly=wholly):
        await table.index_vectors()
        await table.compact(window)  # now that all fragments are indexed alike


async def erase(table: Table) -> None:
    """Rewrite fragments that hold deleted rows; those of a million rows are left until a tenth of them is deleted."""
    await _merge(table)
    if (await table.state()).deleted:
        revs = await table.revs()
        if revs:
            await table.touch(min(revs, key=revs.__getitem__))
            await _merge(table)
    await table.index_text()


async def purge(table: Table) -> None:
    """Erase, and prune every version but the newest. Readers of an older one fail once and open the newest."""
    await erase(table)
    await table.compact(timedelta(milliseconds=1), unverified=True)


async def _merge(table: Table) -> None:
    """Compact twice: the first time indexes, and only fragments that are indexed alike are merged."""
    await table.compact(WINDOW)
    await table.compact(WINDOW)

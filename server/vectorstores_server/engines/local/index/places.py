"""The port for the place where the tables of an index lie.

LanceDB reads and writes tables itself; what has to be known without opening one, and what LanceDB does not do, is asked
here. `folder_tables` is the form for a folder, `objects.tables` that for object storage.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta
    from pathlib import Path

ERASE_AFTER = 2.0  # times the window, so that many deletions are one rewriting


class TableTraces(NamedTuple):
    """The state that a place shows without opening the table. Times are seconds of the wall clock."""

    versions: int
    oldest_version: float
    deleted_since: float | None

    @property
    def any(self) -> bool:
        """Tell whether deleted rows, or versions before the newest, are still there."""
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


class TablePlace(Protocol):
    """The place of an index. All raise IndexUnreachable where it is away, and nothing where a table is missing."""

    @property
    def uri(self) -> str:
        """The place as LanceDB is told it."""
        ...

    @property
    def options(self) -> Mapping[str, str] | None:
        """The options that LanceDB needs to reach it."""
        ...

    @property
    def folder(self) -> Path | None:
        """The folder of this machine in which tables are read; None where none is."""
        ...

    @property
    def alone(self) -> bool:
        """Tell whether no other machine may be writing to a table."""
        ...

    async def readable(self, table: str, version: int | None = None) -> bool:
        """Make the newest version readable in `folder`, or one that is no older than `version`; tell whether it is."""
        ...

    async def tables(self) -> list[str]:
        """Name the tables, unreadable ones too."""
        ...

    async def traces(self, table: str) -> TableTraces:
        """Look at a table without opening it."""
        ...

    async def all_traces(self) -> Mapping[str, TableTraces]:
        """Look at every table at once."""
        ...

    async def mark(self, table: str) -> None:
        """Note a deletion of rows, before it is made. A table that is not there gets no note."""
        ...

    async def unmark(self, table: str) -> None:
        """Remove the note of deleted rows: none is left, or there is no table."""
        ...

    async def holds_others(self, table: str) -> bool:
        """Tell whether something lies in a table that is not ours: LanceDB removes files that it does not know."""
        ...

    async def erase(self, table: str) -> bool:
        """Delete what belongs to a table; False where something of ours stays and this is to be called again."""
        ...

    async def discard(self, table: str) -> None:
        """Move what belongs to a table to the trash."""
        ...

    async def reach(self, table: str) -> None:
        """Read from the table's files. Raises IndexUnreachable where that is refused; a missing file is none."""
        ...

    async def keep_sums(self, table: str) -> None:
        """Take the hashes of files that are new, where they are kept."""
        ...

    async def forget_sums(self, table: str) -> None:
        """Forget the hashes of files that were pruned."""
        ...

    async def damaged(self, table: str) -> Mapping[str, str]:
        """Return the damage of files by their names, where hashes are kept."""
        ...

    async def has_room(self, table: str) -> bool:
        """Tell whether a table can be built beside this one, and be optimized, with something left."""
        ...

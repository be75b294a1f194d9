"""Maintenance of a table: it keeps searches fast, and takes deleted rows off the disk.

Deleted rows leave in three steps: LanceDB marks them; `erase` compacts the fragments that hold them and rebuilds the
full-text index, which otherwise keeps their words; minutes later the versions before that are pruned.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what only looks at folders imports no library
    from vectorstores_server.engines.local.index.lance import Table, TableState

WINDOW = timedelta(minutes=5)  # a reader may be on a version this old; with 0 readers and writers were seen to fail
MOST_UNINDEXED = 200  # each costs every search 25 to 50 us
REST = 9.0  # times what an optimize took: a tenth of the time at most, as it rewrites the text index, .4 s at 10k rows
MOST_FRAGMENTS = 30
MOST_SEGMENTS = 16  # of the vector index: an optimize adds one, it costs every search .4 ms and keeps fragments apart
FEW_SEGMENTS = 4
ROWS_A_SEGMENT = 100_000  # in a large table there may be more, as rebuilding the index takes 20 to 50 us a row


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


async def purge(table: Table, *, alone: bool) -> None:
    """Erase, and prune every version but the newest. Readers of an older one fail once and open the newest.

    Nobody else writes to it where it is `alone`.
    """
    await erase(table)
    await table.compact(timedelta(milliseconds=1), unverified=alone)


async def _merge(table: Table) -> None:
    """Compact twice: the first time indexes, and only fragments that are indexed alike are merged."""
    await table.compact(WINDOW)
    await table.compact(WINDOW)

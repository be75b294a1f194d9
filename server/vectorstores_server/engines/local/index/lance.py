"""LanceDB 0.40 as we use it: one typed class over a table at one version. The only module that imports it, and late."""
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# ^ pyarrow has no type information, and lancedb's signatures are made of it; what leaves this module is typed.

import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("LANCEDB_LOG", "error")  # read by the library when it is imported; stderr is the client's log
os.environ.setdefault("LANCE_CPU_THREADS", str(max(4, os.cpu_count() or 1)))  # on two cores one, for queries and all

import lancedb
import numpy as np
import pyarrow as pa
from lancedb.db import AsyncConnection
from lancedb.index import FTS, BTree, IvfRq
from lancedb.table import AsyncTable
from numpy import float32, int64
from numpy.typing import NDArray

from vectorstores_server.engines.local.index.arrow import PLACE, REV, TEXT, VECTOR, WORDS, batch, matrix, schema
from vectorstores_server.engines.local.index.errors import WrongDimensions
from vectorstores_server.engines.local.index.records import Rows
from vectorstores_server.engines.local.index.versions import VersionStamp
from vectorstores_server.engines.local.words.languages import ENGLISH
from vectorstores_server.system.posix import trim_heaps

METADATA_BYTES = 16 * 1024 * 1024
"""LanceDB's own limit is a gigabyte: 1,600 commits of two rows left 582 MB with the process, with this limit 226."""
INDEX_BYTES = 512 * 1024 * 1024
MOST_VERSIONS = 12
MOST_ITEMS = 1_000
"""A version of a small table is some 50 to 100 items and up to four descriptors; reading one again costs 3 to 5 ms."""
MOST_KEPT = 16
"""Tables that stay open to be read."""
MIN_PROBES = 50
LONGEST_TERM = 128
_AS_IT_STANDS = FTS(
    base_tokenizer="icu",
    max_token_length=LONGEST_TERM,
    lower_case=False,
    stem=False,
    remove_stop_words=False,
    ascii_folding=False,
)
"""The terms of `words`; what has no spaces is segmented by dictionaries."""
_ANALYSED = FTS(base_tokenizer="icu", with_position=False, custom_stop_words=ENGLISH)
"""Texts of tables of format 1."""
VECTOR_INDEX_FROM = 5_000  # rows; from here on the codes are read faster than the vectors


@dataclass(frozen=True, slots=True)
class TableState:
    """The figures that upkeep goes by. `deleted` rows are still on disk; with several fragments it may be too low.

    `segments` are those of the vector index, 0 without one.
    """

    rows: int
    fragments: int
    deleted: int
    unindexed: int
    segments: int
    wants_vector_index: bool


class FetchedRows(NamedTuple):
    """Rows: their ids, their PLACES, and their vectors (rows, dimensions) if these were asked for."""

    ids: list[int]
    places: list[list[int]]
    vectors: NDArray[float32] | None


class Table:
    """One table at the version it was opened at.

    A write moves it to the version that the write makes, and then nothing is asked of it again. Its answers about its
    version are remembered.
    """

    def __init__(self, table: AsyncTable, schema: Any) -> None:
        self._table = table
        self._schema = schema
        self._rows: int | None = None
        self._codes: list[bool | None] = []
        self._covered: bool | None = None

    @property
    def name(self) -> str:
        """Its name."""
        return self._table.name

    @property
    def dimensions(self) -> int | None:
        """The length of its vectors; None when it has none."""
        if VECTOR not in self._schema.names:
            return None
        return int(self._schema.field(VECTOR).type.list_size)

    @property
    def words(self) -> str:
        """The column of its words."""
        return WORDS if WORDS in self._schema.names else TEXT

    async def count(self, where: str | None = None) -> int:
        """Count the rows that match."""
        if where is not None:
            return await self._table.count_rows(where)
        if self._rows is None:
            self._rows = await self._table.count_rows(None)
        return self._rows

    @property
    def has_terms(self) -> bool:
        """Tell whether its words are terms of `words`, which the index takes as they stand."""
        return WORDS in self._schema.names

    async def tokens(self, text: str) -> int:
        """Count the tokens that the full-text index makes of `text`: stop words are gone, CJK is segmented."""
        return len(await self.token_list(text))

    async def token_list(self, text: str) -> list[str]:
        """Return the tokens."""
        return [token.text for token in await self._table.tokenize(text, column=self.words)]

    async def coded(self) -> bool | None:
        """Tell whether `near` answers by 4-bit codes alone; None when it does by codes and reads the vectors as well.

        The latter is what LanceDB does while there are rows that the vector index does not cover.
        """
        if not self._codes:
            index = await self._table.index_stats(f"{VECTOR}_idx")
            self._codes.append(False if index is None else None if index.num_unindexed_rows else True)
        return self._codes[0]

    async def covered(self) -> bool:
        """Tell whether the text index holds every row. BM25 of others is computed among those that a filter leaves."""
        if self._covered is None:
            index = await self._table.index_stats(f"{self.words}_idx")
            self._covered = index is not None and not index.num_unindexed_rows
        return self._covered

    async def near(self, vector: NDArray[float32], k: int, where: str | None) -> tuple[list[int], NDArray[float32]]:
        """Return the row ids of the k nearest and their distances: 1 - cos, or about twice that by codes alone.

        All partitions may be probed when the filter leaves too few rows.
        """
        query = self._table.query().nearest_to(vector).distance_type("cosine").limit(k)
        query = query.maximum_nprobes(0).minimum_nprobes(MIN_PROBES).select(["_distance"]).with_row_id()
        found = await (query.where(where) if where else query).to_arrow()
        return found["_rowid"].to_pylist(), found["_distance"].to_numpy()

    async def matching(self, text: str, k: int, where: str | None) -> dict[int, float]:
        """Return the k best scores of BM25 by row id, falling."""
        query = self._table.query().nearest_to_text(text, columns=self.words).limit(k)
        query = query.select(["_score"]).with_row_id()
        found = await (query.where(where) if where else query).to_arrow()
        return dict(zip(found["_rowid"].to_pylist(), found["_score"].to_pylist(), strict=True))

    async def take(self, ids: Sequence[int], *, vectors: bool) -> FetchedRows:
        """Read rows, in any order."""
        columns: list[str] = [PLACE, VECTOR] if vectors else [PLACE]
        found = await self._table.take_row_ids(list(ids)).select(columns).with_row_id().to_arrow()
        return FetchedRows(
            found["_rowid"].to_pylist(),
            matrix(found[PLACE]).tolist(),
            matrix(found[VECTOR]) if vectors else None,
        )

    async def stored(self, rev: int) -> FetchedRows:
        """Read all rows of a revision, with their vectors."""
        columns: list[str] = [PLACE, VECTOR] if self.dimensions is not None else [PLACE]
        found = await self._table.query().where(f"{REV} = {int(rev)}").select(columns).to_arrow()
        vectors = matrix(found[VECTOR]) if self.dimensions is not None and len(found) else None
        return FetchedRows([], matrix(found[PLACE]).tolist() if len(found) else [], vectors)

    async def blocks(
        self, where: str | None, rows: int
    ) -> AsyncGenerator[tuple[NDArray[int64], NDArray[float32] | None, list[str]]]:
        """Read rows with all that they have, so many at a time: PLACES, vectors, words."""
        columns: list[str] = [PLACE, self.words, *([VECTOR] if self.dimensions is not None else [])]
        query = self._table.query().select(columns)
        async for found in await (query.where(where) if where else query).to_batches(max_batch_length=rows):
            for first in range(0, len(found), rows):
                part = found.slice(first, rows)
                vectors = matrix(part.column(VECTOR)) if self.dimensions is not None else None
                yield matrix(part.column(PLACE)), vectors, part.column(self.words).to_pylist()

    async def revs(self) -> dict[int, int]:
        """Count the rows of each revision."""
        column = (await self._table.query().select([REV]).to_arrow())[REV].to_numpy()
        revs, counts = np.unique(column, return_counts=True)
        return dict(zip(revs.tolist(), counts.tolist(), strict=True))

    async def add(self, rows: Sequence[Rows]) -> int:
        """Append in one commit; return the version that it made."""
        for part in rows:
            given = None if part.vectors is None else part.vectors.shape[-1]
            if given != self.dimensions:
                raise WrongDimensions(self.name, self.dimensions, given)
        return (await self._table.add(batch(rows, self._schema))).version

    async def delete(self, where: str) -> None:
        """Mark rows as deleted; they stay on disk until they are compacted away and the old version is pruned."""
        await self._table.delete(where)

    async def touch(self, rev: int) -> None:
        """Write the rows of `rev` again, so that the fragment that held them is compacted with the new one."""
        await self._table.update(where=f"{REV} = {rev}", updates_sql={REV: REV})

    async def compact(self, window: timedelta, *, unverified: bool = False) -> None:
        """Merge fragments, index the rows that are not, and remove the files of versions older than `window`.

        `unverified` also removes files that a killed writer left; only safe while nobody writes.
        """
        await self._table.optimize(cleanup_older_than=window, delete_unverified=unverified)

    async def index_text(self) -> None:
        """Rebuild the full-text index."""
        await self._table.create_index(self.words, config=_AS_IT_STANDS if self.words == WORDS else _ANALYSED)

    async def index_revs(self) -> None:
        """Build the index that filters use."""
        await self._table.create_index(REV, config=BTree())

    async def index_vectors(self) -> None:
        """Build the vector index: 4-bit codes, whose nearest 100 hold the true nearest 10."""
        await self._table.create_index(VECTOR, config=IvfRq(distance_type="cosine", num_bits=4))

    async def indexed(self) -> set[str]:
        """Name the columns that have an index."""
        return {column for index in await self._table.list_indices() for column in index.columns}

    async def state(self) -> TableState:
        """Measure the table."""
        stats: Any = await self._table.stats()
        fragments = stats["fragment_stats"]
        number, mean = fragments["num_fragments"], fragments["lengths"]["mean"]
        text = await self._table.index_stats(f"{self.words}_idx")
        vectors = await self._table.index_stats(f"{VECTOR}_idx")
        return TableState(
            rows=stats["num_rows"],
            fragments=number,
            deleted=max(0, number * mean - stats["num_rows"]),
            unindexed=text.num_unindexed_rows if text else stats["num_rows"],
            segments=vectors.num_indices or 1 if vectors else 0,
            wants_vector_index=self.dimensions is not None
            and stats["num_rows"] >= VECTOR_INDEX_FROM
            and vectors is None,
        )


def give_back_memory() -> None:
    """Give the memory that was needed for a moment back to the system; it takes some milliseconds."""
    pa.default_memory_pool().release_unused()
    trim_heaps()


class Database:
    """A place of tables, and what LanceDB keeps in memory of them: at most so many bytes of each kind.

    What it keeps of a version holds files open, also those that were deleted since; it lets go of a version by size
    alone, which takes hundreds of small ones. So after some versions the whole is to be thrown away: `is_stale`.
    """

    def __init__(self, folder: Path | None, connection: AsyncConnection, session: lancedb.Session) -> None:
        self._connection = connection
        self._session = session
        self._folder = folder
        self._versions: set[tuple[str, int]] = set()
        self._kept: dict[str, tuple[VersionStamp, Table]] = {}

    @classmethod
    async def connect(
        cls,
        uri: str,
        index_bytes: int = INDEX_BYTES,
        *,
        folder: Path | None = None,
        options: Mapping[str, str] | None = None,
    ) -> "Database":
        """Open a place, and make it where it is missing. `folder`: where it lies on this machine, if it does."""
        session = lancedb.Session(index_cache_size_bytes=index_bytes, metadata_cache_size_bytes=METADATA_BYTES)
        given = None if options is None else dict(options)
        return cls(folder, await lancedb.connect_async(uri, session=session, storage_options=given), session)

    @property
    def is_stale(self) -> bool:
        """Tell whether more is held of versions that were read than a few descriptors; a new connection holds none."""
        return len(self._versions) >= MOST_VERSIONS and self._session.approx_num_items >= MOST_ITEMS

    async def open(self, name: str) -> Table:
        """Open the newest version of a table (.15 ms)."""
        table = await self._connection.open_table(name)
        self._versions.add((name, await table.version()))
        return Table(table, await table.schema())

    async def reading(self, name: str) -> Table:
        """Return the newest version of a table to read it: as it was opened before, if it has not changed since."""
        stamp = None if self._folder is None else VersionStamp.of(self._folder / f"{name}.lance")
        kept = self._kept.get(name)
        if kept is not None and stamp == kept[0]:
            return kept[1]
        self._kept.pop(name, None)  # its files are not held open beside those of the new version
        opened = await self.open(name)
        if stamp is not None:
            while len(self._kept) >= MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[name] = (stamp, opened)
        return opened

    async def create(self, name: str, dimensions: int | None, *, analysed: bool) -> Table:
        """Make an empty table, or open the one that there is if its columns are the same."""
        columns = schema(dimensions, analysed=analysed)
        table = await self._connection.create_table(name, schema=columns, exist_ok=True)
        return Table(table, await table.schema())

    def close(self) -> None:
        """Drop the caches of the connection."""
        self._connection.close()

"""The check of everything: the catalog's own integrity, each blob's hash, each text, each table of the index."""

import hashlib
from collections.abc import AsyncIterator, Callable
from itertools import groupby
from operator import itemgetter

import anyio.to_thread

from vectorstores_server.engines.local.catalog import Catalog
from vectorstores_server.engines.local.catalog.dialect import DB
from vectorstores_server.engines.local.catalog.reconciliation import live_rows
from vectorstores_server.engines.local.files.blobs import Blobs, OpenBlob
from vectorstores_server.engines.local.index import CandidateQuery, Index, IndexUnavailable, IndexUnreachable
from vectorstores_tools.contract.maintenance import Finding

Report = Callable[[int], None]
"""A callback for progress: gets the number of things that have just been checked."""


class DataCheck:
    """Looks at a data directory while others use it. Raises OSError and IndexUnreachable where the machine fails."""

    def __init__(self, catalog: Catalog, blobs: Blobs, index: Index) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._index = index

    async def size(self) -> int:
        """Return how many things there are to check."""
        return await self._catalog.read(_size)

    async def findings(self, report: Report) -> AsyncIterator[Finding]:
        """Yield findings, one part of the directory after the other."""
        for problem in await self._catalog.damages():
            yield Finding("catalog", "catalog", problem, "none")
        for sha256, size, live, names in await self._catalog.read(_contents):
            async for finding in self._content(sha256, size, live=live, names=names):
                yield finding
            report(1)
        for table in await self._catalog.read(_tables):
            async for finding in self._table(table):
                yield finding
            report(1)

    async def _content(self, sha256: str, size: int, *, live: bool, names: tuple[str, ...]) -> AsyncIterator[Finding]:
        short = sha256[:12]
        async with self._blobs.opened(sha256) as opened:
            problem = "missing" if opened is None else await _blob_problem(opened, size, sha256)
        if problem is not None:
            yield Finding("blob", short, problem, "set aside", names)
        if live and await self._blobs.read_document(sha256) is None:
            exists = await self._blobs.has_text(sha256)
            repair = "parse again" if problem is None else "none"
            yield Finding("text", short, "damaged" if exists else "missing", repair, names)

    async def _table(self, table: str) -> AsyncIterator[Finding]:
        expected = await self._catalog.read(live_rows, table)
        if not any(expected.values()):
            return
        problem = await self._table_problem(table, expected)
        if problem is not None:
            yield Finding("table", table, problem, "rebuild")

    async def _table_problem(self, table: str, expected: dict[int, int]) -> str | None:
        try:
            found = await self._index.revs(table)
            await self._index.candidates(table, CandidateQuery(vector=None, text="a word", revs=None))
        except IndexUnreachable:
            raise
        except IndexUnavailable as error:
            return error.reason
        if short := [rev for rev, rows in expected.items() if found.get(rev, 0) != rows]:
            return f"it lacks rows of {len(short)} of {len(expected)} files"
        damaged = await self._index.damaged(table)
        return "; ".join(f"{name} is {damage}" for name, damage in sorted(damaged.items())[:3]) or None


async def _blob_problem(opened: OpenBlob, size: int, sha256: str) -> str | None:
    digest, found = hashlib.sha256(), 0
    async for block in opened.range(0, opened.size):
        await anyio.to_thread.run_sync(digest.update, block)
        found += len(block)
    if found != size:
        return f"{found} bytes instead of {size}"
    return None if digest.hexdigest() == sha256 else "its bytes are not those that were uploaded"


def _size(db: DB) -> int:
    contents: int = db.execute("SELECT count(DISTINCT sha256) FROM file").fetchone()[0]
    return contents + len(_tables(db))


def _contents(db: DB) -> list[tuple[str, int, bool, tuple[str, ...]]]:
    """Return each content: hash, bytes, whether it is searchable somewhere, and the names of its Files."""
    rows = db.execute(
        "SELECT sha256, bytes, filename, EXISTS (SELECT 1 FROM attachment WHERE file_id = file.id"
        " AND live_rev IS NOT NULL) AS live FROM file ORDER BY sha256, id"
    )
    found: list[tuple[str, int, bool, tuple[str, ...]]] = []
    for sha256, files in groupby(rows, key=itemgetter("sha256")):
        alike = list(files)
        live = any(row["live"] for row in alike)
        found.append((sha256, alike[0]["bytes"], live, tuple(row["filename"] for row in alike)))
    return found


def _tables(db: DB) -> list[str]:
    rows = db.execute("SELECT table_name FROM store WHERE n_live > 0 AND expired = 0 ORDER BY table_name")
    return [row["table_name"] for row in rows]

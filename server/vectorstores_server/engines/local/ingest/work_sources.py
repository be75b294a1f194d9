"""Sources of files to build, and the record of their outcomes: here the catalog's queue; a new table is one too."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from vectorstores_server.engines.local.catalog import Catalog, work_queue
from vectorstores_server.engines.local.catalog.enqueue import put_off
from vectorstores_server.engines.local.catalog.ids import clock
from vectorstores_server.engines.local.catalog.outcomes import failed, flip
from vectorstores_server.engines.local.catalog.revisions import BuiltRevision, bury_revs
from vectorstores_server.engines.local.catalog.work_queue import QueuedRevision
from vectorstores_server.engines.local.leader import Claims
from vectorstores_server.engines.local.parsing import VERSION, ParseFailure, Postponed, Unread


@dataclass(slots=True)
class IngestCounts:
    """Files that went live with their passages, and files that failed."""

    files: int = 0
    passages: int = 0
    failed: int = 0


class WorkSource(Protocol):
    """Files that are to be built into an index table."""

    async def next(self, besides: Collection[int], sizes: range) -> Sequence[QueuedRevision]:
        """Return the next few files of so many bytes, none whose revision is in `besides`; empty when there is none."""
        ...

    async def wanted(self, revs: Collection[int]) -> set[int]:
        """Return those of the revisions that somebody still waits for."""
        ...

    async def finish(self, built: Sequence[BuiltRevision]) -> None:
        """Take over revisions that are complete in the index."""
        ...

    async def progress(self, rev: int, built: int, of: int) -> None:
        """Take note of how many of a revision's passages are in the index."""
        ...

    async def drop(self, table: str, rev: int) -> None:
        """Take note that rows of this revision are in the table and that no more will come."""
        ...

    async def refuse(self, work: QueuedRevision, failure: ParseFailure) -> None:
        """Record why a file cannot be built."""
        ...

    async def without_vectors(self, works: Sequence[QueuedRevision], reason: str) -> None:
        """Record that the embedder gave up on these files, after its own attempts."""
        ...


class CatalogQueue:
    """The attachments that have a revision to be built, of stores whose embedder is one of `identities`.

    How they end is counted in `counts`.
    """

    def __init__(self, catalog: Catalog, claims: Claims, identities: Collection[str], counts: IngestCounts) -> None:
        self._catalog = catalog
        self._claims = claims
        self._identities = identities
        self._counts = counts

    async def next(self, besides: Collection[int], sizes: range) -> Sequence[QueuedRevision]:
        """Return single files before batches, oldest first."""
        return await self._claims.next(self._identities, besides, sizes)

    async def wanted(self, revs: Collection[int]) -> set[int]:
        """Return the revisions that were not cancelled, detached or replaced by another request."""
        return await self._catalog.read(work_queue.still_wanted, revs)

    async def finish(self, built: Sequence[BuiltRevision]) -> None:
        """Make the revisions live, which searches read, all in one transaction."""
        live = await self._catalog.write(flip, built, clock())
        self._counts.files += len(live)
        self._counts.passages += sum(revision.rows for revision in built if revision.rev in live)

    async def progress(self, rev: int, built: int, of: int) -> None:
        """Let every process see it."""
        await self._catalog.write(work_queue.note_progress, rev, built, of)

    async def drop(self, table: str, rev: int) -> None:
        """Leave the rows to the sweep."""
        await self._catalog.write(bury_revs, table, [rev], clock())

    async def refuse(self, work: QueuedRevision, failure: ParseFailure) -> None:
        """Fail the file; a version of it that is live stays. One whose pages wait to be recognised waits with them."""
        if isinstance(failure, Postponed):
            return
        if isinstance(failure, Unread):
            await self._catalog.write(put_off, work.rev)
            return
        self._counts.failed += await self._catalog.write(
            failed, work.rev, failure.code, failure.message, clock(), VERSION
        )

    async def without_vectors(self, works: Sequence[QueuedRevision], reason: str) -> None:
        """Fail the files."""
        for work in works:
            self._counts.failed += await self._catalog.write(failed, work.rev, "server_error", reason, clock())

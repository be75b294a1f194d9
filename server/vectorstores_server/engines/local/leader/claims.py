"""Claims on files that wait: all of them are the only worker's, or each is one server's for a while."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from vectorstores_server.engines.local.catalog import Catalog, postgres_claims, work_queue
from vectorstores_server.engines.local.catalog.ids import clock
from vectorstores_server.engines.local.catalog.index_tables import ANY_SIZE
from vectorstores_server.engines.local.catalog.work_queue import QueuedRevision

if TYPE_CHECKING:
    from vectorstores_server.engines.local.catalog.postgres import PostgresCatalog

AT_ONCE = 16
"""The files of one claim: small ones are prepared together."""


class OnlyWorker:
    """The claims of the holder of the lock, which are on everything that waits."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def next(
        self, identities: Collection[str], besides: Collection[int], sizes: range
    ) -> Sequence[QueuedRevision]:
        """Return the files to build next, single files before batches, the oldest first."""
        return await self._catalog.read(
            work_queue.next_work, identities, clock(), limit=AT_ONCE, besides=besides, sizes=sizes
        )

    async def waits(self, identities: Collection[str]) -> bool:
        """Return False: without the lock there is nothing to do."""
        del identities
        return False

    async def release(self) -> None:
        """Do nothing: the next holder of the lock finds what is unfinished."""


class LeasedClaims:
    """The claims of one server among several: they last for so many seconds after they were last renewed."""

    def __init__(self, catalog: "PostgresCatalog", holder: str, seconds: float) -> None:
        self._catalog = catalog
        self._holder = holder
        self._seconds = seconds

    async def next(
        self, identities: Collection[str], besides: Collection[int], sizes: range
    ) -> Sequence[QueuedRevision]:
        """Claim the files to build next. Nobody waits for a look that finds none."""
        if not await self._catalog.read(postgres_claims.has_unclaimed, identities, clock(), sizes, besides):
            return []
        return await self._catalog.write(
            postgres_claims.claim, identities, clock(), holder=self._holder, seconds=self._seconds, limit=AT_ONCE,
            besides=besides, sizes=sizes,
        )  # fmt: skip

    async def waits(self, identities: Collection[str]) -> bool:
        """Tell whether a file waits that no other server builds."""
        return await self._catalog.read(postgres_claims.has_unclaimed, identities, clock(), ANY_SIZE, ())

    async def renew(self) -> None:
        """Let the claims last longer."""
        await self._catalog.apart(postgres_claims.renew_claims, self._holder, self._seconds)

    async def release(self) -> None:
        """Let others build what was not ended here."""
        if await self._catalog.read(postgres_claims.has_claims, self._holder):
            await self._catalog.write(postgres_claims.release_claims, self._holder, clock())

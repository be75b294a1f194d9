"""Leases: rights in rows of the catalog's database, for servers on several machines; one that is not renewed runs out.

The database's clock alone is asked. A holder that was frozen for longer than its lease finds that it has it no longer;
what it does before it looks is fenced: a revision goes live only where it is still wanted.
"""

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import anyio

from vectorstores_server.engines.local.catalog import postgres_leases
from vectorstores_server.engines.local.catalog.postgres import PostgresCatalog
from vectorstores_server.engines.local.leader.claims import LeasedClaims
from vectorstores_tools.contract.errors import VectorStoreError

RENEWALS = 3
"""The renewals in the time of a lease."""


class LeaseLock:
    """A WorkLock that lasts for so many seconds after its last renewal."""

    def __init__(self, leases: "Leases", name: str) -> None:
        self._leases = leases
        self.name = name
        self.holder = secrets.token_hex(8)
        self._until = 0.0

    @property
    def held(self) -> bool:
        """True while no other server can have it."""
        return time.monotonic() < self._until

    async def take(self) -> bool:
        """Try to get it. Raises Unavailable."""
        return self.held or await self._leases.take(self)

    async def close(self) -> None:
        """Let others have it; where the database is away they have it once it has run out."""
        if self._until:
            self._until = 0.0
            await self._leases.end(self)

    def last_until(self, at: float) -> None:
        """Last until this monotonic time; 0: it is lost."""
        self._until = at


class Leases:
    """The leases of one process, and its claims. `keep` renews them until it is cancelled."""

    def __init__(self, catalog: PostgresCatalog, claims: LeasedClaims, seconds: float) -> None:
        self._catalog = catalog
        self._claims = claims
        self.seconds = seconds
        self._held: set[LeaseLock] = set()

    def lock(self, name: str) -> LeaseLock:
        """Return the right of this name, which is not held yet."""
        return LeaseLock(self, name)

    async def keep(self) -> None:
        """Renew what is held."""
        while True:
            await anyio.sleep(self.seconds / RENEWALS)
            with suppress(VectorStoreError):  # it is tried again until it runs out
                for lock in list(self._held):
                    await self.renew(lock)
                await self._claims.renew()

    async def take(self, lock: LeaseLock) -> bool:
        """Enter a lease that nobody has; False where somebody has it."""
        if await self._entered(lock, partial(postgres_leases.take, name=lock.name)):
            self._held.add(lock)
        return lock.held

    async def renew(self, lock: LeaseLock) -> None:
        """Let a lease last longer, unless another server has taken it."""
        if not await self._entered(lock, partial(postgres_leases.renew, name=lock.name)):
            self._held.discard(lock)

    async def end(self, lock: LeaseLock) -> None:
        """Strike a lease."""
        self._held.discard(lock)
        with suppress(VectorStoreError):
            await self._catalog.apart(postgres_leases.end, lock.name, lock.holder)

    async def _entered(self, lock: LeaseLock, enter: Callable[..., bool]) -> bool:
        await self._catalog.prepared()
        asked_at = time.monotonic()
        is_ours = await self._catalog.apart(enter, holder=lock.holder, seconds=self.seconds)
        lock.last_until(asked_at + self.seconds if is_ours else 0.0)
        return is_ours

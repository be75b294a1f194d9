"""The catalog as everything above it uses it, whichever database keeps it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from vectorstores_server.engines.local.catalog.dialect import DB
from vectorstores_server.engines.local.catalog.statistics import CatalogStatistics

P = ParamSpec("P")
T = TypeVar("T")


class Snapshot(Protocol):
    """One reading transaction, as of its first SELECT."""

    async def read(self, fn: Callable[Concatenate[DB, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn(connection, ...)` in this transaction."""
        ...


class Catalog(Protocol):
    """One process's way to the catalog. Nothing is opened before the first call.

    Raises DiskFull, DirectoryUpgraded and Unavailable.
    """

    read_only: bool

    async def read(self, fn: Callable[Concatenate[DB, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn(connection, ...)` in one reading transaction."""
        ...

    async def write(self, fn: Callable[Concatenate[DB, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn(connection, ...)` in one writing transaction. Raises NotAllowed where nothing may be written."""
        ...

    async def write_freeing(self, fn: Callable[Concatenate[DB, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a writing transaction that frees space, on a full disk too."""
        ...

    def snapshot(self) -> AbstractAsyncContextManager[Snapshot]:
        """Give a reading transaction that stays the same until it is left."""
        ...

    async def changed(self, since: int) -> int:
        """Wait for a change after the mark `since`; 0 returns the mark of now. See `Engine.changed`."""
        ...

    def stamp(self) -> object | None:
        """Return a state that differs once anybody has committed; None where it is unknown at this moment."""
        ...

    def wake(self) -> None:
        """Wake the tasks of this process that wait for a change."""
        ...

    async def is_there(self) -> bool:
        """Tell whether there is a catalog already, without making one."""
        ...

    async def prepared(self) -> None:
        """Make sure that the catalog is there, ours and of this version; only the first time."""
        ...

    async def inventory(self, *, prove: bool) -> CatalogStatistics:
        """Count everything; with `prove` write one row too. Answers within a second, or raises."""
        ...

    async def damages(self) -> list[str]:
        """Return the damages of the database itself, a sentence each, a few at most."""
        ...

    async def checkpoint(self, *, at_least: int = ...) -> None:
        """Move what was written lately into its place, where there is so much of it."""
        ...

    async def vacuum(self) -> None:
        """Rewrite the catalog, without a trace of deleted rows."""
        ...

    async def aclose(self) -> None:
        """Close the connections, once the transactions under way have ended."""
        ...

"""The upkeep of the local engine's data: each task is done by the worker, or looks without changing anything."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from typing_extensions import override

from vectorstores_server.engines.local.catalog import Catalog
from vectorstores_server.engines.local.catalog.held_keys import keys_named_like_facts
from vectorstores_server.engines.local.catalog.stores import live_passages
from vectorstores_server.engines.local.files.blobs import Blobs
from vectorstores_tools.contract.maintenance import Finding, Maintenance

if TYPE_CHECKING:
    from vectorstores_server.engines.local.checking.check import DataCheck
    from vectorstores_server.engines.local.components import Components
    from vectorstores_server.engines.local.worker.worker import Worker


class LocalMaintenance(Maintenance):
    """The upkeep of one data directory; `started` and `working` open its parts at the first call."""

    def __init__(
        self,
        catalog: Catalog,
        blobs: Blobs,
        started: "Callable[[], Awaitable[Components]]",
        working: "Callable[[], Awaitable[Worker]]",
    ) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._started = started
        self._working = working

    @override
    async def reindex(self, store_id: str | None = None) -> int:
        components = await self._started()
        return await (await self._working()).reindex(store_id, *await components.vectors())

    @override
    async def rebuilding(self) -> int:
        return await (await self._working()).rebuilding()

    @override
    async def purge(self, *, trash: bool = False) -> None:
        await (await self._working()).purge(trash=trash)

    @override
    async def check(self, report: Callable[[int], None]) -> AsyncIterator[Finding]:
        async for finding in (await self._data_check()).findings(report):
            yield finding

    @override
    async def things_to_check(self) -> int:
        return await (await self._data_check()).size()

    @override
    async def repair(self, findings: Sequence[Finding]) -> list[Finding]:
        return await (await self._working()).repair(findings)

    @override
    async def keys_named_like_facts(self) -> list[str]:
        await self._started()
        return await self._catalog.read(keys_named_like_facts)

    @override
    async def searched_in_memory(self) -> tuple[int, int]:
        from vectorstores_server.engines.local.index.resident import BYTES_A_ROW, MOST_ROWS

        await self._started()
        tables = await self._catalog.read(live_passages)
        small = [(passages, dimensions) for passages, dimensions in tables if passages <= MOST_ROWS]
        return len(small), sum(passages * (BYTES_A_ROW + 4 * dimensions) for passages, dimensions in small)

    async def _data_check(self) -> "DataCheck":
        from vectorstores_server.engines.local.checking.check import DataCheck

        components = await self._started()
        return DataCheck(self._catalog, self._blobs, components.index)

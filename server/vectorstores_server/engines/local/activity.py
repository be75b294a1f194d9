"""The last use of a store: noted at most once a minute, and without anybody waiting for it."""

from contextlib import suppress

from vectorstores_server.engines.background import BackgroundTasks
from vectorstores_server.engines.local.catalog import Catalog, stores
from vectorstores_server.engines.local.catalog.ids import clock
from vectorstores_tools.contract.errors import VectorStoreError


class StoreActivity:
    """Moves `last_active_at`; does nothing where nothing may be written."""

    def __init__(self, catalog: Catalog, background: BackgroundTasks, *, read_only: bool) -> None:
        self._catalog = catalog
        self._background = background
        self._read_only = read_only
        self._noted: dict[str, int] = {}

    def note(self, store_id: str) -> None:
        """Note that the store is used now."""
        now = clock()
        if not self._read_only and self._noted.get(store_id, 0) <= now - stores.TOUCH_SECONDS:
            self._noted[store_id] = now
            self._background.spawn(self._write, store_id, now)

    async def _write(self, store_id: str, now: int) -> None:
        with suppress(VectorStoreError):
            await self._catalog.write(stores.touch, store_id, now)

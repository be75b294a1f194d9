"""Warming: what the first search of a server needs is made ready while its client still looks around.

The libraries and the model take .6 s of processor time, a table of 10,000 passages .7 s more. A client that only lists
stores pays nothing. It is done at the priority of the process, but for the reading of the table: a search that comes
meanwhile waits for the same imports, and on a busy machine a thread that stands back took up to four times as long.
"""

import logging
from collections.abc import Awaitable, Callable

import anyio

from vectorstores_server.engines.background import BackgroundTasks
from vectorstores_server.engines.local.catalog import Catalog, index_tables
from vectorstores_server.engines.local.components import Components
from vectorstores_server.engines.local.embedding import EmbeddingFailure
from vectorstores_server.engines.local.embedding.local_model import LocalModel
from vectorstores_server.engines.local.index import IndexUnavailable
from vectorstores_server.system.logs import event
from vectorstores_tools.contract.errors import VectorStoreError

PAUSE = 0.25
"""Seconds after the call that named a store, whose answer goes out first."""

log = logging.getLogger(__name__)


class Warming:
    """Makes ready, once in a process, what a search of the first store needs that a caller names and that has files."""

    def __init__(
        self, catalog: Catalog, background: BackgroundTasks, components: Callable[[], Awaitable[Components]]
    ) -> None:
        self._catalog = catalog
        self._background = background
        self._components = components
        self._begun = False

    def note(self, store_id: str) -> None:
        """Begin with a store, unless that was done with one before."""
        if not self._begun:
            self._begun = True
            self._background.spawn(self._warm, store_id)

    async def _warm(self, store_id: str) -> None:
        await anyio.sleep(PAUSE)
        try:
            components = await self._components()
            store = await self._catalog.read(index_tables.store_table, store_id)
            if store is None or not store.files:
                self._begun = False
                return
            await components.index.opened(store.name)
            for model in (components.embedder, components.former_embedder):
                if isinstance(model, LocalModel) and model.identity == store.embedder:
                    await model.embed_query(store.name)  # a service would be asked for money
            await components.index.hold(store.name)
        except (EmbeddingFailure, IndexUnavailable, VectorStoreError, OSError, MemoryError) as error:
            log.info("Nothing is made ready for a search: %s", error, extra=event("not_warmed", store=store_id))

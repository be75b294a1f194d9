"""The parts of one local engine. What is heavy is made when it is first needed: embedder, index, searcher, parsers."""

import os
from functools import cached_property

from vectorstores_server.engines.local.catalog import Catalog, backgrounds, index_tables
from vectorstores_server.engines.local.catalog.ids import clock
from vectorstores_server.engines.local.embedding import Embedder, EmbedderChoice, EmbeddingFailure, open_embedder
from vectorstores_server.engines.local.embedding.errors import NO_MODEL, NO_VECTORS
from vectorstores_server.engines.local.embedding.models import Background
from vectorstores_server.engines.local.files.page_images import PageImages
from vectorstores_server.engines.local.index import NO_RESIDENTS, Index
from vectorstores_server.engines.local.index.memory import IndexMemory
from vectorstores_server.engines.local.ingest.documents import DocumentMaker
from vectorstores_server.engines.local.ingest.preparation import FilePreparer
from vectorstores_server.engines.local.parsing.parser_process import PAGE_LIMITS, ParserProcess
from vectorstores_server.engines.local.parsing.tesseract import Recognition, Tesseract
from vectorstores_server.engines.local.search.document_cache import DocumentCache
from vectorstores_server.engines.local.search.searcher import Searcher
from vectorstores_server.engines.local.storage import EngineStorage
from vectorstores_tools.contract.errors import Unavailable

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
"""Read when numpy is imported, which is later: two threads take 3.5 ms for what one does in .4."""


class Components:
    """One of each for an engine. Making them opens no file of the index and loads no model."""

    def __init__(
        self,
        storage: EngineStorage,
        choice: EmbedderChoice | Embedder | None,
        memory: IndexMemory = NO_RESIDENTS,
        recognition: Recognition | None = None,
    ) -> None:
        self.storage = storage
        self.index = Index(storage.tables, memory=memory)
        self._choice = choice
        self.catalog = storage.catalog
        self.blobs = storage.blobs
        self.tesseract = Tesseract(recognition) if recognition is not None else None

    @cached_property
    def embedder(self) -> Embedder | None:
        """The embedder, None where there is no model."""
        if not isinstance(self._choice, EmbedderChoice):
            return self._choice
        try:
            return self._calibrated(open_embedder(self._choice))
        except EmbeddingFailure as failure:
            raise Unavailable(failure.message) from failure

    @cached_property
    def former_embedder(self) -> Embedder | None:
        """The embedder of stores from before their model's prefixes were known; None where none differ."""
        choice = self._choice.former if isinstance(self._choice, EmbedderChoice) else None
        return self._calibrated(open_embedder(choice)) if choice else None

    def _calibrated(self, embedder: Embedder | None) -> Embedder | None:
        """Return an embedder whose background is known, or is going to be measured."""
        if embedder is None or embedder.traits.background is not None:
            return embedder
        from vectorstores_server.engines.local.embedding.calibration import CalibratedEmbedder

        return CalibratedEmbedder(embedder, BackgroundsOfCatalog(self.catalog))

    @property
    def without_vectors(self) -> str:
        """The sentence that says why there is no embedder."""
        choice = self._choice
        return NO_VECTORS if isinstance(choice, EmbedderChoice) and choice.name == "none" else NO_MODEL

    async def vectors(self) -> tuple[str | None, int | None]:
        """Return the embedder's identity and dimensions, for which a service may have to be asked."""
        if self.embedder is None:
            return None, None
        try:
            await self.embedder.prepare()
        except EmbeddingFailure as failure:
            raise Unavailable(failure.message) from failure
        return self.embedder.identity, self.embedder.dimensions

    @cached_property
    def searcher(self) -> Searcher:
        """The searcher, which answers searches."""
        texts = DocumentCache(self.blobs, self.preparer.restore)
        return Searcher(self.catalog, texts, self.index, self.embedder, self.without_vectors, self.former_embedder)

    @cached_property
    def preparer(self) -> FilePreparer:
        """The preparer, which parses and cuts files, in two processes of its own."""
        documents = DocumentMaker(self.blobs, ParserProcess(), ParserProcess(), self.tesseract)
        return FilePreparer(self.blobs, documents, self.embedder, self.index, self._decide)

    @property
    def chooses(self) -> bool:
        """Tell whether the first text of a new store decides between two models of this machine (`auto`)."""
        is_auto = isinstance(self._choice, EmbedderChoice) and self._choice.name == "auto"
        return is_auto and self.embedder is not None and self.former_embedder is not None

    async def _decide(self, store_id: str, text: str) -> bool:
        """Choose the model for a store that has none yet, by its first text; tell whether it is the other one."""
        chosen, other = self.embedder, self.former_embedder
        if not self.chooses or chosen is None or other is None:
            return False
        if not chosen.traits.can_read(text) and other.traits.can_read(text):
            chosen = other
        return await self.catalog.write(index_tables.decide, store_id, chosen.identity, chosen.dimensions, clock())

    @cached_property
    def page_reader(self) -> ParserProcess:
        """The parser of pages that are pictures, in a process of its own."""
        return ParserProcess(PAGE_LIMITS)

    @cached_property
    def images(self) -> PageImages:
        """The renderer of pages, in a process of its own."""
        return PageImages(self.catalog, self.blobs)

    async def aclose(self) -> None:
        """Close the parts that were made."""
        await self.index.aclose()
        if "embedder" in self.__dict__ and self.embedder is not None:
            await self.embedder.aclose()
        if "former_embedder" in self.__dict__ and self.former_embedder is not None:
            await self.former_embedder.aclose()


class BackgroundsOfCatalog:
    """The measured backgrounds of a data directory; one that may not be written to has none of its own."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def load(self, identity: str) -> Background | None:
        """Return the one that is kept."""
        found = await self._catalog.read(backgrounds.background, identity)
        return Background(*found) if found else None

    async def keep(self, identity: str, background: Background) -> None:
        """Keep one, where that can be done."""
        if not self._catalog.read_only:
            await self._catalog.write(backgrounds.keep_background, identity, background.mean, background.sd)

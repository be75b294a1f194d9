"""A filtered search through the Engine, its queries embedded beforehand."""

import time
from collections.abc import Callable, Mapping, Sequence

from numpy import float32
from numpy.typing import NDArray

from benchmarks.budgets import Result
from benchmarks.corpus import claims
from benchmarks.ingest import minilm
from benchmarks.metrics import median, percentile
from benchmarks.options import Options
from benchmarks.stores import FILTER, TEN_THOUSAND
from vectorstores_server.engines.local.embedding import Embedder
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_tools.contract.filters import parse_filter
from vectorstores_tools.contract.requests import PageRequest, SearchRequest


class Embedded:
    """The model, with the vectors of the queries known beforehand."""

    def __init__(self, model: Embedder, known: Mapping[str, NDArray[float32]]) -> None:
        self._model = model
        self._known = known
        self.identity = model.identity
        self.dimensions = model.dimensions
        self.window = model.window
        self.traits = model.traits

    async def prepare(self) -> None:
        """Do nothing: the model is ready."""

    async def embed_documents(
        self, texts: Sequence[str], *, stop: Callable[[], bool] | None = None
    ) -> NDArray[float32]:
        """Embed as the model does."""
        return await self._model.embed_documents(texts, stop=stop)

    async def embed_query(self, text: str) -> NDArray[float32]:
        """Return the vector that was made before."""
        return self._known[text]

    async def aclose(self) -> None:
        """Close the model."""
        await self._model.aclose()


async def filtered(options: Options) -> Result:
    """Measure searches with and without a filter that matches 28 % of the files, in turn."""
    model = minilm(options)
    texts = list(claims(options.data).values())
    known = {text: await model.embed_query(text) for text in texts}
    engine = LocalEngine(options.work / TEN_THOUSAND, Embedded(model, known), read_only=True)
    store = next(s.id for s in (await engine.list_stores(PageRequest(limit=100))).data if s.name == TEN_THOUSAND)
    chosen = parse_filter(FILTER)
    times: dict[bool, list[float]] = {True: [], False: []}
    for text in [*texts[:20], *texts]:
        for narrow in (True, False):
            began = time.perf_counter()
            await engine.search(store, SearchRequest(queries=[text], filters=chosen if narrow else None))
            times[narrow].append(time.perf_counter() - began)
    await engine.aclose()
    ours, free = (1e3 * median(times[narrow][20:]) for narrow in (True, False))
    return Result(
        "filtered",
        "chromadb 20-40 ms (design)",
        f"{ours:.1f} ms",
        f"{ours / free:.2f} x unfiltered",
        ours <= 8,
        f"p95 {1e3 * percentile(times[True][20:], 0.95):.1f} ms; without a filter p50 {free:.1f} ms",
    )

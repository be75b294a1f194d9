"""A model of this machine: in threads of its own, so that the event loop lives and queries do not queue."""

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import anyio
import anyio.lowlevel
import anyio.to_thread

from vectorstores_server.engines.local.embedding.errors import ModelMissing, Stopped
from vectorstores_server.engines.local.embedding.model_tokens import TokenIds, token_ids
from vectorstores_server.engines.local.embedding.models import DIMENSIONS, ModelCard
from vectorstores_server.engines.local.embedding.prepared import prepared_arrays
from vectorstores_server.engines.local.embedding.traits import Traits
from vectorstores_server.engines.local.embedding.weights import ModelWeights, candidates, find_weights
from vectorstores_server.system import posix

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vectorstores_server.engines.local.embedding.onnx_model import Model

SLICE_SECONDS = 0.2
"""The time after which a thread comes back to the event loop; it asks `stop` as often."""
BATCH_TOKENS = 512
"""Measured: larger batches leave the processor's cache and are up to a tenth slower."""
PORTION = 256
"""The number of texts that are sorted by length at a time: some seconds of work."""
MAX_THREADS = 8


class OpenedModel(NamedTuple):
    """A model that is in memory, and what makes its tokens."""

    model: "Model"
    ids: TokenIds


class LocalModel:
    """A model of `models` on onnxruntime. `weights` None: `fetch` gets them at the first embed_documents.

    What is made of the weights is kept in the folder `kept`, None: nowhere. Each thread computes one batch on its own:
    that costs less than one batch on all cores. Queries have a pool of their own, and threads of documents a lower
    priority: without that a search took 3 to 20 times as long beside an ingest.
    """

    dimensions = DIMENSIONS

    def __init__(
        self,
        card: ModelCard,
        weights: ModelWeights | None,
        cache: Path,
        fetch: Callable[[], Awaitable[Path]] | None = None,
        *,
        kept: Path | None = None,
        threads: int | None = None,
    ) -> None:
        self.card = card
        self._weights = weights
        self._cache = cache
        self._fetch = fetch
        self._kept = kept
        self._opened: OpenedModel | None = None
        self._opening = threading.Lock()
        self._threads = threads or min(MAX_THREADS, usable_cores())
        self._bulk = anyio.CapacityLimiter(self._threads)
        self._back = ThreadPoolExecutor(self._threads, "documents", initializer=posix.stand_back)
        self._queries = anyio.CapacityLimiter(16)

    @property
    def identity(self) -> str:
        """Embedder's promise."""
        return self._weights.identity if self._weights else self.card.identity()

    @property
    def traits(self) -> Traits:
        """Embedder's promise."""
        return Traits(self.card.background, self.card.scripts, self.card.multilingual)

    @property
    def window(self) -> int:
        """Embedder's promise."""
        return self.card.window

    async def prepare(self) -> None:
        """Do nothing: identity and dimensions are known."""

    async def embed_documents(
        self, texts: Sequence[str], *, stop: Callable[[], bool] | None = None
    ) -> "NDArray[np.float32]":
        """Embedder's promise. Raises ModelMissing, ModelUnusable, DownloadFailed and Stopped."""
        import numpy as np

        if self._found() is None and self._fetch is not None:
            self._weights = ModelWeights(self.card, await self._fetch())
        opened = await anyio.to_thread.run_sync(self._open, limiter=self._bulk)
        vectors = np.empty((len(texts), DIMENSIONS), np.float32)
        for at in range(0, len(texts), PORTION):
            part = slice(at, at + PORTION)
            prefixed = [self.card.document_prefix + text for text in texts[part]]
            batches = await anyio.to_thread.run_sync(_batches, opened.ids, prefixed, limiter=self._bulk)
            await self._compute(_Job(opened.model, batches, vectors[part], stop))
        return vectors

    async def embed_query(self, text: str) -> "NDArray[np.float32]":
        """Embedder's promise. Raises ModelMissing and ModelUnusable."""
        return await anyio.to_thread.run_sync(self._query, text, limiter=self._queries)

    async def aclose(self) -> None:
        """Let go of the threads and the model's memory."""
        self._back.shutdown(wait=False)
        self._opened = None

    async def _compute(self, job: "_Job") -> None:
        async with anyio.create_task_group() as workers:
            for _ in range(self._threads):
                workers.start_soon(self._work, job)
        if job.stopped:
            # A cancelled caller shall see its cancellation, and not Stopped.
            await anyio.lowlevel.checkpoint()
            raise Stopped

    async def _work(self, job: "_Job") -> None:
        while job.pending:
            await anyio.lowlevel.checkpoint()
            done = asyncio.wrap_future(self._back.submit(job.run))
            with anyio.CancelScope(shield=True):  # a cancelled caller waits for the thread
                await asyncio.wait([done])
            done.result()

    def _query(self, text: str) -> "NDArray[np.float32]":
        opened = self._open()
        return opened.model.embed([opened.ids(self.card.query_prefix + text)])[0]

    def _open(self) -> OpenedModel:
        """Load the model once, for the first caller; blocks for the fifth of a second that it takes.

        The first time on a machine its arrays are made: a second for each hundred megabytes.
        """
        with self._opening:
            if self._opened is None:
                from vectorstores_server.engines.local.embedding.onnx_model import Model

                weights = self._found()
                if weights is None:
                    raise ModelMissing(self.card.name, candidates(self.card, self._cache))
                arrays = prepared_arrays(weights, self._kept)
                ids = token_ids(self.card, weights.tokenizer, arrays)
                self._opened = OpenedModel(Model(self.card, arrays), ids)
            return self._opened

    def _found(self) -> ModelWeights | None:
        return self._weights or find_weights(self.card, None, self._cache)


class _Job:
    """Batches that several threads take from, and the array that the vectors go to."""

    def __init__(
        self,
        model: "Model",
        batches: "deque[Batch]",
        vectors: "NDArray[np.float32]",
        stop: Callable[[], bool] | None,
    ) -> None:
        self.stopped = False
        self._model = model
        self._batches = batches
        self._vectors = vectors
        self._stop = stop

    @property
    def pending(self) -> bool:
        """Tell whether there is more to do."""
        return bool(self._batches) and not self.stopped

    def run(self) -> None:
        """Compute batches for SLICE_SECONDS."""
        if self._stop is not None and self._stop():
            self.stopped = True
            return
        until = time.monotonic() + SLICE_SECONDS
        while self.pending and time.monotonic() < until:
            try:
                places, ids = self._batches.popleft()
            except IndexError:
                return
            self._vectors[places] = self._model.embed(ids)


Batch = tuple[list[int], list[list[int]]]
"""Places of the texts in the call, and their token ids, which are equally many."""


def _batches(token_ids: TokenIds, texts: Sequence[str]) -> deque[Batch]:
    """Batches of texts of one length, so that nothing is padded; the longest first."""
    ids = [token_ids(text) for text in texts]
    order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))
    batches: deque[Batch] = deque()
    for length, same in groupby(order, key=lambda i: len(ids[i])):
        places = list(same)
        size = max(1, BATCH_TOKENS // length)
        for at in range(0, len(places), size):
            part = places[at : at + size]
            batches.append((part, [ids[i] for i in part]))
    return batches


def usable_cores() -> int:
    """Cores that this process may use; a container's share of time is not known here."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

"""A LocalEngine for tests: words as vectors, texts as files, and waiting without sleeping."""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

from vectorstores_server.engines.local.embedding import Embedder, Traits
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.engines.local.failpoints import hooked
from vectorstores_server.engines.local.leader.file_lock import WorkerLock
from vectorstores_server.engines.local.parsing.tesseract import Recognition
from vectorstores_server.engines.local.worker.pace import Pace
from vectorstores_tools.contract.engine import NewFile
from vectorstores_tools.contract.models import SearchPage, VectorStoreFile
from vectorstores_tools.contract.requests import (
    ChunkingStrategy,
    FileAttach,
    SearchRequest,
    StaticChunking,
    StoreCreate,
    StoreFilesRequest,
)

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

HASTY = Pace(idle=0.02, look=0.02, quiet=0.1, pause=0.01, retry=0.01)
"""For tests of what the worker does when it has waited."""
SMALL_CHUNKS = ChunkingStrategy(type="static", static=StaticChunking(max_chunk_size_tokens=100, chunk_overlap_tokens=0))


class Words:
    """An embedder whose texts are alike when they share words."""

    window = 256
    traits = Traits()

    def __init__(self, dimensions: int = 32) -> None:
        self.identity = f"words/{dimensions}"
        self.dimensions = dimensions
        self.embedded = 0

    async def prepare(self) -> None:
        pass

    async def embed_documents(
        self, texts: Sequence[str], *, stop: Callable[[], bool] | None = None
    ) -> "NDArray[float32]":
        import numpy as np

        await anyio.lowlevel.checkpoint()
        self.embedded += len(texts)
        return np.stack([self._vector(text) for text in texts])

    async def embed_query(self, text: str) -> "NDArray[float32]":
        return self._vector(text)

    async def aclose(self) -> None:
        pass

    def _vector(self, text: str) -> "NDArray[float32]":
        import numpy as np

        vector = np.full(self.dimensions, 1e-3, np.float32)
        for word in re.findall(r"\w+", text.lower()):
            vector[blake2b(word.encode(), digest_size=2).digest()[0] % self.dimensions] += 1
        return vector / np.float32(np.linalg.norm(vector))


class Gate(Words):
    """Words, once they are let through."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = anyio.Event()
        self.open = anyio.Event()

    async def embed_documents(
        self, texts: Sequence[str], *, stop: Callable[[], bool] | None = None
    ) -> "NDArray[float32]":
        self.reached.set()
        await self.open.wait()
        return await super().embed_documents(texts, stop=stop)


@asynccontextmanager
async def opened(
    directory: Path,
    embedder: Words | Embedder | None = None,
    checkpoint: Callable[[str], None] | None = None,
    pace: Pace | None = None,
    recognition: Recognition | None = None,
) -> AsyncGenerator[LocalEngine]:
    engine = LocalEngine(directory, embedder, pace=pace, recognition=recognition)
    try:
        with hooked(checkpoint) if checkpoint else nullcontext():
            yield engine
    finally:
        await engine.aclose()


async def once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def store(engine: LocalEngine, name: str = "test") -> str:
    return (await engine.create_store(StoreCreate(name=name))).id


async def upload(engine: LocalEngine, text: str | bytes, filename: str = "note.txt") -> str:
    data = text.encode() if isinstance(text, str) else text
    return (await engine.create_file(NewFile(filename, once(data)))).id


async def add(
    engine: LocalEngine, store_id: str, text: str | bytes, filename: str = "note.txt", **options: object
) -> str:
    """Upload, attach and wait until it is searchable."""
    file_id = await upload(engine, text, filename)
    await engine.attach_file(store_id, FileAttach.model_validate({"file_id": file_id, **options}))
    await settled(engine, store_id)
    return file_id


async def settled(engine: LocalEngine, store_id: str, seconds: float = 60) -> list[VectorStoreFile]:
    """Wait until no file of the store is in progress, and return the first hundred."""
    mark = 0
    with anyio.fail_after(seconds):
        while (await engine.retrieve_store(store_id)).file_counts.in_progress:
            mark = await engine.changed(mark)
    return (await engine.list_store_files(store_id, StoreFilesRequest(limit=100))).data


async def search(engine: LocalEngine, store_id: str, *queries: str, **options: object) -> SearchPage:
    return await engine.search(store_id, SearchRequest.model_validate({"queries": queries, **options}))


@contextmanager
def held(directory: Path) -> Generator[None]:
    """Keep the worker's lock of the directory, so that nothing is worked on meanwhile."""
    lock = WorkerLock(directory)
    assert lock.take(), "a worker is at work"
    try:
        yield
    finally:
        lock.close()

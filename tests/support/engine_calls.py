"""What tests of an engine do again and again."""

import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import anyio

from vectorstores_tools.contract.engine import AttachOptions, Engine, Ingested, NewFile
from vectorstores_tools.contract.intake import Source
from vectorstores_tools.contract.models import FileBatch, SearchPage, VectorStoreFile
from vectorstores_tools.contract.requests import (
    AttributeValue,
    ChunkingStrategy,
    FileAttach,
    PageRequest,
    SearchRequest,
    StaticChunking,
    StoreCreate,
    StoreFilesRequest,
)

PATIENCE = 120
"""Seconds until a test that hangs is ended; a machine that is busy with others may need half of them."""
SERVED: WeakKeyDictionary[Engine, Engine] = WeakKeyDictionary()
"""The engine behind the double of a service, by the remote engine that asks the service."""
ANYWAY = 0.2
"""Seconds after which a remote engine is asked even if what stands behind its service has not changed."""
NOISE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 2
"""No text in any encoding."""
SMALL = ChunkingStrategy(type="static", static=StaticChunking(max_chunk_size_tokens=100, chunk_overlap_tokens=0))


async def stream(data: bytes, piece: int = 1000) -> AsyncIterator[bytes]:
    for first in range(0, len(data), piece):
        yield data[first : first + piece]


async def new_store(engine: Engine, **fields: object) -> str:
    return (await engine.create_store(StoreCreate.model_validate(fields))).id


async def upload(engine: Engine, text: str | bytes, filename: str = "a.txt") -> str:
    data = text.encode() if isinstance(text, str) else text
    return (await engine.create_file(NewFile(filename, stream(data)))).id


async def attach(
    engine: Engine,
    store: str,
    file: str,
    *,
    attributes: dict[str, AttributeValue] | None = None,
    chunking: ChunkingStrategy | None = None,
) -> VectorStoreFile:
    given: dict[str, Any] = {"attributes": attributes, "chunking_strategy": chunking}
    request = FileAttach(file_id=file, **{k: v for k, v in given.items() if v is not None})
    return await engine.attach_file(store, request)


async def add(
    engine: Engine,
    store: str,
    text: str | bytes,
    filename: str = "a.txt",
    attributes: dict[str, AttributeValue] | None = None,
) -> str:
    """Upload, attach, and wait until it is through."""
    file = await upload(engine, text, filename)
    await attach(engine, store, file, attributes=attributes)
    await settled(engine, store, file)
    return file


async def until(engine: Engine, done: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    """Wait until `done`: asked at first, then after each change of what the engine, or its service, keeps.

    A remote engine would look again and again, each time through the whole of /v1; its own looks are tested by
    themselves (tests/remote/test_polling.py).
    """
    keeper = SERVED.get(engine, engine)
    with anyio.fail_after(PATIENCE):
        mark = await keeper.changed(0)
        while not await done():
            with anyio.move_on_after(ANYWAY if keeper is not engine else None):
                mark = await keeper.changed(mark)


async def settled(engine: Engine, store: str, file: str) -> VectorStoreFile:
    async def done() -> bool:
        return (await engine.retrieve_store_file(store, file)).status != "in_progress"

    await until(engine, done)
    return await engine.retrieve_store_file(store, file)


async def finished(engine: Engine, store: str, batch: str) -> FileBatch:
    async def done() -> bool:
        return (await engine.retrieve_batch(store, batch)).status != "in_progress"

    await until(engine, done)
    return await engine.retrieve_batch(store, batch)


async def search(engine: Engine, store: str, *queries: str, **fields: object) -> SearchPage:
    return await engine.search(store, SearchRequest.model_validate({"queries": list(queries), **fields}))


async def found(engine: Engine, store: str, query: str, **fields: object) -> list[str]:
    """The ids of the files that a search finds, best first."""
    return [hit.file_id for hit in (await search(engine, store, query, **fields)).data]


async def store_ids(engine: Engine, **fields: object) -> list[str]:
    return [s.id for s in (await engine.list_stores(PageRequest.model_validate(fields))).data]


async def file_ids(engine: Engine, store: str, **fields: object) -> list[str]:
    return [f.id for f in (await engine.list_store_files(store, StoreFilesRequest.model_validate(fields))).data]


def source(origin: str, text: str, body: AsyncIterator[bytes] | None = None) -> Source:
    data = text.encode()
    name = origin.rpartition("/")[2]
    return Source(name, origin, hashlib.sha256(data).hexdigest(), len(data), body or stream(data))


def below(folder: str, origin: str, text: str) -> Source:
    """A source that was found in a folder that was named."""
    return replace(source(origin, text), folder=folder)


async def ingest(engine: Engine, store: str, *sources: Source, **options: Any) -> Ingested:
    async def each() -> AsyncIterator[Source]:
        for one in sources:
            yield one

    return await engine.attach_sources(store, each(), AttachOptions(**options))

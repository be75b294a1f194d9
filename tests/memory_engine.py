"""A short engine in memory, and an intake of plain folders: what the tools promise needs no more."""

import hashlib
import itertools
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from vectorstores_tools import filters
from vectorstores_tools.contract import AttachOptions, Capabilities, FileContent, Ingested, NewFile, Source, Survey
from vectorstores_tools.errors import BadCursor, BatchNotFound, FileNotFound, FileNotInStore, StoreNotFound
from vectorstores_tools.models import (
    Deleted,
    File,
    FileAttach,
    FileBatch,
    FileCounts,
    LastError,
    NotSearched,
    Page,
    PageRequest,
    SearchHit,
    SearchPage,
    SearchRequest,
    StoreCreate,
    StoreFilesRequest,
    StoreUpdate,
    TextContent,
    TextSlice,
    VectorStore,
    VectorStoreFile,
)


class MemoryEngine:
    """Whole files are chunks; the score is the share of the query's words that a file has."""

    def __init__(self) -> None:
        self.capabilities = Capabilities(extensions=frozenset({".txt", ".md"}))
        self.numbers = itertools.count(1)
        self.mark = 1
        self.stores: dict[str, VectorStore] = {}
        self.files: dict[str, tuple[File, bytes]] = {}
        self.attached: dict[str, dict[str, VectorStoreFile]] = {}
        self.batches: dict[str, tuple[FileBatch, list[str]]] = {}
        self.origins: dict[tuple[str, str], tuple[str, str]] = {}

    def _id(self, prefix: str) -> str:
        self.mark += 1
        return f"{prefix}{next(self.numbers):024d}"

    def _store(self, store_id: str) -> VectorStore:
        if store_id not in self.stores:
            raise StoreNotFound(store_id, [s.id for s in self.stores.values() if s.name == store_id])
        store = self.stores[store_id]
        counts = _counted(self.attached[store_id].values())
        return store.model_copy(
            update={"file_counts": counts, "status": "in_progress" if counts.in_progress else "completed"}
        )

    def finish(self, status: str = "completed", error: LastError | None = None) -> None:
        """End the processing of everything in progress."""
        self.mark += 1
        for items in self.attached.values():
            for item in items.values():
                if item.status == "in_progress":
                    item.status, item.last_error = status, error

    async def create_store(self, request: StoreCreate) -> VectorStore:
        for file_id in request.file_ids:
            await self.retrieve_file(file_id)
        store = VectorStore(
            id=self._id("vs_"),
            created_at=int(time.time()),
            **request.model_dump(exclude={"file_ids", "chunking_strategy"}),
        )
        self.stores[store.id], self.attached[store.id] = store, {}
        for file_id in request.file_ids:
            await self.attach_file(store.id, FileAttach(file_id=file_id))
        return self._store(store.id)

    async def list_stores(self, request: PageRequest) -> Page[VectorStore]:
        return _page([self._store(i) for i in self.stores], request)

    async def retrieve_store(self, store_id: str) -> VectorStore:
        return self._store(store_id)

    async def update_store(self, store_id: str, request: StoreUpdate) -> VectorStore:
        self._store(store_id)
        self.mark += 1
        changes = {name: request.model_dump()[name] for name in request.model_fields_set}
        self.stores[store_id] = self.stores[store_id].model_copy(update=changes)
        return self._store(store_id)

    async def delete_store(self, store_id: str) -> Deleted:
        self._store(store_id)
        self.mark += 1
        del self.stores[store_id]
        return Deleted(id=store_id, object="vector_store.deleted")

    async def search(self, store_id: str, request: SearchRequest) -> SearchPage:
        self._store(store_id)
        items = self.attached[store_id].values()
        done = [i for i in items if i.status == "completed" and filters.matches(request.filters, i.attributes)]
        wanted = set(re.findall(r"\w+", " ".join(request.queries).lower()))
        hits: list[SearchHit] = []
        for item in done:
            file, data = self.files[item.id]
            text = data.decode()
            score = len(wanted & set(re.findall(r"\w+", text.lower()))) / max(1, len(wanted))
            span = (0, len(text))
            content = [TextContent(text=text)]
            if score:
                hits.append(
                    SearchHit(
                        file_id=item.id, filename=file.filename, score=score, attributes=item.attributes,
                        content=content, chars=span, matches=[span], lines=(1, text.count("\n") + 1),
                    )
                )  # fmt: skip
        hits.sort(key=lambda hit: -hit.score)
        kept = [h for h in hits if h.score >= request.ranking_options.score_threshold]
        counts = _counted(items)
        return SearchPage(
            data=kept[: request.max_num_results],
            not_searched=NotSearched(in_progress=counts.in_progress, failed=counts.failed),
            store_files=counts.total,
            files=len(done),
            below_threshold=len(hits) - len(kept),
            best_below=hits[0].score if hits and not kept else None,
        )

    async def attach_file(self, store_id: str, request: FileAttach) -> VectorStoreFile:
        self._store(store_id)
        file = await self.retrieve_file(request.file_id)
        self.mark += 1
        known = Path(file.filename).suffix in self.capabilities.extensions
        strategy = request.chunking_strategy.model_dump() if request.chunking_strategy else None
        item = VectorStoreFile(
            id=file.id, vector_store_id=store_id, created_at=int(time.time()), chunking_strategy=strategy,
            attributes=dict(request.attributes) if request.attributes else None,
            status="in_progress" if known else "failed",
            last_error=None if known else LastError(code="unsupported_file", message=f"{file.filename}: save it as .txt"),
        )  # fmt: skip
        self.attached[store_id][file.id] = item
        return item

    async def list_store_files(self, store_id: str, request: StoreFilesRequest) -> Page[VectorStoreFile]:
        self._store(store_id)
        items = [i for i in self.attached[store_id].values() if request.filter in (None, i.status)]
        return _page(items, request)

    async def retrieve_store_file(self, store_id: str, file_id: str) -> VectorStoreFile:
        self._store(store_id)
        if file_id not in self.attached[store_id]:
            raise FileNotInStore(file_id, store_id)
        return self.attached[store_id][file_id].model_copy()

    async def update_store_file(self, store_id: str, file_id: str, attributes: Any) -> VectorStoreFile:
        await self.retrieve_store_file(store_id, file_id)
        self.mark += 1
        self.attached[store_id][file_id].attributes = attributes
        return await self.retrieve_store_file(store_id, file_id)

    async def detach_file(self, store_id: str, file_id: str) -> Deleted:
        await self.retrieve_store_file(store_id, file_id)
        self.mark += 1
        del self.attached[store_id][file_id]
        return Deleted(id=file_id, object="vector_store.file.deleted")

    async def read_text(
        self,
        file_id: str,
        store_id: str | None = None,
        *,
        start: int = 0,
        end: int | None = None,
        page: int | None = None,
    ) -> TextSlice:
        if store_id is not None:
            await self.retrieve_store_file(store_id, file_id)
        file = await self.retrieve_file(file_id)
        text = self.files[file_id][1].decode()
        last = min(end if end is not None else len(text), len(text))
        return TextSlice(
            file_id=file_id, filename=file.filename, text=text[start:last], start=min(start, len(text)),
            end=max(last, min(start, len(text))), total=len(text),
        )  # fmt: skip

    async def create_batch(self, store_id: str, files: Sequence[FileAttach]) -> FileBatch:
        for file in files:
            await self.retrieve_file(file.file_id)
        for file in files:
            await self.attach_file(store_id, file)
        batch = FileBatch(id=self._id("vsfb_"), vector_store_id=store_id)
        self.batches[batch.id] = (batch, [f.file_id for f in files])
        return await self.retrieve_batch(store_id, batch.id)

    async def retrieve_batch(self, store_id: str, batch_id: str) -> FileBatch:
        self._store(store_id)
        if batch_id not in self.batches:
            raise BatchNotFound(batch_id, store_id)
        batch, file_ids = self.batches[batch_id]
        counts = _counted(self.attached[store_id][i] for i in file_ids)
        ended = "cancelled" if batch.status == "cancelled" else "completed"
        return batch.model_copy(
            update={"file_counts": counts, "status": "in_progress" if counts.in_progress else ended}
        )

    async def cancel_batch(self, store_id: str, batch_id: str) -> FileBatch:
        await self.retrieve_batch(store_id, batch_id)
        self.batches[batch_id][0].status = "cancelled"
        self.finish("cancelled")
        return await self.retrieve_batch(store_id, batch_id)

    async def list_batch_files(self, store_id: str, batch_id: str, request: StoreFilesRequest) -> Page[VectorStoreFile]:
        await self.retrieve_batch(store_id, batch_id)
        items = [self.attached[store_id][i] for i in self.batches[batch_id][1]]
        return _page([i for i in items if request.filter in (None, i.status)], request)

    async def ingest(self, store_id: str, sources: AsyncIterator[Source], options: AttachOptions) -> Ingested:
        self._store(store_id)
        fresh: list[FileAttach] = []
        seen: list[str] = []
        async for source in sources:
            known = self.origins.get((store_id, source.origin))
            if known and known[1] == source.sha256:
                seen.append(known[0])
                continue
            file = await self.create_file(NewFile(source.filename, source.stream))
            self.origins[store_id, source.origin] = (file.id, source.sha256)
            given = {"attributes": options.attributes, "chunking_strategy": options.chunking_strategy}
            fresh.append(FileAttach(file_id=file.id, **{k: v for k, v in given.items() if v is not None}))
            seen.append(file.id)
        batch = await self.create_batch(store_id, fresh) if fresh else await self._last_batch(store_id)
        return Ingested(batch, len(fresh), len(seen) - len(fresh), seen)

    async def _last_batch(self, store_id: str) -> FileBatch | None:
        mine = [b.id for b, _ in self.batches.values() if b.vector_store_id == store_id]
        return await self.retrieve_batch(store_id, mine[-1]) if mine else None

    async def create_file(self, new: NewFile) -> File:
        data = b"".join([piece async for piece in new.stream])
        file = File(id=self._id("file-"), filename=new.filename, bytes=len(data), purpose=new.purpose)
        self.files[file.id] = (file, data)
        return file

    async def list_files(self, request: PageRequest) -> Page[File]:
        return _page([file for file, _ in self.files.values()], request)

    async def retrieve_file(self, file_id: str) -> File:
        if file_id not in self.files:
            raise FileNotFound(file_id)
        return self.files[file_id][0]

    async def delete_file(self, file_id: str) -> Deleted:
        await self.retrieve_file(file_id)
        self.mark += 1
        del self.files[file_id]
        for items in self.attached.values():
            items.pop(file_id, None)
        return Deleted(id=file_id, object="file")

    @asynccontextmanager
    async def read_file(self, file_id: str, start: int = 0, end: int | None = None) -> AsyncGenerator[FileContent]:
        file = await self.retrieve_file(file_id)
        data = self.files[file_id][1]

        async def pieces() -> AsyncGenerator[bytes]:
            yield data[start:end]

        yield FileContent(file, len(data), pieces())

    async def changed(self, since: int) -> int:
        while since and self.mark == since:
            await anyio.sleep(0.01)
        return self.mark

    async def aclose(self) -> None:
        pass


class FolderIntake:
    """Finds the files of a folder, and opens them."""

    async def survey(self, named: Sequence[str], roots: Sequence[Path] | None) -> Survey:
        found: list[str] = []
        for name in named:
            path = Path(name)
            found += [str(p) for p in sorted(path.rglob("*")) if p.is_file()] if path.is_dir() else [str(path)]
        return Survey(found)

    @asynccontextmanager
    async def open(self, origin: str, roots: Sequence[Path] | None) -> AsyncGenerator[Source]:
        data = Path(origin).read_bytes()

        async def pieces() -> AsyncGenerator[bytes]:
            yield data

        yield Source(Path(origin).name, origin, hashlib.sha256(data).hexdigest(), len(data), pieces())


def _counted(items: Any) -> FileCounts:
    statuses = [item.status for item in items]
    kinds = ("in_progress", "completed", "failed", "cancelled")
    return FileCounts(**{kind: statuses.count(kind) for kind in kinds}, total=len(statuses))


def _page(items: list[Any], request: PageRequest) -> Page[Any]:
    ordered = items if request.order == "asc" else items[::-1]
    ids = [item.id for item in ordered]
    first, last = 0, len(ids)
    for name, cursor in (("after", request.after), ("before", request.before)):
        if cursor is not None and cursor not in ids:
            raise BadCursor(name, cursor)
    first = ids.index(request.after) + 1 if request.after else 0
    last = ids.index(request.before) if request.before else len(ids)
    if request.before and not request.after:
        first = max(0, last - request.limit)
    data = ordered[first:last][: request.limit]
    more = len(ordered[first:last]) > len(data)
    return Page(data=data, first_id=data[0].id if data else None, last_id=data[-1].id if data else None, has_more=more)

"""How Files come into a store of the remote: one, or many together."""

from collections.abc import Sequence
from typing import Any

from vectorstores_server.engines.life import Life
from vectorstores_server.engines.remote import pages, paths
from vectorstores_server.engines.remote.batches import LocalBatches
from vectorstores_server.engines.remote.client import RemoteClient
from vectorstores_server.engines.remote.dialects import Dialect
from vectorstores_server.engines.remote.failures import Subject
from vectorstores_server.engines.remote.pace import Pace
from vectorstores_tools.errors import NotFound
from vectorstores_tools.models import Attributes, FileAttach, FileBatch, VectorStore, VectorStoreFile


class Attaching:
    """Attaches, looks at and describes the files of stores."""

    def __init__(self, client: RemoteClient, dialect: Dialect, life: Life) -> None:
        self._client = client
        self._dialect = dialect
        self._life = life
        self._pace = Pace()
        self.batches = LocalBatches(self.one, self.look)

    async def one(self, store_id: str, request: FileAttach) -> VectorStoreFile:
        """Attach a File, an attached one anew where the service does that."""
        if not self._dialect.reattaches:
            attached = await self._attached(store_id, request)
            if attached is not None:
                return attached
        about = Subject(store_id, request.file_id)
        await self._pace.wait()
        body = _body(request)
        said = await self._client.post(paths.store(store_id, "/files"), body, about, repeatable=True)
        return VectorStoreFile.model_validate(said)

    async def together(self, store_id: str, entries: Sequence[FileAttach]) -> FileBatch:
        """Attach Files as one batch: the service's, where it has one that can say the same."""
        body = self._batch_body(entries)
        if body is None:
            # An unknown store is this call's error, not that of each of its files.
            await self._client.get(paths.store(store_id), None, Subject(store_id))
            await self._life.begin()
            batch = self.batches.begin(store_id, entries)
            self._life.spawn(self.batches.run, batch, entries)
            return batch.shown()
        await self._pace.wait()
        said = await self._client.post(paths.store(store_id, "/file_batches"), body, Subject(store_id))
        return FileBatch.model_validate(said)

    async def look(self, store_id: str, file_id: str) -> VectorStoreFile:
        """Return the file as the store has it."""
        about = Subject(store_id, file_id)
        return VectorStoreFile.model_validate(await self._client.get(paths.store_file(store_id, file_id), None, about))

    async def describe(self, store_id: str, file_id: str, attributes: Attributes | None) -> VectorStoreFile:
        """Replace the file's attributes."""
        about = Subject(store_id, file_id)
        path = paths.store_file(store_id, file_id)
        said = await self._client.post(path, {"attributes": attributes}, about, repeatable=True)
        return VectorStoreFile.model_validate(said)

    async def detach_everywhere(self, file_id: str) -> None:
        """Take the file out of every store that has it."""
        async for store in pages.every(self._client, "vector_stores", VectorStore):
            try:
                await self._client.delete(paths.store_file(store.id, file_id), Subject(store.id, file_id))
            except NotFound:
                continue

    async def _attached(self, store_id: str, request: FileAttach) -> VectorStoreFile | None:
        """Return the attachment as it should be; None where there is none yet, or it must be made anew."""
        try:
            file = await self.look(store_id, request.file_id)
        except NotFound:
            return None
        sizes = request.chunking_strategy and request.chunking_strategy.sizes.model_dump()
        same_sizes = sizes is None or sizes == (file.chunking_strategy or {}).get("static")
        if file.status in ("failed", "cancelled") or not same_sizes:
            await self._client.delete(paths.store_file(store_id, request.file_id), Subject(store_id, request.file_id))
            return None
        if request.attributes is not None:
            return await self.describe(store_id, request.file_id, request.attributes)
        return file

    def _batch_body(self, entries: Sequence[FileAttach]) -> dict[str, Any] | None:
        """Return the body of the service's own batch, None where it has none that says the same."""
        if not self._dialect.capabilities.batches:
            return None
        common = [_body(entry, without_id=True) for entry in entries]
        if all(one == common[0] for one in common):
            return {"file_ids": [entry.file_id for entry in entries], **common[0]}
        return {"files": [_body(entry) for entry in entries]} if self._dialect.batch_files else None


def _body(entry: FileAttach, *, without_id: bool = False) -> dict[str, Any]:
    return entry.model_dump(exclude_none=True, exclude={"file_id"} if without_id else None)

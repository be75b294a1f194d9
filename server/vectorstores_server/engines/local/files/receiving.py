"""Receiving bytes: a File that is uploaded, and sources that are uploaded and attached in one go."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress

import anyio

from vectorstores_server.engines.local.catalog import Catalog
from vectorstores_server.engines.local.catalog.batches import last_batch, retrieve_batch
from vectorstores_server.engines.local.catalog.files import enter_file
from vectorstores_server.engines.local.catalog.folder_types import are_reviewed, review
from vectorstores_server.engines.local.catalog.ids import clock
from vectorstores_server.engines.local.catalog.sources import EnteredSource
from vectorstores_server.engines.local.catalog.stores import usable
from vectorstores_server.engines.local.files.blobs import Blobs
from vectorstores_server.engines.local.files.taking import SourceTaking, make_file
from vectorstores_server.engines.local.parsing import FIRST_TYPES, type_of, types
from vectorstores_tools.contract.engine import AttachOptions, Ingested, NewFile
from vectorstores_tools.contract.errors import VectorStoreError
from vectorstores_tools.contract.intake import Source
from vectorstores_tools.contract.models import File


class SourceReceiver:
    """Takes streams in. `made_work` is called whenever there is something new for the worker.

    `reads_pictures` tells whether folders give pictures, too.
    """

    def __init__(
        self,
        catalog: Catalog,
        blobs: Blobs,
        limit: int,
        made_work: Callable[[], None],
        reads_pictures: Callable[[], bool] = lambda: False,
    ) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._limit = limit
        self._made_work = made_work
        self._reads_pictures = reads_pictures

    async def create_file(self, new: NewFile) -> File:
        """Store the bytes and enter the File."""
        await self._catalog.prepared()  # nothing is written into a directory that is not ours
        async with self._blobs.receive(new.stream, self._limit) as received:
            file = make_file(new.filename, new.purpose, received.size, new.expires_after)
            await self._catalog.write(enter_file, file, received.sha256, lambda: self._blobs.keep(received))
        return file

    async def attach_sources(
        self, store_id: str, sources: AsyncIterator[Source], options: AttachOptions, untouched: Sequence[str]
    ) -> Ingested:
        """Take the sources; each is attached before the next is asked for, but for small ones that are at hand.

        Runs of these are attached together, also where the call is interrupted.
        """
        await self._catalog.read(usable, store_id, clock())
        before = [EnteredSource(file_id, None) for file_id in untouched]
        taking = SourceTaking(self._catalog, self._blobs, self._limit, store_id, options, before)
        try:
            async for source in sources:
                if not taking.hold(source):
                    await taking.take()
                    self._made_work()
            await taking.take()
        finally:
            if taking.run:
                with (
                    anyio.CancelScope(shield=True),
                    suppress(VectorStoreError),
                ):  # the first error is the one that counts
                    await taking.take_what_is_at_hand()
            self._made_work()
        return await self._summary(store_id, taking)

    async def newly_supported(self, store_id: str, folders: Mapping[str, str]) -> list[str]:
        """Return, once, the files of known folders whose type was not taken from them before."""
        if not folders:
            return []
        now = " ".join(sorted(types(pictures=self._reads_pictures())))
        if await self._catalog.read(are_reviewed, store_id, set(folders.values()), now):
            return []
        kinds = {origin: type_of(origin) for origin in folders}
        return await self._catalog.write(review, store_id, folders, kinds, now, FIRST_TYPES)

    async def _summary(self, store_id: str, taking: SourceTaking) -> Ingested:
        entered, batch_id = taking.entered, taking.batch_id
        file_ids = [entry.file_id for entry in entered]
        batch_id = batch_id or await self._catalog.read(last_batch, store_id, file_ids)
        batch = await self._catalog.read(retrieve_batch, store_id, batch_id) if batch_id else None
        new, again = sum(entry.new for entry in entered), sum(entry.again for entry in entered)
        return Ingested(batch, new, len(entered) - new - again, file_ids, taking.notes, again)

"""Receiving bytes: a File that is uploaded, and sources that are uploaded and attached in one go."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace

from vectorstores_server.engines.local.catalog import Catalog
from vectorstores_server.engines.local.catalog.batches import last_batch, retrieve_batch
from vectorstores_server.engines.local.catalog.files import enter_file
from vectorstores_server.engines.local.catalog.folder_types import are_reviewed, review
from vectorstores_server.engines.local.catalog.ids import clock, new_id
from vectorstores_server.engines.local.catalog.places import Origin
from vectorstores_server.engines.local.catalog.sources import EnteredSource, enter, reattach, standing
from vectorstores_server.engines.local.catalog.stores import usable
from vectorstores_server.engines.local.files.blobs import Blobs, ReceivedBytes
from vectorstores_server.engines.local.parsing import FIRST_TYPES, type_of, types
from vectorstores_tools.contract.engine import AttachOptions, Ingested, NewFile
from vectorstores_tools.contract.errors import InvalidRequest, TooLarge
from vectorstores_tools.contract.intake import Source, storable
from vectorstores_tools.contract.models import File
from vectorstores_tools.contract.requests import FileExpiresAfter


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
        """Take the sources one by one; each is attached before the next is asked for."""
        await self._catalog.read(usable, store_id, clock())
        entered = [EnteredSource(file_id, None) for file_id in untouched]
        notes: list[str] = []
        batch_id: str | None = None
        async for source in sources:
            try:
                entry = await self._take(store_id, source, options, batch_id)
            except (InvalidRequest, TooLarge) as error:
                if not _is_about_the_file(error):
                    raise
                notes.append(f"{source.origin}: {error.fact} It was not uploaded.")
                continue
            batch_id = entry.batch_id
            entered.append(entry)
            self._made_work()
        return await self._summary(store_id, entered, batch_id, notes)

    async def newly_supported(self, store_id: str, folders: Mapping[str, str]) -> list[str]:
        """Return, once, the files of known folders whose type was not taken from them before."""
        if not folders:
            return []
        now = " ".join(sorted(types(pictures=self._reads_pictures())))
        if await self._catalog.read(are_reviewed, store_id, set(folders.values()), now):
            return []
        kinds = {origin: type_of(origin) for origin in folders}
        return await self._catalog.write(review, store_id, folders, kinds, now, FIRST_TYPES)

    async def _take(self, store_id: str, source: Source, options: AttachOptions, batch_id: str | None) -> EnteredSource:
        folder = None if source.folder is None else storable(source.folder)
        origin = Origin(storable(source.origin), source.sha256, folder, source.stat)
        known = await self._catalog.read(standing, store_id, origin, options)
        if known is not None and known.idle:
            return EnteredSource(known.file_id, batch_id)
        if known is not None:
            again = await self._catalog.write(reattach, store_id, origin, options, batch_id, clock())
            if again is not None:
                return again
        async with self._blobs.receive(source.stream, self._limit) as received:
            # The bytes that came are what counts, should the file have changed since it was hashed.
            if received.sha256 != origin.sha256:
                origin = replace(origin, sha256=received.sha256, stat=None)
            file = make_file(source.filename, "assistants", received.size, None)
            return await self._catalog.write(
                enter, store_id, origin, file, self._keeper(received), options, batch_id, clock()
            )

    def _keeper(self, received: ReceivedBytes) -> Callable[[], None]:
        return lambda: self._blobs.keep(received)

    async def _summary(
        self, store_id: str, entered: Sequence[EnteredSource], batch_id: str | None, notes: Sequence[str]
    ) -> Ingested:
        file_ids = [entry.file_id for entry in entered]
        batch_id = batch_id or await self._catalog.read(last_batch, store_id, file_ids)
        batch = await self._catalog.read(retrieve_batch, store_id, batch_id) if batch_id else None
        new, again = sum(entry.new for entry in entered), sum(entry.again for entry in entered)
        return Ingested(batch, new, len(entered) - new - again, file_ids, notes, again)


def make_file(filename: str, purpose: str, size: int, expires_after: FileExpiresAfter | None) -> File:
    """Return a new File object. Raises InvalidRequest when there are no bytes."""
    if not size:
        raise InvalidRequest(f"The file {filename} is empty.", "Upload one that has text in it.", param="file")
    now = clock()
    expires_at = now + expires_after.seconds if expires_after else None
    return File(
        id=new_id("file-"),
        bytes=size,
        created_at=now,
        expires_at=expires_at,
        filename=storable(filename),
        purpose=purpose,
    )


def _is_about_the_file(error: InvalidRequest | TooLarge) -> bool:
    return error.param == "file"

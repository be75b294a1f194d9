"""Files that arrive in parts, for those that are too large for one request."""

from collections.abc import AsyncIterator, Sequence

from vectorstores_server.engines.local.catalog import Catalog, uploads
from vectorstores_server.engines.local.catalog.ids import clock, new_id
from vectorstores_server.engines.local.files.blobs import Blobs
from vectorstores_server.engines.local.files.taking import make_file
from vectorstores_server.engines.local.files.upload_parts import UploadParts
from vectorstores_tools.contract.engine import NewUpload
from vectorstores_tools.contract.errors import InvalidRequest, TooLarge
from vectorstores_tools.contract.models import Upload, UploadPart
from vectorstores_tools.contract.requests import FileExpiresAfter


class LocalUploads:
    """Begins uploads, takes their parts, and puts them together."""

    def __init__(self, catalog: Catalog, blobs: Blobs, parts: UploadParts, limit: int) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._parts = parts
        self._limit = limit

    async def create(self, new: NewUpload) -> Upload:
        """Begin an upload."""
        if new.bytes < 1:
            raise InvalidRequest("bytes must be at least 1.", "Pass the size of the whole file.", param="bytes")
        if new.bytes > self._limit:
            raise TooLarge(
                f"The file is larger than {self._limit} bytes.", "Split it into smaller ones.", param="bytes"
            )
        return await self._catalog.write(uploads.insert_upload, new, clock())

    async def add_part(self, upload_id: str, stream: AsyncIterator[bytes]) -> UploadPart:
        """Store one part."""
        await self._catalog.read(uploads.pending, upload_id, clock())
        part_id = new_id("part_")
        async with self._parts.receive(upload_id, part_id, stream) as received:
            if not received.size:
                raise InvalidRequest("The part is empty.", "Send its bytes as 'data'.", param="data")
            return await self._catalog.write(
                uploads.enter_part,
                upload_id,
                part_id,
                received.size,
                lambda: self._parts.keep(upload_id, part_id, received),
                clock(),
            )

    async def complete(self, upload_id: str, part_ids: Sequence[str], md5: str | None) -> Upload:
        """Make the File of the parts in that order."""
        row = await self._catalog.read(uploads.ordered_parts, upload_id, part_ids, clock())
        joined = self._parts.joined(upload_id, part_ids, md5)
        async with self._blobs.receive(joined, self._limit) as received:
            seconds: int | None = row["file_seconds"]
            expires = None if seconds is None else FileExpiresAfter(anchor="created_at", seconds=seconds)
            file = make_file(row["filename"], row["purpose"], received.size, expires)
            done = await self._catalog.write(
                uploads.complete, upload_id, file, received.sha256, lambda: self._blobs.keep(received), clock()
            )
        await self._parts.remove(upload_id)
        return done

    async def cancel(self, upload_id: str) -> Upload:
        """Give up an upload."""
        cancelled = await self._catalog.write(uploads.cancel, upload_id, clock())
        await self._parts.remove(upload_id)
        return cancelled

"""The parts of uploads in object storage: every server can put together what others received."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager

from vectorstores_server.engines.local.files.blobs import ReceivedBytes
from vectorstores_server.engines.local.files.upload_parts import MAX_PART_BYTES, checked
from vectorstores_server.engines.local.objects.bucket import ObjectBucket
from vectorstores_server.engines.local.objects.local_files import LocalFiles
from vectorstores_server.engines.local.objects.receiving import ObjectReceiver
from vectorstores_tools.contract.errors import Conflict

UPLOADS = "uploads"


class PartObjects:
    """The objects `uploads/<upload>/<part>`, as `UploadParts` promises. A part's id is new each time."""

    def __init__(self, bucket: ObjectBucket, local: LocalFiles) -> None:
        self._bucket = bucket
        self._receiver = ObjectReceiver(bucket, local)

    def receive(
        self, upload_id: str, part_id: str, stream: AsyncIterator[bytes]
    ) -> AbstractAsyncContextManager[ReceivedBytes]:
        """Write a part; it is deleted again unless `keep` named it."""
        return self._receiver.receive(stream, MAX_PART_BYTES, f"{UPLOADS}/{upload_id}/{part_id}")

    def keep(self, upload_id: str, part_id: str, received: ReceivedBytes) -> None:
        """Take the part, which is there already, as named."""
        del upload_id, part_id
        self._receiver.sent[received.temporary].name()

    def joined(self, upload_id: str, part_ids: Sequence[str], md5: str | None) -> AsyncIterator[bytes]:
        """Yield the parts' bytes in that order."""
        return checked(self._read(upload_id, part_ids), md5)

    async def _read(self, upload_id: str, part_ids: Sequence[str]) -> AsyncIterator[bytes]:
        for part_id in part_ids:
            name = f"{UPLOADS}/{upload_id}/{part_id}"
            try:
                size = (await self._bucket.head(name)).size
            except FileNotFoundError:  # another server completed or cancelled it meanwhile
                raise Conflict(f"Upload '{upload_id}' has ended.", "Look at it, or create another upload.") from None
            async for piece in self._bucket.range(name, 0, size):
                yield piece

    async def remove(self, upload_id: str) -> None:
        """Remove an upload's parts."""
        await self._bucket.remove([part.name for part in await self._bucket.list(f"{UPLOADS}/{upload_id}")])

"""The parts of uploads on disk."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import anyio.to_thread

from vectorstores_server.engines.local.directory.removal import Removal
from vectorstores_server.engines.local.files.blob_folder import BlobFolder
from vectorstores_server.engines.local.files.blobs import BLOCK, ReceivedBytes
from vectorstores_server.engines.local.files.upload_parts import MAX_PART_BYTES, checked
from vectorstores_server.system.posix import private_directory


class PartFolder:
    """The directory `uploads` of one data directory, as `UploadParts` promises: a directory an upload, a file a part.

    A part is received beside the blobs, and moved from there.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "uploads"
        self._blobs = BlobFolder(directory)

    def receive(
        self, upload_id: str, part_id: str, stream: AsyncIterator[bytes]
    ) -> AbstractAsyncContextManager[ReceivedBytes]:
        """Write a part under a temporary name."""
        del upload_id, part_id
        return self._blobs.receive(stream, MAX_PART_BYTES)

    def keep(self, upload_id: str, part_id: str, received: ReceivedBytes) -> None:
        """Give a received part its place."""
        private_directory(self._directory)
        private_directory(self._directory / upload_id)
        received.temporary.replace(self._path(upload_id, part_id))

    def joined(self, upload_id: str, part_ids: Sequence[str], md5: str | None) -> AsyncIterator[bytes]:
        """Yield the parts' bytes in that order."""
        return checked(self._read(upload_id, part_ids), md5)

    async def _read(self, upload_id: str, part_ids: Sequence[str]) -> AsyncIterator[bytes]:
        for part_id in part_ids:
            async with await anyio.open_file(self._path(upload_id, part_id), "rb") as file:
                while block := await file.read(BLOCK):
                    yield block

    async def remove(self, upload_id: str) -> None:
        """Remove an upload's parts."""
        await anyio.to_thread.run_sync(Removal(self._directory.parent).erase_folder, f"uploads/{upload_id}")

    def _path(self, upload_id: str, part_id: str) -> Path:
        return self._directory / upload_id / part_id

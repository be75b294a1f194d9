"""The parts of uploads on disk, until they are put together or the upload ends."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import anyio.to_thread

from vectorstores_server.engines.local.directory.removal import Removal
from vectorstores_server.engines.local.files.blobs import BLOCK, ReceivedBytes
from vectorstores_server.system.posix import private_directory
from vectorstores_tools.contract.errors import InvalidRequest

MAX_PART_BYTES = 64 * 1024 * 1024


class UploadParts:
    """The directory `uploads` of one data directory: a directory an upload, a file a part."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "uploads"

    def keep(self, upload_id: str, part_id: str, received: ReceivedBytes) -> None:
        """Give a received part its place. Called inside the transaction that enters it."""
        private_directory(self._directory)
        private_directory(self._directory / upload_id)
        received.temporary.replace(self._path(upload_id, part_id))

    async def joined(self, upload_id: str, part_ids: Sequence[str], md5: str | None) -> AsyncIterator[bytes]:
        """Yield the parts' bytes in that order. Raises InvalidRequest when they do not have this MD5."""
        digest = hashlib.md5(usedforsecurity=False)
        for part_id in part_ids:
            async with await anyio.open_file(self._path(upload_id, part_id), "rb") as file:
                while block := await file.read(BLOCK):
                    digest.update(block)
                    yield block
        if md5 is not None and digest.hexdigest() != md5.lower():
            raise InvalidRequest(
                f"The MD5 of the parts is {digest.hexdigest()}, not {md5}.", "Upload the parts again.", param="md5"
            )

    async def remove(self, upload_id: str) -> None:
        """Remove an upload's parts."""
        await anyio.to_thread.run_sync(Removal(self._directory.parent).erase_folder, f"uploads/{upload_id}")

    def _path(self, upload_id: str, part_id: str) -> Path:
        return self._directory / upload_id / part_id

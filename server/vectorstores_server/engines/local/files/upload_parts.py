"""The port for the parts of uploads, which are kept until they are put together or the upload ends."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from vectorstores_server.engines.local.files.blobs import ReceivedBytes
from vectorstores_tools.contract.errors import InvalidRequest

MAX_PART_BYTES = 64 * 1024 * 1024


class UploadParts(Protocol):
    """The parts of uploads. All raise DiskFull and Unavailable."""

    def receive(
        self, upload_id: str, part_id: str, stream: AsyncIterator[bytes]
    ) -> AbstractAsyncContextManager[ReceivedBytes]:
        """Write a part; what `keep` did not name may be gone after that. Raises TooLarge."""
        ...

    def keep(self, upload_id: str, part_id: str, received: ReceivedBytes) -> None:
        """Give a received part its place. Called inside the transaction that enters it."""
        ...

    def joined(self, upload_id: str, part_ids: Sequence[str], md5: str | None) -> AsyncIterator[bytes]:
        """Yield the parts' bytes in that order. Raises InvalidRequest when they do not have this MD5."""
        ...

    async def remove(self, upload_id: str) -> None:
        """Remove an upload's parts."""
        ...


async def checked(stream: AsyncIterator[bytes], md5: str | None) -> AsyncIterator[bytes]:
    """Pass on the bytes of all parts. Raises InvalidRequest when they do not have this MD5."""
    digest = hashlib.md5(usedforsecurity=False)
    async for block in stream:
        digest.update(block)
        yield block
    if md5 is not None and digest.hexdigest() != md5.lower():
        raise InvalidRequest(
            f"The MD5 of the parts is {digest.hexdigest()}, not {md5}.", "Upload the parts again.", param="md5"
        )

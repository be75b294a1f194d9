"""Bytes on their way into object storage: first into a file of this machine, which gives their hash, then under a key.

A key is `blobs/<sha256>/<generation>`, of a generation that nobody else has: a sweep that deletes the keys which it saw
never deletes one that is written meanwhile. They are written before the transaction that names them, and that has to
come soon: what is unnamed for longer may be swept.
"""

import hashlib
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from anyio import CancelScope

from vectorstores_server.engines.local.files.blobs import ReceivedBytes, in_blocks, too_large
from vectorstores_server.engines.local.objects.bucket import PIECE, ObjectBucket
from vectorstores_server.engines.local.objects.local_files import LocalFiles
from vectorstores_server.engines.local.objects.parallel import side_by_side
from vectorstores_tools.contract.errors import Unavailable, VectorStoreError

SETTLED_SECONDS = 300.0
LARGE_SETTLED_SECONDS = 3600.0
"""The age at which no transaction will name an object any more. The storage's time of a large one, which is sent in
parts, is that at which the sending began."""


@dataclass(slots=True)
class SentObject:
    """An object that was written and waits to be named."""

    key: str
    size: int
    sent_at: float
    named: bool = False

    def name(self) -> None:
        """Take it as named by the transaction that calls. Raises Unavailable where it may be swept already."""
        if _now() - self.sent_at > settled_seconds(self.size) / 2:
            raise Unavailable("Entering the file took too long after its bytes were stored.", "Upload it again.")
        self.named = True


class ObjectReceiver:
    """Receives streams below a prefix; `local` is where they are gathered."""

    def __init__(self, bucket: ObjectBucket, local: LocalFiles) -> None:
        self._bucket = bucket
        self._local = local
        self.sent: dict[Path, SentObject] = {}

    @asynccontextmanager
    async def receive(
        self, stream: AsyncIterator[bytes], limit: int, key: str | None = None
    ) -> AsyncGenerator[ReceivedBytes]:
        """Write a stream to `key`, or to a key by its hash; it is deleted again unless it is named. Raises TooLarge."""
        path = await self._local.run(self._local.unfinished)
        try:
            received = await self._gathered(path, stream, limit)
            await self._send(received, key)
            yield received
        finally:
            await self._end([path])

    @asynccontextmanager
    async def receive_all(self, contents: Sequence[bytes]) -> AsyncGenerator[list[ReceivedBytes]]:
        """Write small files side by side."""
        paths = [await self._local.run(self._local.unfinished) for _ in contents]
        try:
            received = await self._local.run(_write_all, paths, contents)
            await side_by_side([partial(self._send, part, None) for part in received])
            yield received
        finally:
            await self._end(paths)

    async def _send(self, received: ReceivedBytes, key: str | None) -> None:
        if not received.size:  # nobody can name it
            return
        key = key or f"blobs/{received.sha256}/{secrets.token_hex(8)}"
        self.sent[received.temporary] = SentObject(key, received.size, _now())
        await self._bucket.put(key, received.temporary)

    async def _end(self, paths: Sequence[Path]) -> None:
        """Keep copies of what was named, and delete the rest; what cannot be deleted now, a sweep takes."""
        with CancelScope(shield=True):
            ended = {path: sent for path in paths if (sent := self.sent.pop(path, None)) is not None}
            unnamed = [sent.key for sent in ended.values() if not sent.named]
            if unnamed:
                await self._forget(unnamed)
            await self._local.run(self._keep, [(path, ended.get(path)) for path in paths])

    async def _forget(self, keys: Sequence[str]) -> None:
        try:
            await self._bucket.remove(keys)
        except VectorStoreError:  # an earlier error counts
            return

    def _keep(self, ended: Sequence[tuple[Path, SentObject | None]]) -> None:
        for path, sent in ended:
            if sent is not None and sent.named and sent.key.startswith("blobs/") and path.exists():
                self._local.keep(path, sent.key.split("/")[1])
            path.unlink(missing_ok=True)

    async def _gathered(self, path: Path, stream: AsyncIterator[bytes], limit: int) -> ReceivedBytes:
        digest, size = hashlib.sha256(), 0
        with await self._local.run(path.open, "xb") as file:
            async for block in in_blocks(stream):
                size += len(block)
                if size > limit:
                    raise too_large(limit)
                digest.update(block)
                await self._local.run(file.write, block)
        return ReceivedBytes(path, digest.hexdigest(), size)


def settled_seconds(size: int) -> float:
    """Return the age at which an object of that size is named by its File, or never will be."""
    return SETTLED_SECONDS if size <= PIECE else LARGE_SETTLED_SECONDS


def _write_all(paths: Sequence[Path], contents: Sequence[bytes]) -> list[ReceivedBytes]:
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    hashes = [hashlib.sha256(content).hexdigest() for content in contents]
    return [ReceivedBytes(*of) for of in zip(paths, hashes, map(len, contents), strict=True)]


def _now() -> float:
    """Return the seconds of a clock that goes on while the machine sleeps, where there is one."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.time()

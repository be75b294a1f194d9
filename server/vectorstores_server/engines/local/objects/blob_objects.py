"""Files' bytes and parsed texts in object storage, with copies in a folder of this machine."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

from anyio import CancelScope

from vectorstores_server.engines.local.files.blobs import VERSIONS, OpenBlob, ReceivedBytes, is_text, readable
from vectorstores_server.engines.local.objects.bucket import ObjectBucket, StoredObject
from vectorstores_server.engines.local.objects.local_files import LocalFiles
from vectorstores_server.engines.local.objects.parallel import side_by_side
from vectorstores_server.engines.local.objects.receiving import ObjectReceiver
from vectorstores_server.engines.local.parsing import PARSER, VERSION
from vectorstores_server.engines.local.parsing.document import Document

BLOBS = "blobs"
TEXT = "text"


class BlobObjects:
    """The objects `blobs/<sha256>/<generation>` and `text/<sha256>/<version>`, as `Blobs` promises."""

    def __init__(self, bucket: ObjectBucket, local: LocalFiles) -> None:
        self._bucket = bucket
        self._local = local
        self._receiver = ObjectReceiver(bucket, local)

    def receive(self, stream: AsyncIterator[bytes], limit: int) -> AbstractAsyncContextManager[ReceivedBytes]:
        """Write the stream to a key of its own; it is deleted again unless `keep` named it."""
        return self._receiver.receive(stream, limit)

    def receive_all(self, contents: Sequence[bytes]) -> AbstractAsyncContextManager[list[ReceivedBytes]]:
        """Write small files side by side."""
        return self._receiver.receive_all(contents)

    def keep(self, received: ReceivedBytes) -> None:
        """Take the bytes, which are there already, as named."""
        self.rename(received)

    def rename(self, received: ReceivedBytes) -> None:
        """Take the bytes, which are there already, as named."""
        self._receiver.sent[received.temporary].name()

    def sync(self) -> None:
        """Do nothing: an object that was written stays."""

    @asynccontextmanager
    async def files(self, hashes: Sequence[str]) -> AsyncGenerator[list[Path]]:
        """Give copies of the bytes, and a path that leads nowhere for those that are missing."""
        taken: list[Path] = []

        async def take(sha256: str) -> Path:
            path = await self._taken(sha256)
            taken.append(path)
            return path

        try:
            yield await side_by_side([partial(take, sha256) for sha256 in hashes])
        finally:
            with CancelScope(shield=True):
                for path in taken:
                    await self._local.run(self._local.release, path)

    async def _taken(self, sha256: str) -> Path:
        taken = await self._local.run(self._local.take, sha256)
        path = await self._local.run(self._local.unfinished)
        found = await self._newest(sha256) if taken is None else None
        if found is None:
            return taken or path
        try:
            await self._bucket.download(found.name, found.size, path)
            return await self._local.run(self._local.take_new, path, sha256)
        except FileNotFoundError:  # its File was deleted a moment ago
            return path
        finally:
            with CancelScope(shield=True):
                await self._local.run(path.unlink, missing_ok=True)

    @asynccontextmanager
    async def opened(self, sha256: str) -> AsyncGenerator[OpenBlob | None]:
        """Look for the bytes where all servers have them, not for a copy; None where they are missing."""
        found = await self._newest(sha256)
        yield None if found is None else OpenBlob(found.size, partial(self._bucket.range, found.name))

    async def size(self, sha256: str) -> int | None:
        """Return how many bytes there are; None where they are missing."""
        found = await self._newest(sha256)
        return None if found is None else found.size

    async def find(self, prefix: str) -> list[str]:
        """Return the hashes of bytes that begin so."""
        hashes = {name.split("/")[1] for name in await self._bucket.top(BLOBS)}
        return sorted(sha256 for sha256 in hashes if sha256.startswith(prefix))

    async def set_aside(self, sha256: str, folder: Path) -> None:
        """Move all generations of the bytes to a place beside, which no sweep looks at."""
        found = [blob.name for blob in await self._bucket.list(f"{BLOBS}/{sha256}")]
        for name in found:
            await self._bucket.copy(name, f"{folder.parent.name}/{name}")
        await self._bucket.remove(found)
        await self._local.run(self._local.forget, sha256)

    async def _newest(self, sha256: str) -> StoredObject | None:
        """Return the newest generation, which the sweep leaves where there are several."""
        found = await self._bucket.list(f"{BLOBS}/{sha256}")
        return max(found, key=order, default=None)

    async def read_document(self, sha256: str, version: int | None = None) -> Document | None:
        """Return the text that this version of the parsers made, or the newest; None where none can be read."""
        if version is None:
            there = await self._versions(sha256)
            version = next((number for number in VERSIONS if number in there), VERSION)
        data = await self._read(sha256, _named(version))
        return None if data is None else readable(sha256, data)

    async def read_documents(self, keys: Sequence[tuple[str, int]]) -> list[Document | None]:
        """Return the texts of several hashes and versions."""
        return await side_by_side([partial(self.read_document, *key) for key in keys])

    async def find_document(self, sha256: str, text_id: str) -> Document | None:
        """Return the text of a blob that has this id, whichever version of the parsers made it; None where none has."""
        for version in sorted(await self._versions(sha256), key=VERSIONS.index):
            document = await self.read_document(sha256, version)
            if document is not None and is_text(document, text_id):
                return document
        return None

    async def has_text(self, sha256: str) -> bool:
        """Tell whether a text of any version is there, readable or not."""
        return bool(await self._versions(sha256))

    async def _versions(self, sha256: str) -> set[int]:
        """Return the versions of the texts that are there."""
        names = {found.name.rpartition("/")[2] for found in await self._bucket.list(f"{TEXT}/{sha256}")}
        return {version for version in VERSIONS if _named(version) in names}

    async def write_text(self, sha256: str, data: bytes, version: int = VERSION) -> None:
        """Keep a parsed text."""
        await self._write(sha256, _named(version), data)

    async def write_texts(self, texts: Mapping[str, bytes]) -> None:
        """Keep parsed texts of this version, by the hashes of their bytes."""
        await side_by_side([partial(self.write_text, sha256, data) for sha256, data in texts.items()])

    async def read_notes(self, sha256: str, name: str) -> bytes | None:
        """Return the notes of a name that are kept about a file, as they are now; None where there are none."""
        try:
            return await self._bucket.get(f"{TEXT}/{sha256}/{name}")
        except FileNotFoundError:
            return None

    async def append_note(self, sha256: str, name: str, line: bytes) -> None:
        """Write the notes with one more. Of two writers at once one may be lost, as a line that was cut off is."""
        before = await self.read_notes(sha256, name)
        await self._bucket.put(f"{TEXT}/{sha256}/{name}", (before or b"") + line)

    async def _read(self, sha256: str, name: str) -> bytes | None:
        data = await self._local.run(self._local.read, f"{sha256}.{name}")
        if data is not None:
            return data
        try:
            data = await self._bucket.get(f"{TEXT}/{sha256}/{name}")
        except FileNotFoundError:
            return None
        await self._local.run(self._local.write, f"{sha256}.{name}", data)
        return data

    async def _write(self, sha256: str, name: str, data: bytes) -> None:
        await self._bucket.put(f"{TEXT}/{sha256}/{name}", data)
        await self._local.run(self._local.write, f"{sha256}.{name}", data)


def order(stored: StoredObject) -> tuple[float, str]:
    """Return the key that generations of the same bytes are sorted by."""
    return stored.changed, stored.name


def _named(version: int) -> str:
    return f"{PARSER}-{version}"

"""How bytes go out: spooled so that they can be sent again, in parts above 64 MB where the service takes parts."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast

import anyio
from anyio import to_thread

from vectorstores_server.engines.remote import paths
from vectorstores_server.engines.remote.client import Part, RemoteClient
from vectorstores_server.engines.remote.dialects import Dialect
from vectorstores_server.engines.remote.failures import Subject
from vectorstores_tools.contract import NewFile
from vectorstores_tools.errors import InvalidRequest, TooLarge
from vectorstores_tools.models import File, Upload, UploadPart

PART_BYTES = 64 * 1024 * 1024
IN_MEMORY = 1024 * 1024


async def send_file(client: RemoteClient, dialect: Dialect, new: NewFile) -> File:
    """Upload a file. Raises InvalidRequest when it is empty, TooLarge above what the service takes."""
    async with _spooled(new.stream, dialect.capabilities.max_file_bytes) as (spool, size):
        if not size:
            raise InvalidRequest(f"The file {new.filename} is empty.", "Upload one that has text in it.", param="file")
        if size > PART_BYTES and dialect.capabilities.uploads:
            return await _in_parts(client, new, spool, size)
        said = await client.send("files", Part("file", new.filename, spool), _fields(new))
        return File.model_validate(said)


def _fields(new: NewFile) -> dict[str, str]:
    fields = {"purpose": new.purpose}
    if new.expires_after is not None:
        fields["expires_after[anchor]"] = new.expires_after.anchor
        fields["expires_after[seconds]"] = str(new.expires_after.seconds)
    return fields


async def _in_parts(client: RemoteClient, new: NewFile, spool: BinaryIO, size: int) -> File:
    body: dict[str, Any] = {
        "filename": new.filename,
        "purpose": new.purpose,
        "bytes": size,
        "mime_type": "application/octet-stream",
    }
    if new.expires_after is not None:
        body["expires_after"] = new.expires_after.model_dump()
    upload = Upload.model_validate(await client.post("uploads", body))
    try:
        part_ids = [await _part(client, upload.id, spool, start) for start in range(0, size, PART_BYTES)]
        done = await client.post(paths.upload(upload.id, "/complete"), {"part_ids": part_ids})
    except BaseException:
        with anyio.move_on_after(5, shield=True):
            await client.post(paths.upload(upload.id, "/cancel"), repeatable=True)
        raise
    return File.model_validate(done["file"])


async def send_part(client: RemoteClient, upload_id: str, stream: AsyncIterator[bytes]) -> UploadPart:
    """Send one part of an upload that the caller began."""
    async with _spooled(stream, PART_BYTES) as (spool, size):
        if not size:
            raise InvalidRequest("The part is empty.", "Send its bytes as 'data'.", param="data")
        about = Subject(upload_id=upload_id)
        said = await client.send(paths.upload(upload_id, "/parts"), Part("data", "part", spool), {}, about)
        return UploadPart.model_validate(said)


async def _part(client: RemoteClient, upload_id: str, spool: BinaryIO, start: int) -> str:
    window = cast("BinaryIO", _Window(spool, start, PART_BYTES))
    said = await client.send(paths.upload(upload_id, "/parts"), Part("data", "part", window), {})
    return str(said["id"])


class _Window:
    """The bytes [start, start + size) of a file, read as a file of their own."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file, self._start = file, start
        file.seek(0, 2)
        self._size = min(size, file.tell() - start)
        self._at = 0

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = self._size - self._at
        self._file.seek(self._start + self._at)
        data = self._file.read(left if size < 0 else min(size, left))
        self._at += len(data)
        return data


@asynccontextmanager
async def _spooled(stream: AsyncIterator[bytes], limit: int) -> AsyncGenerator[tuple[BinaryIO, int]]:
    """Keep the stream in a temporary file: flat memory, its size known, and it can be read again."""
    size = 0
    with SpooledTemporaryFile(max_size=IN_MEMORY) as spool:
        async for piece in stream:
            size += len(piece)
            if size > limit:
                raise TooLarge(f"The file is larger than {limit} bytes.", "Split it into smaller ones.", param="file")
            await to_thread.run_sync(spool.write, piece)
        spool.seek(0)
        yield cast("BinaryIO", spool), size

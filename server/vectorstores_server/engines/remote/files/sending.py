"""Sending files: whole, or above 64 MB in parts where the service takes parts. Memory stays flat."""

import mimetypes
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import Any

import anyio

from vectorstores_server.engines.remote.dialects import Dialect
from vectorstores_server.engines.remote.http import routes
from vectorstores_server.engines.remote.http.client import MultipartFile, RemoteClient
from vectorstores_server.engines.remote.http.decoding import read_as
from vectorstores_server.engines.remote.http.reply_errors import NoRoute, Subject
from vectorstores_server.engines.remote.http.spool import ByteStream, FileRange, spooled
from vectorstores_tools.contract.engine import NewFile
from vectorstores_tools.contract.errors import InvalidRequest, TooLarge, VectorStoreError
from vectorstores_tools.contract.models import File, Upload, UploadPart

PART_BYTES = 64 * 1024 * 1024
SECONDS_TO_CANCEL = 5.0


async def send_file(client: RemoteClient, dialect: Dialect, new: NewFile) -> File:
    """Upload a file. Raises InvalidRequest when it is empty, TooLarge above the service's limit.

    One whose size is known goes out while it is read, part by part; another is kept in a temporary file first.
    """
    limit, in_parts = dialect.capabilities.max_file_bytes, dialect.capabilities.uploads
    if new.size is not None and new.size > limit:
        raise _too_large("The file", limit)
    if in_parts and new.size is not None and new.size > PART_BYTES:
        if upload := await _begun(client, new, new.size):
            return await _in_parts(client, upload, _portions(new, new.size))
        in_parts = False
    async with spooled(_limited(new.stream, "The file", limit), new.sent) as spool:
        if not spool.size:
            raise InvalidRequest(f"The file {new.filename} is empty.", "Upload one that has text in it.", param="file")
        if in_parts and spool.size > PART_BYTES and (upload := await _begun(client, new, spool.size)):
            return await _in_parts(client, upload, _windows(spool))
        return read_as(File, await client.send("files", MultipartFile("file", new.filename, spool), _fields(new)))


async def send_part(client: RemoteClient, upload_id: str, stream: AsyncIterator[bytes]) -> UploadPart:
    """Send one part of an upload that the caller began."""
    async with spooled(_limited(stream, "The part", PART_BYTES)) as spool:
        if not spool.size:
            raise InvalidRequest("The part is empty.", "Send its bytes as 'data'.", param="data")
        return await _part(client, upload_id, spool)


def _fields(new: NewFile) -> dict[str, str]:
    fields = {"purpose": new.purpose}
    if new.expires_after is not None:
        fields["expires_after[anchor]"] = new.expires_after.anchor
        fields["expires_after[seconds]"] = str(new.expires_after.seconds)
    return fields


async def _begun(client: RemoteClient, new: NewFile, size: int) -> Upload | None:
    """Begin an upload in parts; None where the service has none, whatever its dialect says."""
    body: dict[str, Any] = {
        "filename": new.filename,
        "purpose": new.purpose,
        "bytes": size,
        "mime_type": mimetypes.guess_type(new.filename)[0] or "application/octet-stream",
    }
    if new.expires_after is not None:
        body["expires_after"] = new.expires_after.model_dump()
    try:
        return read_as(Upload, await client.post("uploads", body))
    except NoRoute:
        return None


async def _in_parts(client: RemoteClient, upload: Upload, parts: AsyncGenerator[FileRange]) -> File:
    """Send the parts one after the other, and give the upload up where one of them cannot be sent."""
    try:
        async with aclosing(parts):
            part_ids = [(await _part(client, upload.id, part)).id async for part in parts]
        about = Subject(upload_id=upload.id)
        done = await client.post(routes.upload(upload.id, "/complete"), {"part_ids": part_ids}, about)
    except BaseException:
        with anyio.move_on_after(SECONDS_TO_CANCEL, shield=True), suppress(VectorStoreError):
            await client.post(routes.upload(upload.id, "/cancel"), repeatable=True)
        raise
    return read_as(File, done.get("file"))


async def _part(client: RemoteClient, upload_id: str, part: FileRange) -> UploadPart:
    """Send one part. One that arrives twice is left out when the upload is completed, so it may be sent again."""
    path, about = routes.upload(upload_id, "/parts"), Subject(upload_id=upload_id)
    return read_as(UploadPart, await client.send(path, MultipartFile("data", "part", part), {}, about, repeatable=True))


async def _portions(new: NewFile, size: int) -> AsyncGenerator[FileRange]:
    """Yield the parts as they are read: one of them is kept at a time."""
    pieces, bytes_read = ByteStream(new.stream), 0
    while bytes_read <= size:
        async with spooled(pieces.portion(PART_BYTES), new.sent, bytes_read) as part:
            bytes_read += part.size
            if part.size:
                yield part
            if part.size < PART_BYTES:
                break
    if bytes_read != size:
        raise InvalidRequest(f"The file {new.filename} changed while it was read.", "Upload it again.", param="file")


async def _windows(spool: FileRange) -> AsyncGenerator[FileRange]:
    for start in range(0, spool.size, PART_BYTES):
        yield spool.window(start, PART_BYTES)


async def _limited(stream: AsyncIterator[bytes], name: str, limit: int) -> AsyncGenerator[bytes]:
    size = 0
    async for piece in stream:
        size += len(piece)
        if size > limit:
            raise _too_large(name, limit)
        yield piece


def _too_large(name: str, limit: int) -> TooLarge:
    return TooLarge(f"{name} is larger than {limit} bytes.", "Split it into smaller ones.", param="file")

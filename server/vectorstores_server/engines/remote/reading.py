"""Text and bytes of the remote's files."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from vectorstores_server.engines.remote import paths
from vectorstores_server.engines.remote.client import RemoteClient
from vectorstores_server.engines.remote.failures import Subject
from vectorstores_server.engines.remote.shapes import items_of, read_as
from vectorstores_tools.contract import FileContent
from vectorstores_tools.errors import InvalidRequest, NotReady, NotSupported
from vectorstores_tools.models import File, TextSlice

MOST_DECODED = 20_000_000


async def text(
    client: RemoteClient, file_id: str, store_id: str | None, start: int, end: int | None, page: int | None
) -> TextSlice:
    """Return characters [start, end) of what the remote parsed, of the upload itself without a store."""
    if page is not None:
        raise NotSupported("This service does not tell pages;", "use start and end, in characters.", param="page")
    if start < 0 or (end is not None and end < start):
        raise InvalidRequest(
            f"There are no characters from {start} to {end}.", "Pass 0 <= start <= end.", param="start"
        )
    whole = await _raw(client, file_id) if store_id is None else await _parsed(client, store_id, file_id)
    if start > len(whole):
        raise InvalidRequest(
            f"The text of {file_id} has {len(whole)} characters.",
            f"Pass a start of at most {len(whole)}.",
            param="start",
        )
    stop = len(whole) if end is None else min(end, len(whole))
    name = str((await client.get(paths.file(file_id), None, Subject(file_id=file_id))).get("filename", ""))
    return TextSlice(
        file_id=file_id, filename=name, text=whole[start:stop], start=start, end=max(start, stop), total=len(whole)
    )


@asynccontextmanager
async def content(client: RemoteClient, file_id: str, start: int, end: int | None) -> AsyncGenerator[FileContent]:
    """Open the bytes [start, end), also where the remote ignores the range."""
    about = Subject(file_id=file_id)
    file = read_as(File, await client.get(paths.file(file_id), None, about))
    ranged = start > 0 or end is not None
    headers = {"Range": f"bytes={start}-{'' if end is None else end - 1}"} if ranged else {}
    async with client.stream(paths.file(file_id, "/content"), headers, about) as (reply, stream):
        skipped = start if reply.status_code != 206 else 0
        wanted = None if end is None else end - start
        yield FileContent(file, file.bytes, _cut(stream, skipped, wanted))


async def _cut(stream: AsyncIterator[bytes], skip: int, wanted: int | None) -> AsyncIterator[bytes]:
    async for piece in stream:
        kept = piece[skip:] if wanted is None else piece[skip : skip + wanted]
        skip = max(0, skip - len(piece))
        if wanted is not None:
            wanted -= len(kept)
        if kept:
            yield kept


async def _parsed(client: RemoteClient, store_id: str, file_id: str) -> str:
    about = Subject(store_id, file_id)
    said = await client.get(paths.store_file(store_id, file_id, "/content"), None, about)
    parts = items_of({"data": said.get("data") or said.get("content")})
    return "".join(str(part.get("text", "")) for part in parts)


async def _raw(client: RemoteClient, file_id: str) -> str:
    collected = bytearray()
    async with content(client, file_id, 0, MOST_DECODED) as opened:
        async for piece in opened.stream:
            collected += piece
    try:
        return collected.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise NotReady(
            f"File '{file_id}' is not plain text, and what was parsed of it belongs to a store.",
            "Attach it to a store, and pass the vector_store_id.",
            param="file_id",
        ) from None

"""Text and bytes of the remote's files."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from vectorstores_server.engines.remote.dialects import Dialect
from vectorstores_server.engines.remote.http import routes
from vectorstores_server.engines.remote.http.client import RemoteClient
from vectorstores_server.engines.remote.http.decoding import items_of, read_as
from vectorstores_server.engines.remote.http.reply_errors import Subject
from vectorstores_tools.contract import uris
from vectorstores_tools.contract.engine import FileContent, TextRequest
from vectorstores_tools.contract.errors import InvalidRequest, NotReady, NotSupported, VectorStoreError
from vectorstores_tools.contract.models import File, TextSlice, VectorStoreFile

MOST_DECODED = 20_000_000
"""Bytes of an upload that are read as text."""


async def text(client: RemoteClient, dialect: Dialect, request: TextRequest) -> TextSlice:
    """Return characters [start, end) of the text that the remote parsed; without a store, of the upload itself."""
    if request.page is not None:
        raise NotSupported("This service has no page numbers;", "use start and end, in characters.", param="page")
    start, end = request.start, request.end
    if start < 0 or (end is not None and end < start):
        raise InvalidRequest(
            f"There are no characters from {start} to {end}.", "Pass 0 <= start <= end.", param="start"
        )
    if request.store_id is None:
        file = await _file(client, request.file_id)
        found = _ParsedText(file.filename, await _raw(client, file))
    else:
        found = await _parsed(client, dialect, request.store_id, request.file_id)
    whole = found.text
    text_id = uris.text_id(whole)
    same = request.text_id in (None, text_id)
    if not same:  # the service keeps no older text, so that nobody knows where its words are now
        start, end = 0, None if end is None else end - start
    if start > len(whole):
        raise InvalidRequest(
            f"The text of {request.file_id} has {len(whole)} characters.",
            f"Pass a start of at most {len(whole)}.",
            param="start",
        )
    stop = len(whole) if end is None else min(end, len(whole))
    piece = {"text": whole[start:stop], "start": start, "end": stop, "total": len(whole)}
    facts = {"file_id": request.file_id, "filename": found.filename, "notes": found.notes, "text_id": text_id}
    return read_as(TextSlice, {**facts, **piece, **({} if same else {"same_words": False})})


@asynccontextmanager
async def content(client: RemoteClient, file_id: str, start: int, end: int | None) -> AsyncGenerator[FileContent]:
    """Open the bytes [start, end), also where the remote ignores the range."""
    about = Subject(file_id=file_id)
    file = await _file(client, file_id)
    ranged = start > 0 or end is not None
    headers = {"Range": f"bytes={start}-{'' if end is None else end - 1}"} if ranged else {}
    async with client.stream(routes.file(file_id, "/content"), headers, about) as (reply, stream):
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


class _ParsedText(NamedTuple):
    """A file's text with its name; another vector-stores-mcp also gives the notes on it."""

    filename: str
    text: str
    notes: object = None


async def _parsed(client: RemoteClient, dialect: Dialect, store_id: str, file_id: str) -> _ParsedText:
    about = Subject(store_id, file_id)
    try:
        content = await client.get(routes.store_file(store_id, file_id, "/content"), None, about)
    except InvalidRequest as error:
        raise await _why_not(client, store_id, file_id, error) from None
    # Another vector-stores-mcp also gives the name.
    filename = str(content.get("filename") or "") or (await _file(client, file_id)).filename
    parts = [str(part.get("text", "")) for part in items_of({"data": content.get("data") or content.get("content")})]
    if content.get("has_more"):
        raise NotSupported(
            f"{client.host} shows only the beginning of {filename}, and has no way to ask for the rest;",
            "search finds its passages.",
            param="file_id",
        )
    if not any(parts):
        raise await _why_not(client, store_id, file_id, NotReady(f"{filename} has no text."))
    return _ParsedText(filename, joined(parts) if dialect.content_overlaps else "".join(parts), content.get("notes"))


async def _file(client: RemoteClient, file_id: str) -> File:
    return read_as(File, await client.get(routes.file(file_id), None, Subject(file_id=file_id)))


async def _why_not(client: RemoteClient, store_id: str, file_id: str, error: VectorStoreError) -> VectorStoreError:
    """Return NotReady where the file itself says why it has no text, else the error."""
    file = await _file(client, file_id)
    reply = await client.get(routes.store_file(store_id, file_id), None, Subject(store_id, file_id))
    attached = read_as(VectorStoreFile, reply)
    if attached.status == "in_progress":
        return NotReady(f"{file.filename} is still in progress.", "Retrieve it with wait_seconds, then read again.")
    if attached.status == "completed":
        return error
    reason = attached.last_error.message if attached.last_error else attached.status
    return NotReady(f"{file.filename} has no text: {reason}")


def joined(parts: Sequence[str]) -> str:
    """Return the text of chunks, each of which may begin with the end of the one before."""
    text = ""
    for part in parts:
        shared = next((size for size in range(min(len(text), len(part)), 0, -1) if text.endswith(part[:size])), 0)
        text += part[shared:]
    return text


async def _raw(client: RemoteClient, file: File) -> str:
    if file.bytes > MOST_DECODED:
        raise _not_plain(file, "is too large to be read before it is parsed")
    async with content(client, file.id, 0, None) as opened:
        collected = b"".join([piece async for piece in opened.stream])
    try:
        return collected.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise _not_plain(file, "is not plain text") from None


def _not_plain(file: File, why: str) -> NotReady:
    return NotReady(
        f"File '{file.id}' {why}, and its parsed text belongs to a store.",
        "Attach it to a store, and pass the vector_store_id.",
        param="file_id",
    )

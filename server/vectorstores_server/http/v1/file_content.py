"""/files/{id}/content: a File's bytes as they were uploaded, streamed, whole or one range of them."""

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Header
from fastapi.responses import Response, StreamingResponse

from vectorstores_server.http.v1.dependencies import EngineOf
from vectorstores_server.http.v1.errors import envelope
from vectorstores_tools.contract.engine import FileContent

RANGE = re.compile(r"bytes=\s*([0-9]{0,18})-([0-9]{0,18})\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ByteSpan:
    """Bytes [start, end) of a file; `partial` when they were asked for."""

    start: int
    end: int
    partial: bool


def span_of(header: str | None, size: int) -> ByteSpan | None:
    """Return the range that `header` asks for, None where it lies outside the file.

    A header that is malformed, in other units or with several ranges is as good as none, as the RFC has it.
    """
    found = RANGE.fullmatch(header) if header else None
    if found is None or found[1] == found[2] == "":
        return ByteSpan(0, size, partial=False)
    if found[1] == "":
        wanted = min(size, int(found[2]))
        return ByteSpan(size - wanted, size, partial=True) if wanted else None
    first, last = int(found[1]), int(found[2]) if found[2] else size - 1
    if last < first and found[2]:
        return ByteSpan(0, size, partial=False)
    return ByteSpan(first, min(size, last + 1), partial=True) if first < size else None


BYTES: dict[str, Any] = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: BYTES | {"description": "The whole file."},
    206: BYTES | {"description": "The range that was asked for."},
}
router = APIRouter(prefix="/files", tags=["Files"])


@dataclass(frozen=True, slots=True)
class Unsatisfiable:
    """A range that lies outside a file of `size` bytes."""

    size: int


@dataclass(frozen=True, slots=True)
class OpenDownload:
    """An open file, and which bytes of it are wanted."""

    content: FileContent
    span: ByteSpan


async def _opened(
    engine: EngineOf,
    file_id: str,
    range: Annotated[str | None, Header()] = None,
    if_range: Annotated[str | None, Header()] = None,
) -> AsyncGenerator[OpenDownload | Unsatisfiable]:
    """Open the file that is asked for; it is closed when the reply has gone out or its reader has left."""
    size = (await engine.retrieve_file(file_id)).bytes
    span = span_of(range if if_range in (None, _etag(file_id)) else None, size)
    if span is None:
        yield Unsatisfiable(size)
        return
    async with engine.read_file(file_id, span.start, span.end) as content:
        yield OpenDownload(content, span)


@router.get("/{file_id}/content", response_class=StreamingResponse, responses=RESPONSES)
async def download_file(opened: Annotated[OpenDownload | Unsatisfiable, Depends(_opened)]) -> Response:
    """Return a File's bytes, or one range of them."""
    if isinstance(opened, Unsatisfiable):
        message = f"The range lies outside the file's {opened.size} bytes."
        return envelope(416, message, param="range", headers={"Content-Range": f"bytes */{opened.size}"})
    file, span = opened.content.file, opened.span
    headers = {
        "Content-Length": str(span.end - span.start),
        "Accept-Ranges": "bytes",
        "ETag": _etag(file.id),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.filename, safe='')}",
        "X-Content-Type-Options": "nosniff",
    }
    if span.partial:
        headers["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{file.bytes}"
    return StreamingResponse(
        opened.content.stream, 206 if span.partial else 200, headers, media_type="application/octet-stream"
    )


def _etag(file_id: str) -> str:
    """Return the identity of a File's bytes: its id, for they never change."""
    return f'"{file_id}"'

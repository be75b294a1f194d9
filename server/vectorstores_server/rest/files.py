"""/files: upload, list, retrieve, delete, content."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Header, Query
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse, Response, StreamingResponse

from vectorstores_server.rest.errors import envelope
from vectorstores_server.rest.forms import chunks, open_form
from vectorstores_server.rest.replies import EngineOf, Extended, reply
from vectorstores_server.rest.wire import DeletedObject, FileObject, ListPage
from vectorstores_tools.contract import NewFile
from vectorstores_tools.models import FileExpiresAfter, FilesRequest, Request

router = APIRouter(prefix="/files", tags=["Files"])
Purpose = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]
RANGE = re.compile(r"^bytes=(\d*)-(\d*)$")
FORM = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file", "purpose"],
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    "purpose": {"type": "string", "enum": list(Purpose.__args__)},
                    "expires_after[anchor]": {"type": "string", "enum": ["created_at"]},
                    "expires_after[seconds]": {"type": "integer", "minimum": 3600, "maximum": 2592000},
                },
            }
        }
    },
}


class FileFields(Request):
    """The fields beside the file."""

    purpose: Purpose
    expires_after: FileExpiresAfter | None = None


@router.post("", response_model=FileObject, openapi_extra={"requestBody": FORM})
async def create_file(engine: EngineOf, extended: Extended, request: HttpRequest) -> JSONResponse:
    """Upload a File."""
    async with open_form(request, "file", FileFields) as (file, fields):
        new = NewFile(file.filename or "file", chunks(file), fields.purpose, fields.expires_after)
        return reply(await engine.create_file(new), FileObject, extended)


@router.get("", response_model=ListPage[FileObject])
async def list_files(engine: EngineOf, extended: Extended, page: Annotated[FilesRequest, Query()]) -> JSONResponse:
    """List the uploaded Files."""
    return reply(await engine.list_files(page), ListPage[FileObject], extended)


@router.get("/{file_id}", response_model=FileObject)
async def retrieve_file(engine: EngineOf, extended: Extended, file_id: str) -> JSONResponse:
    """Retrieve a File."""
    return reply(await engine.retrieve_file(file_id), FileObject, extended)


@router.delete("/{file_id}", response_model=DeletedObject)
async def delete_file(engine: EngineOf, extended: Extended, file_id: str) -> JSONResponse:
    """Delete a File, and detach it from every vector store."""
    return reply(await engine.delete_file(file_id), DeletedObject, extended)


@router.get(
    "/{file_id}/content",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/octet-stream": {}}}, 206: {"description": "The range asked for."}},
)
async def download_file(engine: EngineOf, file_id: str, range: Annotated[str | None, Header()] = None) -> Response:
    """Return a File's bytes, or one range of them."""
    size = (await engine.retrieve_file(file_id)).bytes
    wanted = _range(range, size)
    if wanted is None:
        return _unsatisfiable(size)
    start, end = wanted
    stack = AsyncExitStack()
    content = await stack.enter_async_context(engine.read_file(file_id, start, end))
    headers = {
        "Content-Length": str(end - start),
        "Accept-Ranges": "bytes",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(content.file.filename)}",
        "X-Content-Type-Options": "nosniff",
    }
    partial = range is not None and RANGE.match(range) is not None
    if partial:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    body = _closing(content.stream, stack)
    return StreamingResponse(body, 206 if partial else 200, headers, "application/octet-stream")


async def _closing(stream: AsyncIterator[bytes], stack: AsyncExitStack) -> AsyncIterator[bytes]:
    async with stack:
        async for piece in stream:
            yield piece


def _range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return [start, end) of a Range header, the whole without a usable one, None where it cannot be met (RFC 9110)."""
    found = RANGE.match(header) if header else None
    if found is None or found[1] == found[2] == "":
        return 0, size
    if found[1] == "":
        return (max(0, size - int(found[2])), size) if int(found[2]) else None
    start, end = int(found[1]), min(size, int(found[2]) + 1) if found[2] else size
    return (start, end) if start < end else None


def _unsatisfiable(size: int) -> Response:
    refused = envelope(416, f"The range lies outside the file's {size} bytes.", "invalid_request_error", "range")
    refused.headers["Content-Range"] = f"bytes */{size}"
    return refused

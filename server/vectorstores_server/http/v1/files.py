"""/files: upload, list, retrieve, delete."""

from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, Query
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse
from pydantic import Field

from vectorstores_server.http.v1.dependencies import EngineOf, Extended, reply
from vectorstores_server.http.v1.multipart import chunks, open_form
from vectorstores_server.http.v1.page_schemas import ListPage
from vectorstores_server.http.v1.schemas import DeletedFile, FileObject
from vectorstores_tools.contract.engine import NewFile
from vectorstores_tools.contract.errors import InvalidRequest
from vectorstores_tools.contract.requests import FileExpiresAfter, FilesRequest, Order, Request

router = APIRouter(prefix="/files", tags=["Files"])
Purpose = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]
MAX_FILENAME = 512
BATCH_EXPIRY = FileExpiresAfter(anchor="created_at", seconds=30 * 24 * 3600)
FORM: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file", "purpose"],
                "additionalProperties": False,
                "properties": {
                    "file": {"type": "string", "format": "binary", "minLength": 1},
                    "purpose": {"type": "string", "enum": list(get_args(Purpose))},
                    "expires_after[anchor]": {"type": "string", "enum": ["created_at"]},
                    "expires_after[seconds]": {"type": "integer", "minimum": 3600, "maximum": 2592000},
                },
                "dependentRequired": {
                    "expires_after[anchor]": ["expires_after[seconds]"],
                    "expires_after[seconds]": ["expires_after[anchor]"],
                },
            }
        }
    },
}


class FileFields(Request):
    """The fields beside the file."""

    purpose: Purpose
    expires_after: FileExpiresAfter | None = None


class FilesQuery(Request):
    """A page of the list of Files; there is no `before`."""

    limit: int = Field(default=10_000, ge=1, le=10_000)
    order: Order = "desc"
    after: str | None = None
    purpose: str | None = None


@router.post("", response_model=FileObject, openapi_extra={"requestBody": FORM})
async def create_file(engine: EngineOf, extended: Extended, request: HttpRequest) -> JSONResponse:
    """Upload a File."""
    async with open_form(request, "file", FileFields) as (file, fields):
        filename = file.filename or "file"
        if len(filename) > MAX_FILENAME:
            raise InvalidRequest(f"The filename is longer than {MAX_FILENAME} characters.", param="file")
        new = NewFile(filename, chunks(file), fields.purpose, expiry(fields.purpose, fields.expires_after))
        return reply(await engine.create_file(new), FileObject, extended)


@router.get("", response_model=ListPage[FileObject])
async def list_files(engine: EngineOf, extended: Extended, page: Annotated[FilesQuery, Query()]) -> JSONResponse:
    """List the uploaded Files."""
    found = await engine.list_files(FilesRequest.model_validate(page.model_dump(exclude_unset=True)))
    return reply(found, ListPage[FileObject], extended)


@router.get("/{file_id}", response_model=FileObject)
async def retrieve_file(engine: EngineOf, extended: Extended, file_id: str) -> JSONResponse:
    """Retrieve a File."""
    return reply(await engine.retrieve_file(file_id), FileObject, extended)


@router.delete("/{file_id}", response_model=DeletedFile)
async def delete_file(engine: EngineOf, extended: Extended, file_id: str) -> JSONResponse:
    """Delete a File, and detach it from every vector store."""
    return reply(await engine.delete_file(file_id), DeletedFile, extended)


def expiry(purpose: Purpose, asked: FileExpiresAfter | None) -> FileExpiresAfter | None:
    """Return when a File expires: files of batches after 30 days unless asked otherwise, others when asked."""
    return BATCH_EXPIRY if asked is None and purpose == "batch" else asked

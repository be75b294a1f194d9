"""/uploads: a File that arrives in parts."""

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse
from pydantic import Field

from vectorstores_server.http.v1.dependencies import EngineOf, Extended, UploadId, reply, strictly
from vectorstores_server.http.v1.files import MAX_FILENAME, Purpose, expiry
from vectorstores_server.http.v1.multipart import chunks, open_form
from vectorstores_server.http.v1.schemas import UploadObject, UploadPartObject
from vectorstores_tools.contract.engine import NewUpload
from vectorstores_tools.contract.errors import TooLarge
from vectorstores_tools.contract.requests import FileExpiresAfter, Request

router = APIRouter(prefix="/uploads", tags=["Uploads"])
MAX_PART = 64 * 1024 * 1024
PART: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["data"],
                "additionalProperties": False,
                "properties": {"data": {"type": "string", "format": "binary", "minLength": 1}},
            }
        }
    },
}


class UploadBody(Request):
    """The whole File as it will be."""

    filename: str = Field(min_length=1, max_length=MAX_FILENAME)
    purpose: Purpose
    bytes: int = Field(ge=1)
    mime_type: str = Field(max_length=255)
    expires_after: FileExpiresAfter | None = None


class CompleteBody(Request):
    """The parts in their order, and a check of the whole."""

    part_ids: list[str] = Field(min_length=1, max_length=1_000)
    md5: str | None = None


class NoFields(Request):
    """A part has no field beside its bytes."""


@router.post("", response_model=UploadObject)
async def create_upload(
    engine: EngineOf, extended: Extended, body: Annotated[UploadBody, strictly(UploadBody)]
) -> JSONResponse:
    """Begin an upload; it expires after an hour."""
    expires_after = expiry(body.purpose, body.expires_after)
    new = NewUpload(body.filename, body.purpose, body.bytes, body.mime_type, expires_after)
    upload = await engine.create_upload(new)
    return reply(upload, UploadObject, extended)


@router.post("/{upload_id}/parts", response_model=UploadPartObject, openapi_extra={"requestBody": PART})
async def add_upload_part(
    engine: EngineOf, extended: Extended, upload_id: UploadId, request: HttpRequest
) -> JSONResponse:
    """Add a part of at most 64 MB."""
    async with open_form(request, "data", NoFields) as (data, _):
        if data.size is not None and data.size > MAX_PART:
            raise TooLarge(f"The part is larger than {MAX_PART} bytes.", "Send it as several parts.", param="data")
        return reply(await engine.add_part(upload_id, chunks(data)), UploadPartObject, extended)


@router.post("/{upload_id}/complete", response_model=UploadObject)
async def complete_upload(
    engine: EngineOf, extended: Extended, upload_id: UploadId, body: Annotated[CompleteBody, strictly(CompleteBody)]
) -> JSONResponse:
    """Make the File from its parts."""
    return reply(await engine.complete_upload(upload_id, body.part_ids, body.md5), UploadObject, extended)


@router.post("/{upload_id}/cancel", response_model=UploadObject)
async def cancel_upload(engine: EngineOf, extended: Extended, upload_id: UploadId) -> JSONResponse:
    """Give up an upload."""
    return reply(await engine.cancel_upload(upload_id), UploadObject, extended)

"""/vector_stores/{id}/file_batches: create, retrieve, cancel, list files."""

from typing import Annotated, Self

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import Field, model_validator

from vectorstores_server.rest.replies import EngineOf, Extended, reply
from vectorstores_server.rest.wire import FileBatchObject, ListPage, VectorStoreFileObject
from vectorstores_tools.models import (
    MAX_FILES_IN_BATCH,
    Attributes,
    ChunkingStrategy,
    FileAttach,
    Request,
    StoreFilesRequest,
)

router = APIRouter(prefix="/vector_stores/{vector_store_id}/file_batches", tags=["Vector store file batches"])


class BatchBody(Request):
    """Either `file_ids`, for which attributes and chunking hold, or `files` with their own."""

    file_ids: Annotated[list[str], Field(min_length=1, max_length=MAX_FILES_IN_BATCH)] | None = None
    files: Annotated[list[FileAttach], Field(min_length=1, max_length=MAX_FILES_IN_BATCH)] | None = None
    attributes: Attributes | None = None
    chunking_strategy: ChunkingStrategy | None = None

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if (self.file_ids is None) == (self.files is None):
            raise ValueError("give exactly one of 'file_ids' and 'files'")
        return self

    def entries(self) -> list[FileAttach]:
        """Return the batch entry by entry; with `files` the common values are ignored, as OpenAI does."""
        common = self.model_dump(include={"attributes", "chunking_strategy"}, exclude_unset=True)
        return self.files or [FileAttach(file_id=file_id, **common) for file_id in self.file_ids or []]


@router.post("", response_model=FileBatchObject)
async def create_vector_store_file_batch(
    engine: EngineOf, extended: Extended, vector_store_id: str, body: BatchBody
) -> JSONResponse:
    """Attach Files together."""
    return reply(await engine.create_batch(vector_store_id, body.entries()), FileBatchObject, extended)


@router.get("/{batch_id}", response_model=FileBatchObject)
async def retrieve_vector_store_file_batch(
    engine: EngineOf, extended: Extended, vector_store_id: str, batch_id: str
) -> JSONResponse:
    """Retrieve a batch."""
    return reply(await engine.retrieve_batch(vector_store_id, batch_id), FileBatchObject, extended)


@router.post("/{batch_id}/cancel", response_model=FileBatchObject)
async def cancel_vector_store_file_batch(
    engine: EngineOf, extended: Extended, vector_store_id: str, batch_id: str
) -> JSONResponse:
    """Stop what is not done; what is done stays."""
    return reply(await engine.cancel_batch(vector_store_id, batch_id), FileBatchObject, extended)


@router.get("/{batch_id}/files", response_model=ListPage[VectorStoreFileObject])
async def list_files_in_vector_store_batch(
    engine: EngineOf,
    extended: Extended,
    vector_store_id: str,
    batch_id: str,
    page: Annotated[StoreFilesRequest, Query()],
) -> JSONResponse:
    """List a batch's files."""
    found = await engine.list_batch_files(vector_store_id, batch_id, page)
    return reply(found, ListPage[VectorStoreFileObject], extended)

"""/vector_stores/{id}/file_batches: create, retrieve, cancel, list files."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, Field

from vectorstores_server.http.v1.dependencies import BatchId, EngineOf, Extended, StoreId, reply, strictly
from vectorstores_server.http.v1.page_schemas import ListPage
from vectorstores_server.http.v1.schemas import FileBatchObject, VectorStoreFileObject
from vectorstores_tools.contract.errors import InvalidRequest
from vectorstores_tools.contract.requests import (
    MAX_FILES_IN_BATCH,
    Attributes,
    ChunkingStrategy,
    FileAttach,
    PageRequest,
    Request,
    Status,
    StoreFilesRequest,
)

router = APIRouter(prefix="/vector_stores/{vector_store_id}/file_batches", tags=["Vector store file batches"])
FileId = Annotated[str, Field(min_length=1)]
ONE_OF_THE_TWO: dict[str, Any] = {"oneOf": [{"required": ["file_ids"]}, {"required": ["files"]}]}


class BatchFilesQuery(PageRequest):
    """A page of a batch's files."""

    filter: Status | None = None


class BatchBody(Request):
    """Either `file_ids`, for which attributes and chunking hold, or `files` with their own."""

    model_config = ConfigDict(json_schema_extra=ONE_OF_THE_TWO)

    file_ids: Annotated[list[FileId], Field(min_length=1, max_length=MAX_FILES_IN_BATCH)] | None = None
    files: Annotated[list[FileAttach], Field(min_length=1, max_length=MAX_FILES_IN_BATCH)] | None = None
    attributes: Attributes | None = None
    chunking_strategy: ChunkingStrategy | None = None

    def entries(self) -> list[FileAttach]:
        """Return the batch entry by entry; with `files` the common values are ignored, as OpenAI does.

        Raises InvalidRequest unless there is one of the two.
        """
        if self.files is not None and self.file_ids is not None:
            raise InvalidRequest("'file_ids' and 'files' are mutually exclusive.", "Give one of them.", param="files")
        if self.files is not None:
            return self.files
        if self.file_ids is None:
            raise InvalidRequest(
                "Missing required parameter: 'file_ids'.", param="file_ids", code="missing_required_parameter"
            )
        common = self.model_dump(include={"attributes", "chunking_strategy"}, exclude_unset=True)
        return [FileAttach(file_id=file_id, **common) for file_id in self.file_ids]


@router.post("", response_model=FileBatchObject)
async def create_vector_store_file_batch(
    engine: EngineOf, extended: Extended, vector_store_id: StoreId, body: Annotated[BatchBody, strictly(BatchBody)]
) -> JSONResponse:
    """Attach Files together."""
    return reply(await engine.create_batch(vector_store_id, body.entries()), FileBatchObject, extended)


@router.get("/{batch_id}", response_model=FileBatchObject)
async def retrieve_vector_store_file_batch(
    engine: EngineOf, extended: Extended, vector_store_id: StoreId, batch_id: BatchId
) -> JSONResponse:
    """Retrieve a batch."""
    return reply(await engine.retrieve_batch(vector_store_id, batch_id), FileBatchObject, extended)


@router.post("/{batch_id}/cancel", response_model=FileBatchObject)
async def cancel_vector_store_file_batch(
    engine: EngineOf, extended: Extended, vector_store_id: StoreId, batch_id: BatchId
) -> JSONResponse:
    """Stop the files that are not done; those that are done stay."""
    return reply(await engine.cancel_batch(vector_store_id, batch_id), FileBatchObject, extended)


@router.get("/{batch_id}/files", response_model=ListPage[VectorStoreFileObject])
async def list_files_in_vector_store_batch(
    engine: EngineOf,
    extended: Extended,
    vector_store_id: StoreId,
    batch_id: BatchId,
    page: Annotated[BatchFilesQuery, Query()],
) -> JSONResponse:
    """List a batch's files."""
    found = await engine.list_batch_files(vector_store_id, batch_id, StoreFilesRequest(**page.model_dump()))
    return reply(found, ListPage[VectorStoreFileObject], extended)

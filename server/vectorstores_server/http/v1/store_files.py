"""/vector_stores/{id}/files: attach, list, retrieve, update, content, detach."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from vectorstores_server.http.v1.dependencies import EngineOf, Extended, StoreFileId, StoreId, reply, strictly
from vectorstores_server.http.v1.page_schemas import FileContentPage, ListPage, TextItem
from vectorstores_server.http.v1.schemas import DeletedStoreFile, VectorStoreFileObject
from vectorstores_tools.contract.engine import TextRequest
from vectorstores_tools.contract.errors import UnknownArgument
from vectorstores_tools.contract.filters import parse_filter
from vectorstores_tools.contract.requests import (
    Attributes,
    FileAttach,
    PageRequest,
    Request,
    Status,
    StoreFilesRequest,
)

router = APIRouter(prefix="/vector_stores/{vector_store_id}/files", tags=["Vector store files"])


class StoreFilesQuery(PageRequest):
    """A page of a store's files: `filters`, a filter as JSON, is for another vector-stores-mcp."""

    filter: Status | None = None
    filters: Annotated[str | None, Query(include_in_schema=False)] = None

    def parsed(self, *, extended: bool) -> StoreFilesRequest:
        """Return the request as an engine takes it. Raises InvalidFilter, and UnknownArgument unless `extended`."""
        if self.filters is not None and not extended:
            raise UnknownArgument("filters", ())
        span = self.model_dump(exclude={"filters"})
        return StoreFilesRequest(**span, filters=parse_filter(self.filters))


class AttributesBody(Request):
    """The body of update: the whole map, null to clear it."""

    attributes: Attributes | None


@router.post("", response_model=VectorStoreFileObject)
async def create_vector_store_file(
    engine: EngineOf, extended: Extended, vector_store_id: StoreId, body: Annotated[FileAttach, strictly(FileAttach)]
) -> JSONResponse:
    """Attach a File to a vector store."""
    return reply(await engine.attach_file(vector_store_id, body), VectorStoreFileObject, extended)


@router.get("", response_model=ListPage[VectorStoreFileObject])
async def list_vector_store_files(
    engine: EngineOf, extended: Extended, vector_store_id: StoreId, page: Annotated[StoreFilesQuery, Query()]
) -> JSONResponse:
    """List a vector store's files."""
    found = await engine.list_store_files(vector_store_id, page.parsed(extended=extended))
    return reply(found, ListPage[VectorStoreFileObject], extended)


@router.get("/{file_id}", response_model=VectorStoreFileObject)
async def retrieve_vector_store_file(
    engine: EngineOf, extended: Extended, vector_store_id: StoreId, file_id: StoreFileId
) -> JSONResponse:
    """Retrieve a file as this store has it."""
    return reply(await engine.retrieve_store_file(vector_store_id, file_id), VectorStoreFileObject, extended)


@router.post("/{file_id}", response_model=VectorStoreFileObject)
async def update_vector_store_file(
    engine: EngineOf,
    extended: Extended,
    vector_store_id: StoreId,
    file_id: StoreFileId,
    body: Annotated[AttributesBody, strictly(AttributesBody)],
) -> JSONResponse:
    """Replace a file's attributes."""
    changed = await engine.update_store_file(vector_store_id, file_id, body.attributes)
    return reply(changed, VectorStoreFileObject, extended)


@router.delete("/{file_id}", response_model=DeletedStoreFile)
async def delete_vector_store_file(
    engine: EngineOf, extended: Extended, vector_store_id: StoreId, file_id: StoreFileId
) -> JSONResponse:
    """Take a file out of a vector store; the File stays."""
    return reply(await engine.detach_file(vector_store_id, file_id), DeletedStoreFile, extended)


@router.get("/{file_id}/content", response_model=FileContentPage)
async def retrieve_vector_store_file_content(
    engine: EngineOf, extended: Extended, vector_store_id: StoreId, file_id: StoreFileId
) -> JSONResponse:
    """Return a file's parsed text."""
    text = await engine.read_text(TextRequest(file_id, vector_store_id))
    page = FileContentPage(
        object="vector_store.file_content.page",
        data=[TextItem(type="text", text=text.text)],
        has_more=False,
        next_page=None,
    )
    where = text.model_dump(mode="json", exclude={"text"}) if extended else {}
    return JSONResponse(page.model_dump(mode="json") | where)

"""/vector_stores: create, list, retrieve, update, delete."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from vectorstores_server.http.v1.dependencies import EngineOf, Extended, StoreId, reply, strictly
from vectorstores_server.http.v1.page_schemas import ListPage
from vectorstores_server.http.v1.schemas import DeletedStore, VectorStoreObject
from vectorstores_tools.contract.requests import PageRequest, StoreCreate, StoreUpdate

router = APIRouter(prefix="/vector_stores", tags=["Vector stores"])


@router.post("", response_model=VectorStoreObject)
async def create_vector_store(
    engine: EngineOf, extended: Extended, body: Annotated[StoreCreate, strictly(StoreCreate)]
) -> JSONResponse:
    """Create a vector store."""
    return reply(await engine.create_store(body), VectorStoreObject, extended)


@router.get("", response_model=ListPage[VectorStoreObject])
async def list_vector_stores(
    engine: EngineOf, extended: Extended, page: Annotated[PageRequest, Query()]
) -> JSONResponse:
    """List the vector stores."""
    return reply(await engine.list_stores(page), ListPage[VectorStoreObject], extended)


@router.get("/{vector_store_id}", response_model=VectorStoreObject)
async def retrieve_vector_store(engine: EngineOf, extended: Extended, vector_store_id: StoreId) -> JSONResponse:
    """Retrieve a vector store."""
    return reply(await engine.retrieve_store(vector_store_id), VectorStoreObject, extended)


@router.post("/{vector_store_id}", response_model=VectorStoreObject)
async def update_vector_store(
    engine: EngineOf,
    extended: Extended,
    vector_store_id: StoreId,
    body: Annotated[StoreUpdate, strictly(StoreUpdate, clears=StoreUpdate.model_fields)],
) -> JSONResponse:
    """Change a vector store's name, metadata or expiry; null clears."""
    return reply(await engine.update_store(vector_store_id, body), VectorStoreObject, extended)


@router.delete("/{vector_store_id}", response_model=DeletedStore)
async def delete_vector_store(engine: EngineOf, extended: Extended, vector_store_id: StoreId) -> JSONResponse:
    """Delete a vector store; its Files stay."""
    return reply(await engine.delete_store(vector_store_id), DeletedStore, extended)

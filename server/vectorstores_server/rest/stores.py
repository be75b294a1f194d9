"""/vector_stores: create, list, retrieve, update, delete, search."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import Field

from vectorstores_server.rest.replies import EngineOf, Extended, reply
from vectorstores_server.rest.wire import DeletedObject, ListPage, SearchResultsPage, VectorStoreObject
from vectorstores_tools import filters
from vectorstores_tools.models import (
    MAX_QUERIES,
    PageRequest,
    RankingOptions,
    Request,
    SearchRequest,
    StoreCreate,
    StoreUpdate,
)
from vectorstores_tools.models import Query as QueryText

router = APIRouter(prefix="/vector_stores", tags=["Vector stores"])


class SearchBody(Request):
    """The body of search as OpenAI writes it: `query` is a string or a list of strings."""

    query: QueryText | Annotated[list[QueryText], Field(min_length=1, max_length=MAX_QUERIES)]
    filters: dict[str, object] | None = None
    max_num_results: int = Field(default=10, ge=1, le=50)
    ranking_options: RankingOptions | None = None
    rewrite_query: bool = False

    def parsed(self) -> SearchRequest:
        """Return the request as an engine takes it. Raises InvalidFilter."""
        return SearchRequest(
            queries=[self.query] if isinstance(self.query, str) else self.query,
            filters=filters.parse(self.filters),
            max_num_results=self.max_num_results,
            ranking_options=self.ranking_options or RankingOptions(),
            rewrite_query=self.rewrite_query,
        )


@router.post("", response_model=VectorStoreObject)
async def create_vector_store(engine: EngineOf, extended: Extended, body: StoreCreate) -> JSONResponse:
    """Create a vector store."""
    return reply(await engine.create_store(body), VectorStoreObject, extended)


@router.get("", response_model=ListPage[VectorStoreObject])
async def list_vector_stores(
    engine: EngineOf, extended: Extended, page: Annotated[PageRequest, Query()]
) -> JSONResponse:
    """List the vector stores."""
    return reply(await engine.list_stores(page), ListPage[VectorStoreObject], extended)


@router.get("/{vector_store_id}", response_model=VectorStoreObject)
async def retrieve_vector_store(engine: EngineOf, extended: Extended, vector_store_id: str) -> JSONResponse:
    """Retrieve a vector store."""
    return reply(await engine.retrieve_store(vector_store_id), VectorStoreObject, extended)


@router.post("/{vector_store_id}", response_model=VectorStoreObject)
async def update_vector_store(
    engine: EngineOf, extended: Extended, vector_store_id: str, body: StoreUpdate
) -> JSONResponse:
    """Change a vector store's name, metadata or expiry; null clears."""
    return reply(await engine.update_store(vector_store_id, body), VectorStoreObject, extended)


@router.delete("/{vector_store_id}", response_model=DeletedObject)
async def delete_vector_store(engine: EngineOf, extended: Extended, vector_store_id: str) -> JSONResponse:
    """Delete a vector store; its Files stay."""
    return reply(await engine.delete_store(vector_store_id), DeletedObject, extended)


@router.post("/{vector_store_id}/search", response_model=SearchResultsPage)
async def search_vector_store(
    engine: EngineOf, extended: Extended, vector_store_id: str, body: SearchBody
) -> JSONResponse:
    """Search a vector store."""
    return reply(await engine.search(vector_store_id, body.parsed()), SearchResultsPage, extended)

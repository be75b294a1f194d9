"""/vector_stores/{id}/search, and the body that it takes."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse
from pydantic import Field, PlainValidator

from vectorstores_server.http.v1.dependencies import EngineOf, Extended, StoreId, reply, strictly
from vectorstores_server.http.v1.page_schemas import SearchResultsPage
from vectorstores_server.http.v1.search_notes import noted
from vectorstores_tools.contract import filters
from vectorstores_tools.contract.requests import MAX_QUERIES, Key, Query, RankingOptions, Request, SearchRequest

router = APIRouter(prefix="/vector_stores", tags=["Vector stores"])
Scalar = str | float | bool


class ComparisonFilter(Request):
    """One attribute against a value; against a list of them with `in` and `nin`. Its `filters` can be null alone."""

    type: Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"]
    key: Key
    value: Scalar | list[Scalar]
    filters: None = None


class CompoundFilter(Request):
    """All (`and`) or any (`or`) of these filters. Its `key` and `value` can be null alone."""

    type: Literal["and", "or"]
    filters: "list[ComparisonFilter | CompoundFilter]"
    key: None = None
    value: None = None


def _as_given(value: Any) -> Any:
    """Leave the filter to `vectorstores_tools.filters`, whose errors show the corrected JSON."""
    return value


Filters = Annotated[Any, PlainValidator(_as_given, json_schema_input_type=ComparisonFilter | CompoundFilter | None)]


class SearchBody(Request):
    """The body of search as OpenAI writes it: `query` is a string or a list of strings."""

    query: Query | Annotated[list[Query], Field(min_length=1, max_length=MAX_QUERIES)]
    filters: Filters = None
    max_num_results: int = Field(default=10, ge=1, le=50)
    ranking_options: RankingOptions | None = None
    rewrite_query: bool = False

    def parsed(self, *, extended: bool) -> SearchRequest:
        """Return the request as an engine takes it, its filter in OpenAI's grammar or ours. Raises InvalidFilter."""
        return SearchRequest(
            queries=[self.query] if isinstance(self.query, str) else self.query,
            filters=filters.parse_filter(self.filters, extended=extended),
            max_num_results=self.max_num_results,
            ranking_options=self.ranking_options or RankingOptions(),
            rewrite_query=self.rewrite_query,
        )


@router.post("/{vector_store_id}/search", response_model=SearchResultsPage)
async def search_vector_store(
    request: HttpRequest,
    engine: EngineOf,
    extended: Extended,
    vector_store_id: StoreId,
    body: Annotated[SearchBody, strictly(SearchBody)],
) -> JSONResponse:
    """Search a vector store."""
    with noted(request, vector_store_id, body.query) as note:
        page = await engine.search(vector_store_id, body.parsed(extended=extended))
        note.hits = len(page.data)
    return reply(page, SearchResultsPage, extended)

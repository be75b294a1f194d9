"""A search as an agent sees it: the same hits in the same order, and the files that were not searched and why."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from vectorstores_server.page.filter_links import AskedFilter, FilterLinks, read_filter
from vectorstores_server.page.hits import exported, hit_view
from vectorstores_server.page.markdown import as_markdown
from vectorstores_server.page.paging import with_query
from vectorstores_server.page.rendering import HEADERS
from vectorstores_server.page.views import PageParts
from vectorstores_tools.arguments.parsing import checked
from vectorstores_tools.contract import filters
from vectorstores_tools.contract.errors import VectorStoreError
from vectorstores_tools.contract.models import SearchPage, VectorStore
from vectorstores_tools.contract.requests import MOST_RESULTS, SearchRequest
from vectorstores_tools.rendering.diagnostics import why_nothing
from vectorstores_tools.rendering.marked_passages import asked_words

RESULTS = 10


class SearchView:
    """Asks the engine as an agent's search does."""

    def __init__(self, parts: PageParts) -> None:
        self._parts = parts

    async def facts(self, request: Request, store: VectorStore, asked: AskedFilter) -> dict[str, Any]:
        """Return the facts of a search that the view shows; an error of the engine stands in the place of hits."""
        query = request.query_params.get("query", "")
        links = FilterLinks(request.url.path, {"query": query}, asked)
        facts: dict[str, Any] = {"hits": [], "wrong": asked.wrong, "why": "", "notes": [], "unseen": None, "found": 0}
        if asked.wrong:
            return facts
        try:
            page = await self._parts.engine_of(request).search(store.id, _request(request, asked))
        except VectorStoreError as error:
            return {**facts, "wrong": error.sentence}
        views = [
            hit_view(number, hit, store.id, links, asked_words([query])) for number, hit in enumerate(page.data, 1)
        ]
        return {
            "hits": views,
            "wrong": "",
            "why": "" if views else _why(page, asked),
            "notes": page.notes,
            "unseen": page.not_searched,
            "found": len(views),
            "exports": {form: f"{request.url.path}/hits.{form}{_query_of(request)}" for form in ("json", "md")},
        }

    async def export(self, request: Request) -> Response:
        """Return the hits as a file: JSON or Markdown."""
        store = await self._parts.engine_of(request).retrieve_store(request.path_params["store_id"])
        asked = read_filter(request.query_params.get("filters", ""))
        page = await self._parts.engine_of(request).search(store.id, _request(request, asked))
        query = request.query_params.get("query", "")
        hits = [exported(hit, store.id) for hit in page.data]
        if request.url.path.endswith(".json"):
            facts = {"query": query, "vector_store_id": store.id, "filters": asked.given, "data": hits}
            return _file(json.dumps(facts, ensure_ascii=False, indent=2), "application/json", "hits.json")
        return _file(as_markdown(query, store, hits), "text/markdown; charset=utf-8", "hits.md")


def _request(request: Request, asked: AskedFilter) -> SearchRequest:
    return checked(
        SearchRequest,
        queries=[request.query_params.get("query", "")],
        filters=filters.parse_filter(asked.given),
        max_num_results=_results(request.query_params.get("results", "")),
        fold=True,
    )


def _results(given: str) -> int:
    return min(MOST_RESULTS, max(1, int(given))) if given.isdecimal() and len(given) < 4 else RESULTS


def _why(page: SearchPage, asked: AskedFilter) -> str:
    return why_nothing(page, filters.parse_filter(asked.given))


def _query_of(request: Request) -> str:
    return with_query(request).removeprefix(request.url.path)


def _file(text: str, type: str, name: str) -> Response:
    headers = {**HEADERS, "content-disposition": f"attachment; filename={name}"}
    return Response(text, headers=headers, media_type=type)

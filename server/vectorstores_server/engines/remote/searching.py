"""A search on the remote, its hits in our shape."""

from collections.abc import Mapping, Sequence
from typing import Any

from vectorstores_server.engines.remote import paths
from vectorstores_server.engines.remote.client import RemoteClient
from vectorstores_server.engines.remote.dialects import Dialect
from vectorstores_server.engines.remote.failures import Subject
from vectorstores_server.engines.remote.shapes import items_of, read_as
from vectorstores_tools import filters
from vectorstores_tools.errors import NotSupported
from vectorstores_tools.models import FileCounts, NotSearched, SearchHit, SearchPage, SearchRequest


async def search(client: RemoteClient, dialect: Dialect, store_id: str, request: SearchRequest) -> SearchPage:
    """Search; a service that cannot take several queries is asked one by one, best per passage."""
    _check(dialect, request)
    groups = [request.queries] if dialect.several_queries else [[query] for query in request.queries]
    pages = [await _ask(client, dialect, store_id, request, group) for group in groups]
    page = pages[0] if len(pages) == 1 else _merged(pages, request)
    if "not_searched" not in page.model_fields_set:  # another of ours has said so itself
        page.not_searched = await _unfinished(client, store_id)
    return page


def _check(dialect: Dialect, request: SearchRequest) -> None:
    if request.rewrite_query and not dialect.capabilities.rewrite_query:
        raise NotSupported("Query rewriting is not available here;", "send several queries.", param="rewrite_query")


async def _ask(
    client: RemoteClient, dialect: Dialect, store_id: str, request: SearchRequest, queries: Sequence[str]
) -> SearchPage:
    body: dict[str, Any] = {
        "query": queries[0] if len(queries) == 1 else list(queries),
        "max_num_results": request.max_num_results,
    }
    if request.filters is not None:
        membership = dialect.membership_filters
        body["filters"] = filters.dump(request.filters if membership else _without_membership(request.filters))
    if options := request.ranking_options.model_dump(exclude_defaults=True):
        body["ranking_options"] = options
    if request.rewrite_query:
        body["rewrite_query"] = True
    said = await client.post(paths.store(store_id, "/search"), body, Subject(store_id), repeatable=True)
    return _page(said, dialect, store_id, queries)


def _without_membership(filter: filters.Filter) -> filters.Filter:
    """Say `in` as `or` of `eq`, and `nin` as `and` of `ne`."""
    if isinstance(filter, filters.Compound):
        return filters.Compound(filter.operator, tuple(_without_membership(part) for part in filter.filters))
    if filter.operator not in filters.MEMBERSHIPS or not isinstance(filter.value, tuple):
        return filter
    each: filters.Operator = "eq" if filter.operator == "in" else "ne"
    parts = tuple(filters.Comparison(each, filter.key, value) for value in filter.value)
    return filters.Compound("or" if filter.operator == "in" else "and", parts)


def _page(said: Mapping[str, Any], dialect: Dialect, store_id: str, queries: Sequence[str]) -> SearchPage:
    hits = [_hit(hit, dialect, store_id) for hit in items_of(said)]
    asked = said.get("search_query") or list(queries)
    kept = {
        "search_query": [asked] if isinstance(asked, str) else asked,
        "data": hits,
        "has_more": bool(said.get("has_more")),
    }
    return read_as(SearchPage, {**said, **kept})


def _hit(hit: Mapping[str, Any], dialect: Dialect, store_id: str) -> SearchHit:
    content = [{"type": "text", "text": str(part.get("text", ""))} for part in items_of({"data": hit.get("content")})]
    score: Any = hit.get("score")
    return read_as(
        SearchHit,
        {
            **hit,
            "file_id": dialect.file_id(dict(hit)),
            "filename": str(hit.get("filename") or ""),
            "score": min(1.0, max(0.0, score)) if isinstance(score, int | float) else 0.0,
            "attributes": dialect.attributes(hit.get("attributes")),
            "content": content,
            "vector_store_id": store_id,
        },
    )


def _merged(pages: Sequence[SearchPage], request: SearchRequest) -> SearchPage:
    best: dict[tuple[str, str], SearchHit] = {}
    for hit in (hit for page in pages for hit in page.data):
        key = (hit.file_id, "".join(part.text for part in hit.content))
        if key not in best or best[key].score < hit.score:
            best[key] = hit
    ranked = sorted(best.values(), key=lambda hit: -hit.score)
    return pages[0].model_copy(
        update={"search_query": list(request.queries), "data": ranked[: request.max_num_results]}
    )


async def _unfinished(client: RemoteClient, store_id: str) -> NotSearched:
    said = await client.get(paths.store(store_id), None, Subject(store_id))
    counts = read_as(FileCounts, said.get("file_counts") or {})
    return NotSearched(in_progress=counts.in_progress, failed=counts.failed)

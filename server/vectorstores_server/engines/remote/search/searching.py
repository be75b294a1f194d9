"""A search on the remote."""

from collections.abc import Sequence
from typing import Any

from vectorstores_server.engines.remote.dialects import Dialect
from vectorstores_server.engines.remote.filter_reach import check_reach
from vectorstores_server.engines.remote.http import routes
from vectorstores_server.engines.remote.http.client import RemoteClient
from vectorstores_server.engines.remote.http.decoding import read_as
from vectorstores_server.engines.remote.http.reply_errors import Subject
from vectorstores_server.engines.remote.search.filters import simplified, without_membership
from vectorstores_server.engines.remote.search.hits import merged, named, page_of
from vectorstores_tools.contract import filters
from vectorstores_tools.contract.copies import folded
from vectorstores_tools.contract.errors import NotSupported
from vectorstores_tools.contract.models import FileCounts, NotSearched, SearchPage
from vectorstores_tools.contract.requests import MOST_RESULTS, SearchRequest


async def search(client: RemoteClient, dialect: Dialect, store_id: str, request: SearchRequest) -> SearchPage:
    """Search; where copies are one hit and that leaves too few, the service is asked once more for all it gives."""
    _check(dialect, request)
    page = await _searched(client, dialect, store_id, request)
    if not request.fold:
        return page
    wanted, given = request.max_num_results, len(page.data)
    hits = folded(page.data)
    if len(hits) < wanted <= given and wanted < MOST_RESULTS:
        most = request.model_copy(update={"max_num_results": MOST_RESULTS})
        page = await _searched(client, dialect, store_id, most)
        hits = folded(page.data)
    return page.model_copy(update={"data": hits[:wanted]})


async def _searched(client: RemoteClient, dialect: Dialect, store_id: str, request: SearchRequest) -> SearchPage:
    """Search; a service that cannot take several queries is asked one by one, best per passage."""
    await check_reach(client, store_id, request.filters)
    wanted = simplified(request.filters)
    groups = [request.queries] if dialect.several_queries else [[query] for query in request.queries]
    bodies = [_body(dialect, request, group, wanted) for group in groups] if wanted is not False else []
    pages = [await _ask(client, dialect, store_id, body) for body in bodies]
    page = merged(pages, request)
    if any(not hit.file_id for hit in page.data):
        page = await named(client, store_id, page)
    if "not_searched" not in page.model_fields_set:  # another vector-stores-mcp sets it itself
        page.not_searched = await _unfinished(client, store_id)
    return page


def _check(dialect: Dialect, request: SearchRequest) -> None:
    if request.rewrite_query and not dialect.capabilities.rewrite_query:
        raise NotSupported("Query rewriting is not available here;", "send several queries.", param="rewrite_query")
    if request.ranking_options.hybrid_search is not None:
        raise NotSupported(
            "A remote takes no weights for its ranking;", "leave out hybrid_search.", param="ranking_options"
        )


def _body(
    dialect: Dialect, request: SearchRequest, queries: Sequence[str], wanted: filters.Filter | bool
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "query": queries[0] if len(queries) == 1 else list(queries),
        "max_num_results": request.max_num_results,
    }
    if not isinstance(wanted, bool):
        body["filters"] = filters.dump(wanted if dialect.membership_filters else without_membership(wanted))
    if options := request.ranking_options.model_dump(exclude_defaults=True):
        body["ranking_options"] = options
    if request.rewrite_query:
        body["rewrite_query"] = True
    return body


async def _ask(client: RemoteClient, dialect: Dialect, store_id: str, body: dict[str, Any]) -> SearchPage:
    reply = await client.post(routes.store(store_id, "/search"), body, Subject(store_id), repeatable=True)
    return page_of(reply, dialect, store_id, body["query"])


async def _unfinished(client: RemoteClient, store_id: str) -> NotSearched:
    reply = await client.get(routes.store(store_id), None, Subject(store_id))
    counts = read_as(FileCounts, reply.get("file_counts") or {})
    return NotSearched(in_progress=counts.in_progress, failed=counts.failed)

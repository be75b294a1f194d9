"""Hits of a remote in our shape: the file's true id, its owner's attributes, text, and a score of 0..1."""

from collections.abc import Mapping, Sequence
from typing import Any

from vectorstores_server.engines.remote.dialects import Dialect
from vectorstores_server.engines.remote.http import pagination, routes
from vectorstores_server.engines.remote.http.client import RemoteClient
from vectorstores_server.engines.remote.http.decoding import items_of, read_as
from vectorstores_server.engines.remote.http.reply_errors import Subject
from vectorstores_tools.contract.models import File, SearchHit, SearchPage, VectorStoreFile
from vectorstores_tools.contract.requests import SearchRequest


def page_of(reply: Mapping[str, Any], dialect: Dialect, store_id: str, query: str | list[str]) -> SearchPage:
    """Return the reply to one search. A hit whose file the reply does not tell has file_id ''."""
    asked = reply.get("search_query") or query
    kept = {
        "search_query": [asked] if isinstance(asked, str) else asked,
        "data": [_hit(hit, dialect, store_id) for hit in items_of(reply)],
        "has_more": bool(reply.get("has_more")),
    }
    return read_as(SearchPage, {**reply, **kept})


def merged(pagination: Sequence[SearchPage], request: SearchRequest) -> SearchPage:
    """Return one page of the replies to several queries: best per passage, of equal ones the newest first."""
    if len(pagination) == 1:
        return pagination[0]
    best: dict[tuple[str, str, str], SearchHit] = {}
    for hit in (hit for page in pagination for hit in page.data):
        key = (hit.file_id, hit.filename, "".join(part.text for part in hit.content))
        if key not in best or best[key].score < hit.score:
            best[key] = hit
    ranked = sorted(best.values(), key=lambda hit: hit.rank)
    return SearchPage(search_query=list(request.queries), data=ranked[: request.max_num_results])


async def named(client: RemoteClient, store_id: str, page: SearchPage) -> SearchPage:
    """Give hits without a file id that of the one file of their name; those that stay without are left out."""
    files = pagination.every(client, routes.store(store_id, "/files"), VectorStoreFile, Subject(store_id))
    here = {file.id async for file in files}
    ids: dict[str, list[str]] = {}
    async for file in pagination.every(client, "files", File):
        if file.id in here:
            ids.setdefault(file.filename, []).append(file.id)
    for hit in page.data:
        if not hit.file_id and len(ids.get(hit.filename, ())) == 1:
            hit.file_id = ids[hit.filename][0]
    known = [hit for hit in page.data if hit.file_id]
    if left_out := len(page.data) - len(known):
        which = "1 hit was" if left_out == 1 else f"{left_out} hits were"
        page.notes.append(f"{which} left out: the service does not tell from which file.")
    return page.model_copy(update={"data": known})


def _hit(hit: Mapping[str, Any], dialect: Dialect, store_id: str) -> SearchHit:
    content = [{"type": "text", "text": str(part.get("text", ""))} for part in items_of({"data": hit.get("content")})]
    score: Any = hit.get("score")
    return read_as(
        SearchHit,
        {
            **hit,
            "file_id": dialect.file_id(hit),
            "filename": str(hit.get("filename") or ""),
            "score": min(1.0, max(0.0, score)) if isinstance(score, int | float) else 0.0,
            "attributes": dialect.attributes(hit.get("attributes")),
            "content": content,
            "vector_store_id": store_id,
        },
    )

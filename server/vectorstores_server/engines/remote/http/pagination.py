"""Lists of the remote: one page for a caller, or all items for ourselves."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, TypeVar

from vectorstores_server.engines.remote.dialects import Dialect
from vectorstores_server.engines.remote.http import routes
from vectorstores_server.engines.remote.http.client import NOBODY, RemoteClient
from vectorstores_server.engines.remote.http.decoding import items_of, read_as
from vectorstores_server.engines.remote.http.reply_errors import Subject
from vectorstores_tools.contract import filters
from vectorstores_tools.contract.characters import json_line
from vectorstores_tools.contract.errors import BadCursor, InvalidRequest, NotFound, NotSupported, VectorStoreError
from vectorstores_tools.contract.models import File, Page, VectorStore, VectorStoreFile
from vectorstores_tools.contract.requests import PageRequest

T = TypeVar("T", bound=VectorStore | VectorStoreFile | File)


async def page(
    client: RemoteClient, path: str, request: PageRequest, item: type[T], about: Subject = NOBODY
) -> Page[T]:
    """Return one page. Raises BadCursor where the remote says that the cursor is, NotSupported where it ignores it."""
    try:
        body = await client.get(path, _params(request), about)
    except (InvalidRequest, NotFound) as error:
        raise _of_cursor(error, request) from None
    found = _page(body, item)
    for param, cursor in _cursors(request):
        if any(entry.id == cursor for entry in found.data):
            raise NotSupported(
                f"{client.host} ignores '{param}' and answers with the same page again.",
                "Ask for more at once with a larger limit.",
                param=param,
            )
    return found


async def check_cursor(client: RemoteClient, dialect: Dialect, request: PageRequest, store_id: str = "") -> None:
    """Look the cursor of a list up where the service ignores one that it does not know. Raises BadCursor."""
    if dialect.checks_cursors:
        return
    for param, cursor in _cursors(request):
        path = routes.store_file(store_id, cursor) if store_id else routes.store(cursor)
        try:
            await client.get(path, None, Subject(store_id or cursor, cursor if store_id else ""))
        except NotFound:
            raise BadCursor(param, cursor) from None


async def every(client: RemoteClient, path: str, item: type[T], about: Subject = NOBODY) -> AsyncIterator[T]:
    """Yield all items, page by page; stops where a page brings nothing new, as a remote that ignores cursors does."""
    params: dict[str, Any] = {"limit": 100, "order": "asc"}
    seen: set[str] = set()
    while True:
        found = _page(await client.get(path, params, about), item)
        fresh = [entry for entry in found.data if entry.id not in seen]
        for entry in fresh:
            seen.add(entry.id)
            yield entry
        if not (found.has_more and fresh):
            return
        params["after"] = found.data[-1].id


def _params(request: PageRequest) -> dict[str, Any]:
    params = request.model_dump(exclude_none=True, exclude={"filters"})
    wanted = getattr(request, "filters", None)
    return params if wanted is None else params | {"filters": json_line(filters.dump(wanted))}


def _cursors(request: PageRequest) -> list[tuple[str, str]]:
    return [(param, cursor) for param in ("after", "before") if (cursor := getattr(request, param)) is not None]


def _of_cursor(error: VectorStoreError, request: PageRequest) -> VectorStoreError:
    """Return BadCursor where the error names the cursor, whatever else it says; else the error."""
    for param, cursor in _cursors(request):
        if error.param == param or cursor in error.fact:
            return BadCursor(param, cursor)
    return error


def _page(body: Mapping[str, Any], item: type[T]) -> Page[T]:
    data = [read_as(item, entry) for entry in items_of(body)]
    return Page[T](
        data=data,
        first_id=data[0].id if data else None,
        last_id=data[-1].id if data else None,
        has_more=bool(body.get("has_more")),
    )

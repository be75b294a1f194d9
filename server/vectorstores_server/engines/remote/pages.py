"""Lists of the remote: one page for a caller, or all items for ourselves."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

from vectorstores_server.engines.remote import paths
from vectorstores_server.engines.remote.client import NOBODY, RemoteClient
from vectorstores_server.engines.remote.dialects import Dialect
from vectorstores_server.engines.remote.failures import Subject
from vectorstores_tools.errors import BadCursor, NotFound, VectorStoreError
from vectorstores_tools.models import Page, PageRequest

T = TypeVar("T", bound=BaseModel)


async def page(
    client: RemoteClient, path: str, request: PageRequest, item: type[T], about: Subject = NOBODY
) -> Page[T]:
    """Return one page. Raises BadCursor where the remote says that the cursor is."""
    try:
        body = await client.get(path, request.model_dump(exclude_none=True), about)
    except VectorStoreError as error:
        if error.param in ("after", "before"):
            raise BadCursor(error.param, getattr(request, error.param) or "") from None
        raise
    return _page(body, item)


async def check_cursor(client: RemoteClient, dialect: Dialect, request: PageRequest, store_id: str = "") -> None:
    """Look the cursor of a list up where the service ignores one that it does not know. Raises BadCursor."""
    if dialect.checks_cursors:
        return
    for param in ("after", "before"):
        cursor: str | None = getattr(request, param)
        if cursor is None:
            continue
        path = paths.store_file(store_id, cursor) if store_id else paths.store(cursor)
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
        fresh = [one for one in found.data if one.model_dump(include={"id"})["id"] not in seen]
        for one in fresh:
            seen.add(one.model_dump(include={"id"})["id"])
            yield one
        if not (found.has_more and fresh):
            return
        params["after"] = found.data[-1].model_dump(include={"id"})["id"]


def _page(body: Mapping[str, Any], item: type[T]) -> Page[T]:
    said: list[Any] = body.get("data") or []
    data = [item.model_validate(one) for one in said]
    ids = [str(one.model_dump(include={"id"})["id"]) for one in data]
    return Page[T](
        data=data,
        first_id=ids[0] if ids else None,
        last_id=ids[-1] if ids else None,
        has_more=bool(body.get("has_more")),
    )

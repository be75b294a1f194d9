"""Completions of ids, by the beginning of the id or any part of the name."""

from collections.abc import AsyncGenerator

from mcp.types import Completion, CompletionArgument, CompletionContext, PromptReference, ResourceTemplateReference

from vectorstores_tools.contract import Engine
from vectorstores_tools.errors import NotFound
from vectorstores_tools.models import VectorStore
from vectorstores_tools.requests import FilesRequest, PageRequest, StoreFilesRequest

MOST_VALUES = 100
PAGES = 10
"""Of 100 items: how far a completion looks."""


async def complete(
    engine: Engine,
    ref: PromptReference | ResourceTemplateReference,
    argument: CompletionArgument,
    context: CompletionContext | None,
) -> Completion | None:
    """Return the ids that begin with what was typed, or whose store or file has it in its name."""
    typed = argument.value
    if argument.name in ("vector_store_id", "store"):
        found = [store.id async for store in stores(engine) if _fits(typed, store.id, store.name)]
    elif argument.name == "file_id":
        known = (context.arguments if context else None) or {}
        found = await _files(engine, known.get("vector_store_id"), typed)
    else:
        return None
    return Completion(values=found[:MOST_VALUES], total=len(found), has_more=len(found) > MOST_VALUES)


async def stores(engine: Engine) -> AsyncGenerator[VectorStore]:
    """Yield the newest thousand stores."""
    after: str | None = None
    for _ in range(PAGES):
        page = await engine.list_stores(PageRequest(limit=100, after=after))
        for store in page.data:
            yield store
        if not page.has_more:
            return
        after = page.last_id


async def _files(engine: Engine, store_id: str | None, typed: str) -> list[str]:
    uploaded = await engine.list_files(FilesRequest(limit=100 * PAGES))
    found = [file.id for file in uploaded.data if _fits(typed, file.id, file.filename)]
    if store_id is None:
        return found
    try:
        attached = [page async for page in _attached(engine, store_id)]
    except NotFound:
        return []
    return [file_id for file_id in found if file_id in attached]


async def _attached(engine: Engine, store_id: str) -> AsyncGenerator[str]:
    after: str | None = None
    for _ in range(PAGES):
        page = await engine.list_store_files(store_id, StoreFilesRequest(limit=100, after=after))
        for item in page.data:
            yield item.id
        if not page.has_more:
            return
        after = page.last_id


def _fits(typed: str, identifier: str, name: str | None) -> bool:
    return identifier.startswith(typed) or typed.casefold() in (name or "").casefold()

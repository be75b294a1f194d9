"""Completions of ids, by the beginning of the id or any part of the name."""

from collections.abc import Collection

from mcp import MCPError
from mcp.types import (
    INVALID_PARAMS,
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
)

from vectorstores_tools.contract.characters import line
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.errors import NotFound
from vectorstores_tools.contract.lookups import files_of, stores_of
from vectorstores_tools.contract.requests import FilesRequest

MOST_VALUES = 100
PAGES = 10
"""The most pages of 100 items that a completion looks at."""


async def complete(
    engine: Engine,
    ref: PromptReference | ResourceTemplateReference,
    argument: CompletionArgument,
    context: CompletionContext | None,
    prompts: Collection[str] = (),
) -> Completion | None:
    """Return the ids that begin with what was typed, or whose store or file has it in its name.

    MCPError for a prompt that is not there.
    """
    if isinstance(ref, PromptReference) and ref.name not in prompts:
        raise MCPError(INVALID_PARAMS, f"Unknown prompt: {line(ref.name)}. There is {', '.join(prompts)}.")
    typed = argument.value
    if argument.name in ("vector_store_id", "store"):
        found = [store.id async for store in stores_of(engine, pages=PAGES) if _fits(typed, store.id, store.name)]
    elif argument.name == "file_id":
        known = (context.arguments if context else None) or {}
        found = await _files(engine, known.get("vector_store_id"), typed)
    else:
        return None
    return Completion(values=found[:MOST_VALUES], total=len(found), has_more=len(found) > MOST_VALUES)


async def _files(engine: Engine, store_id: str | None, typed: str) -> list[str]:
    uploaded = await engine.list_files(FilesRequest(limit=100 * PAGES))
    found = [file.id for file in uploaded.data if _fits(typed, file.id, file.filename)]
    if store_id is None:
        return found
    try:
        attached = [file.id async for file in files_of(engine, store_id, pages=PAGES)]
    except NotFound:
        return []
    return [file_id for file_id in found if file_id in attached]


def _fits(typed: str, identifier: str, name: str | None) -> bool:
    return identifier.startswith(typed) or typed.casefold() in (name or "").casefold()

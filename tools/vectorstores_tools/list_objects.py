"""The tool `list`: stores, uploaded Files, and the files of a store or a batch."""

from typing import TYPE_CHECKING, Any

from vectorstores_tools.arguments.absence import filter_present
from vectorstores_tools.arguments.inputs import List
from vectorstores_tools.arguments.parsing import checked, refuse
from vectorstores_tools.context import ToolCall
from vectorstores_tools.contract import filters
from vectorstores_tools.contract.errors import InvalidRequest
from vectorstores_tools.contract.models import Page
from vectorstores_tools.contract.requests import FilesRequest, PageRequest, StoreFilesRequest
from vectorstores_tools.rendering.objects import listed
from vectorstores_tools.rendering.reply import Reply, compact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

MOST_CHARACTERS = 60_000
"""Above this a page is shown without the maps and notes of its items, which can have 10,000 characters each."""

MAPS = ("metadata", "attributes", "description", "last_error", "notes")


async def list_objects(call: ToolCall, given: List) -> Reply:
    """List stores, a store's files, a batch's files, or all uploaded Files, newest first. after=last_id gives more.

    To find something in the files use search.
    """
    if given.batch_id is not None and given.vector_store_id is None:
        raise InvalidRequest("batch_id needs vector_store_id.", "Pass both.", param="vector_store_id")
    if given.vector_store_id is not None:
        return await _store_files(call, given, given.vector_store_id)
    refuse(given, ("filter", "filters"), "only a store's files have a status and attributes.")
    if given.of == "files":
        page = await call.engine.list_files(checked(FilesRequest, **_span(given)))
        return _shown(page, "No file was uploaded yet: upload_file(path=...) does that.")
    page = await call.engine.list_stores(checked(PageRequest, **_span(given)))
    return _shown(page, "There is no vector store yet: create_store(name=...) makes one.")


async def _store_files(call: ToolCall, given: List, store_id: str) -> Reply:
    if given.of == "stores":
        raise InvalidRequest("of='stores' and vector_store_id exclude each other.", "Pass one of them.", param="of")
    wanted = filters.parse_filter(filter_present(given.filters))
    request = checked(StoreFilesRequest, **_span(given), filter=given.filter, filters=wanted)
    if given.batch_id is not None:
        refuse(given, ("filters",), "a batch's files are listed by status alone.")
        page = await call.engine.list_batch_files(store_id, given.batch_id, request)
        return _shown(page, _none_of(given) or "The batch has no file.")
    page = await call.engine.list_store_files(store_id, request)
    return _shown(
        page,
        _none_of(given) or f"The store has no file: batch_attach(vector_store_id='{store_id}', paths=[...]) adds some.",
    )


def _span(given: List) -> dict[str, Any]:
    return given.model_dump(include={"limit", "order", "after", "before"})


def _none_of(given: List) -> str | None:
    if given.filters is not None:
        return "No file meets the filters: leave them out to see what there is to filter by."
    if given.filter:
        return f"No file is {given.filter}: leave out filter to see all."
    return "Nothing stands beyond this cursor." if given.after or given.before else None


def _shown(page: Page[Any], empty: str) -> Reply:
    items: Sequence[BaseModel] = page.data
    data = [item.model_dump(mode="json", exclude_none=True) for item in items]
    facts: dict[str, Any] = {
        "object": "list", "first_id": page.first_id, "last_id": page.last_id, "has_more": page.has_more,
    }  # fmt: skip
    if not data:
        return listed(facts | {"message": empty}, [], empty)
    sentences = [f"{len(data)} shown."]
    if len(compact(data)) > MOST_CHARACTERS:
        data = [{key: value for key, value in item.items() if key not in MAPS} for item in data]
        sentences.append(
            "Too long to show metadata, attributes and notes: retrieve shows them, or list with a lower limit."
        )
    if page.has_more:
        facts["next"] = f"the same call with after='{page.last_id}'"
        sentences.append(f"Next: {facts['next']}.")
    return listed(facts, data, *sentences)

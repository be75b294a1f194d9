"""`/stores/ID`: the contents of a store, its files page by page, and the search."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast, get_args

from starlette.requests import Request
from starlette.responses import Response

from vectorstores_server.page import paths
from vectorstores_server.page.filter_links import AskedFilter, Chip, FilterLinks, named, read_filter
from vectorstores_server.page.paging import asked_for, links, with_query
from vectorstores_server.page.search_view import SearchView
from vectorstores_server.page.stores_view import StoreRow
from vectorstores_server.page.views import PageParts
from vectorstores_tools.contract import filters
from vectorstores_tools.contract.filters import Filter
from vectorstores_tools.contract.models import VectorStoreFile
from vectorstores_tools.contract.requests import Status, StoreFilesRequest
from vectorstores_tools.rendering.marked_passages import shown_source

PAGE = 50
LONGEST_NAME = 255
STATUSES: tuple[str, ...] = get_args(Status)
STATES = {"in_progress": "indexing", "completed": "ready"}


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file of a store as the list shows it. `done` of `of` passages are indexed while it is in progress."""

    id: str
    name: str
    href: str
    status: str
    state: str
    done: int
    of: int
    progress: str
    bytes: int
    created_at: int
    problem: str
    notes: Sequence[str]
    source: str
    attributes: Sequence[Chip]
    held: dict[str, Any]


def file_row(file: VectorStoreFile, store_id: str, chips: FilterLinks) -> FileRow:
    """Return the row of a file; `chips` makes links of its attributes."""
    return FileRow(
        id=file.id,
        name=file.filename or file.id,
        href=paths.file(store_id, file.id),
        status=file.status,
        state=STATES.get(file.status, file.status),
        done=file.progress.done if file.progress else 0,
        of=file.progress.of if file.progress else 0,
        progress=file.progress.words if file.progress else "",
        bytes=file.usage_bytes,
        created_at=file.created_at,
        problem=file.last_error.message if file.last_error else "",
        notes=file.notes or (),
        source=shown_source(file.path, file.source),
        attributes=chips.attributes(file.attributes),
        held=dict(file.attributes or {}),
    )


def _wanted(asked: AskedFilter) -> Filter | None:
    return filters.parse_filter(asked.given)


class StoreContents:
    """One store: its files, or with a question the hits."""

    def __init__(self, parts: PageParts) -> None:
        self._parts = parts
        self._search = SearchView(parts)

    async def show(self, request: Request) -> Response:
        """Return the files of the store, or what a search finds there."""
        store = await self._parts.engine_of(request).retrieve_store(request.path_params["store_id"])
        asked = read_filter(request.query_params.get("filters", ""))
        facts: dict[str, Any] = {
            "store": StoreRow.of(store),
            "metadata": store.metadata or {},
            "query": request.query_params.get("query", "").strip(),
            "asked": asked,
            "active": FilterLinks(request.url.path, {"query": request.query_params.get("query", "")}, asked).active(),
        }
        if facts["query"]:
            found = await self._search.facts(request, store, asked)
            return self._parts.html(request, "search.html", **facts, **found)
        return self._parts.html(request, "files.html", **facts, **await self._files(request, store.id, asked))

    async def _files(self, request: Request, store_id: str, asked: AskedFilter) -> dict[str, Any]:
        status = request.query_params.get("status", "")
        filter = cast("Status", status) if status in STATUSES else None
        wanted = asked_for(request, PAGE)
        name = request.query_params.get("name", "").strip()[:LONGEST_NAME]
        narrowed = AskedFilter(parts=(*asked.parts, named(name))) if name else asked
        page = await self._parts.engine_of(request).list_store_files(
            store_id, StoreFilesRequest(**wanted.model_dump(), filter=filter, filters=_wanted(narrowed))
        )
        chips = FilterLinks(request.url.path, {"status": status, "name": name}, asked)
        return {
            "rows": [file_row(file, store_id, chips) for file in page.data],
            "status": filter or "",
            "statuses": [(value, STATES.get(value, value)) for value in STATUSES],
            "name": name,
            "to": partial(with_query, request, after=None, before=None),
            "links": links(request, wanted, page),
        }

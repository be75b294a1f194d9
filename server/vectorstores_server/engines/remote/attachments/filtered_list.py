"""A store's files that meet a filter: another vector-stores-mcp finds them, of other services all pages are read."""

from vectorstores_server.engines.remote.attachments.provenance import shown_page
from vectorstores_server.engines.remote.filter_reach import check_reach, is_ours, not_available
from vectorstores_server.engines.remote.http import pagination, routes
from vectorstores_server.engines.remote.http.client import RemoteClient
from vectorstores_server.engines.remote.http.reply_errors import Subject
from vectorstores_tools.contract.errors import NotSupported
from vectorstores_tools.contract.filters import comparisons, matches
from vectorstores_tools.contract.models import Page, VectorStoreFile
from vectorstores_tools.contract.requests import StoreFilesRequest

PAGE = 100
MOST_PAGES = 20
"""The most pages of the service's list that one call reads; the caller gets the rest as further pages."""


async def list_files(client: RemoteClient, store_id: str, request: StoreFilesRequest) -> Page[VectorStoreFile]:
    """Return a page of the store's files. Raises NotSupported for a filter that the service cannot apply."""
    path, about = routes.store(store_id, "/files"), Subject(store_id)
    if request.filters is None or await is_ours(client, store_id):
        await check_reach(client, store_id, request.filters)
        return shown_page(await pagination.page(client, path, request, VectorStoreFile, about))
    for comparison in comparisons(request.filters):
        if comparison.of_file:
            raise not_available(comparison, client.host)
    if request.before is not None:
        raise NotSupported(f"{client.host} knows no filters in a list;", "go on with 'after'.", param="before")
    return await _picked(client, path, request, about)


async def _picked(client: RemoteClient, path: str, request: StoreFilesRequest, about: Subject) -> Page[VectorStoreFile]:
    kept: list[VectorStoreFile] = []
    page_request = request.model_copy(update={"filters": None, "limit": PAGE})
    for _ in range(MOST_PAGES):
        page = shown_page(await pagination.page(client, path, page_request, VectorStoreFile, about))
        for place, file in enumerate(page.data, 1):
            if matches(request.filters, file.attributes):
                kept.append(file)
            if len(kept) == request.limit:
                return _page(kept, file.id, has_more=page.has_more or place < len(page.data))
        if not page.has_more or not page.data:
            return _page(kept, kept[-1].id if kept else None, has_more=False)
        page_request = page_request.model_copy(update={"after": page.last_id})
    return _page(kept, page_request.after, has_more=True)


def _page(kept: list[VectorStoreFile], last_id: str | None, *, has_more: bool) -> Page[VectorStoreFile]:
    return Page(data=kept, first_id=kept[0].id if kept else None, last_id=last_id, has_more=has_more)

"""`/`: the stores, with what they hold and how they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from vectorstores_server.page import paths
from vectorstores_server.page.followed import FollowedFolder, by_store
from vectorstores_server.page.paging import PageLinks, asked_for, links
from vectorstores_server.page.views import PageParts
from vectorstores_tools.contract.lookups import stores_of
from vectorstores_tools.contract.models import VectorStore

PAGE = 50
PAGES_SEARCHED = 20
"""The most pages of 100 stores in which a name is looked for."""
MOST_FOUND = 100
STATES = {"completed": "ready", "in_progress": "indexing", "expired": "expired"}


@dataclass(frozen=True, slots=True)
class StoreRow:
    """A store as the list shows it."""

    id: str
    name: str
    href: str
    description: str
    state: str
    files: int
    in_progress: int
    failed: int
    bytes: int
    created_at: int
    expires_at: int | None
    sources: Sequence[FollowedFolder]

    @classmethod
    def of(cls, store: VectorStore, sources: Sequence[FollowedFolder] | None = None) -> "StoreRow":
        """Return the row of a store; without `sources` it follows what it says itself."""
        counts = store.file_counts
        said_itself = [FollowedFolder.of(source) for source in store.sources or ()]
        return cls(
            id=store.id,
            name=store.name or "Without a name",
            href=paths.store(store.id),
            description=store.description or "",
            state=_state(store),
            files=counts.total,
            in_progress=counts.in_progress,
            failed=counts.failed,
            bytes=store.usage_bytes,
            created_at=store.created_at,
            expires_at=store.expires_at,
            sources=said_itself if sources is None else sources,
        )


def _state(store: VectorStore) -> str:
    """Return the state of a store, in a word; one that holds nothing is not ready for anything."""
    if store.status == "completed" and store.file_counts.total == 0:
        return "empty"
    return STATES.get(store.status, store.status)


class StoresView:
    """The list of stores."""

    def __init__(self, parts: PageParts) -> None:
        self._parts = parts

    async def show(self, request: Request) -> Response:
        """Return a page of it, or the stores whose name holds what was typed."""
        name = request.query_params.get("name", "").strip()
        rows, more = await (self._named(request, name) if name else self._page(request))
        return self._parts.html(request, "stores.html", rows=rows, name=name, **more)

    async def _page(self, request: Request) -> tuple[list[StoreRow], dict[str, Any]]:
        asked = asked_for(request, PAGE)
        page = await self._parts.engine_of(request).list_stores(asked)
        followed = await by_store(self._parts.engine_of(request).mirrors)
        return [StoreRow.of(store, followed.get(store.id, ())) for store in page.data], {
            "links": links(request, asked, page),
            "cut": False,
        }

    async def _named(self, request: Request, name: str) -> tuple[list[StoreRow], dict[str, Any]]:
        wanted, found, looked = name.casefold(), list[StoreRow](), 0
        followed = await by_store(self._parts.engine_of(request).mirrors)
        async for store in stores_of(self._parts.engine_of(request), pages=PAGES_SEARCHED):
            looked += 1
            if wanted in (store.name or "").casefold() or wanted == store.id:
                found.append(StoreRow.of(store, followed.get(store.id, ())))
        cut = looked == 100 * PAGES_SEARCHED or len(found) > MOST_FOUND
        return found[:MOST_FOUND], {"links": PageLinks(), "cut": cut}

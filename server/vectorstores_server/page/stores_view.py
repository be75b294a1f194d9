"""`/`: the stores, with what they hold and how they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from vectorstores_server.page import paths
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
    sources: Sequence[str]

    @classmethod
    def of(cls, store: VectorStore) -> "StoreRow":
        """Return the row of a store."""
        counts = store.file_counts
        return cls(
            id=store.id,
            name=store.name or "Without a name",
            href=paths.store(store.id),
            description=store.description or "",
            state=STATES.get(store.status, store.status),
            files=counts.total,
            in_progress=counts.in_progress,
            failed=counts.failed,
            bytes=store.usage_bytes,
            created_at=store.created_at,
            expires_at=store.expires_at,
            sources=sources_of(store),
        )


def sources_of(store: VectorStore) -> list[str]:
    """Return a sentence for each folder or address that fills the store, where the engine knows them."""
    listed: Any = (store.model_extra or {}).get("sources")
    return [_source(source) for source in listed] if isinstance(listed, list) else []  # pyright: ignore[reportUnknownVariableType]


def _source(source: Any) -> str:
    if not isinstance(source, dict):
        return str(source)
    facts: dict[str, Any] = source  # pyright: ignore[reportUnknownVariableType]
    where = str(facts.get("path") or facts.get("origin") or facts.get("source") or "")
    state = [f"{name.replace('_', ' ')}: {value}" for name, value in facts.items() if _is_shown(value, where)]
    return ", ".join([where, *state]) if where else ", ".join(state)


def _is_shown(value: Any, where: str) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool) and str(value) not in ("", where)


class StoresView:
    """The list of stores."""

    def __init__(self, parts: PageParts) -> None:
        self._parts = parts

    async def show(self, request: Request) -> Response:
        """Return a page of it, or the stores whose name holds what was typed."""
        name = request.query_params.get("name", "").strip()
        rows, more = await (self._named(name) if name else self._page(request))
        return self._parts.html(request, "stores.html", rows=rows, name=name, **more)

    async def _page(self, request: Request) -> tuple[list[StoreRow], dict[str, Any]]:
        asked = asked_for(request, PAGE)
        page = await self._parts.engine.list_stores(asked)
        return [StoreRow.of(store) for store in page.data], {"links": links(request, asked, page), "cut": False}

    async def _named(self, name: str) -> tuple[list[StoreRow], dict[str, Any]]:
        wanted, found, looked = name.casefold(), list[StoreRow](), 0
        async for store in stores_of(self._parts.engine, pages=PAGES_SEARCHED):
            looked += 1
            if wanted in (store.name or "").casefold() or wanted == store.id:
                found.append(StoreRow.of(store))
        cut = looked == 100 * PAGES_SEARCHED or len(found) > MOST_FOUND
        return found[:MOST_FOUND], {"links": PageLinks(), "cut": cut}

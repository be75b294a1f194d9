"""The links from one page of a list to its neighbours."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

from vectorstores_tools.contract.models import Page
from vectorstores_tools.contract.requests import PageRequest


@dataclass(frozen=True, slots=True)
class PageLinks:
    """The addresses of the newer and the older items; empty where there are none."""

    newer: str = ""
    older: str = ""


def asked_for(request: Request, limit: int) -> PageRequest:
    """Return the page of a list that an address asks for."""
    query = request.query_params
    return PageRequest(limit=limit, after=query.get("after") or None, before=query.get("before") or None)


def links(request: Request, asked: PageRequest, page: Page[Any]) -> PageLinks:
    """Return the links of a page; the rest of its address stays as it is."""
    backwards = asked.before is not None and asked.after is None
    has_newer = page.has_more if backwards else asked.after is not None
    has_older = True if backwards else page.has_more
    return PageLinks(
        newer=with_query(request, after=None, before=page.first_id) if has_newer and page.first_id else "",
        older=with_query(request, before=None, after=page.last_id) if has_older and page.last_id else "",
    )


def with_query(request: Request, **changes: str | None) -> str:
    """Return the request's address with some parts of its query set, or left out where they are None."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in changes and value]
    query = urlencode([*kept, *((name, value) for name, value in changes.items() if value is not None)])
    return f"{request.url.path}?{query}" if query else request.url.path

"""Every route of the page."""

from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from vectorstores_server.page import paths
from vectorstores_server.page.assets import assets
from vectorstores_server.page.calls_view import CallsView
from vectorstores_server.page.changes import Changes, FileReceiver
from vectorstores_server.page.file_view import FileView
from vectorstores_server.page.search_view import SearchView
from vectorstores_server.page.sign_in import Checks, SignIn
from vectorstores_server.page.store_view import StoreContents
from vectorstores_server.page.stores_view import StoresView
from vectorstores_server.page.views import PageParts

STORE = f"{paths.STORES}/{{store_id}}"
FILE = f"{STORE}/files/{{file_id}}"


def page_routes(parts: PageParts, api: ASGIApp, checks: Checks) -> list[BaseRoute]:
    """Return the routes; `api` is the app of /v1, `checks` knows the tokens."""
    view = parts.view
    files, searches, signs = FileView(parts), SearchView(parts), SignIn(parts, checks)
    return [
        Route(paths.ROOT, view(StoresView(parts).show)),
        Route(STORE, view(StoreContents(parts).show)),
        Route(f"{STORE}/hits.json", view(searches.export)),
        Route(f"{STORE}/hits.md", view(searches.export)),
        Route(FILE, view(files.show)),
        Route(f"{FILE}/picture", view(files.picture)),
        *([Route(paths.CALLS, view(CallsView(parts, parts.ring).show))] if parts.ring else []),
        Route(paths.SIGN_IN, view(signs.form), methods=["GET"]),
        Route(paths.SIGN_IN, view(signs.enter), methods=["POST"]),
        Route(paths.OPENING, view(signs.invite), methods=["POST"]),
        Route(paths.SIGN_OUT, view(signs.leave), methods=["POST"]),
        Route(f"{paths.OWN}{STORE}/files", FileReceiver(parts).endpoint, methods=["POST"]),
        *assets(),
        Mount(paths.OWN, app=Changes(api, parts.sessions)),
    ]

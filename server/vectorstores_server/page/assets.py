"""The page's scripts, styles and icon: files of this package, read once, served with the hash of all as their version.

At an address that bears the version a file never changes: the browser asks for it once, and paints without waiting.
A module names the modules that it imports with the version too, so that a page that was seen before asks for none.
"""

import hashlib
import re
from functools import cache
from pathlib import Path

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vectorstores_server.page.paths import ASSETS

TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
FOLDER = Path(__file__).parent / "static"
HEADERS = {
    "cache-control": "no-cache",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'",
}


FOREVER = "private, max-age=31536000, immutable"
_IMPORTED = re.compile(rb'(?<= from ")(\./\w+\.js)(?=")')


@cache
def asset(name: str) -> str:
    """Return the address of a file, with the version."""
    return f"{ASSETS}/{name}?{_version()}"


@cache
def drawing(name: str) -> Markup:
    """Return an SVG of the folder as a part of the page: as an image it would cost a document of its own to draw."""
    return Markup((FOLDER / name).read_text("utf-8").strip())  # noqa: S704 - a file of this package


def assets() -> list[BaseRoute]:
    """Return a route for each file of the folder."""
    return [_route(path) for path in _files()]


def _files() -> list[Path]:
    return sorted(path for path in FOLDER.iterdir() if path.suffix in TYPES)


@cache
def _version() -> str:
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in _files())).hexdigest()[:32]


def _route(path: Path) -> BaseRoute:
    version = _version()
    content = _IMPORTED.sub(rb"\1?" + version.encode(), path.read_bytes())
    headers = {**HEADERS, "etag": f'"{version}"'}

    async def serve(request: Request) -> Response:
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        kept = {"cache-control": FOREVER} if request.url.query == version else {}
        return Response(content, headers=headers | kept, media_type=TYPES[path.suffix])

    return Route(f"{ASSETS}/{path.name}", serve)

"""The page's scripts, styles and icon: files of this package, read once, served with a hash as their tag.

At an address that bears the hash a file never changes: the browser asks for it once, and paints without waiting.
"""

import hashlib
from functools import cache
from pathlib import Path

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


@cache
def asset(name: str) -> str:
    """Return the address of a file, with its hash."""
    return f"{ASSETS}/{name}?{_hash((FOLDER / name).read_bytes())}"


def assets() -> list[BaseRoute]:
    """Return a route for each file of the folder."""
    return [_route(path) for path in sorted(FOLDER.iterdir()) if path.suffix in TYPES]


def _route(path: Path) -> BaseRoute:
    content = path.read_bytes()
    version = _hash(content)
    headers = {**HEADERS, "etag": f'"{version}"'}

    async def serve(request: Request) -> Response:
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        kept = {"cache-control": FOREVER} if request.url.query == version else {}
        return Response(content, headers=headers | kept, media_type=TYPES[path.suffix])

    return Route(f"{ASSETS}/{path.name}", serve)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]

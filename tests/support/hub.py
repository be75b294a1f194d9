"""The models' hub on this machine: an HTTP server that answers as the real one does to its own client."""

import hashlib
import re
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BLOCK = 1 << 20


class Hub:
    """Files of one revision. The first `broken` answers end after a third of the file."""

    def __init__(self, revision: str, files: Mapping[str, Path], *, broken: int = 0) -> None:
        self.revision = revision
        self.files = files
        self.broken = broken
        self.asked: list[str] = []
        self.sent = 0
        self.url = ""

    def path(self, address: str) -> Path | None:
        """Return the file of an address, at no other revision than the pinned one."""
        found = re.fullmatch(r"/[\w.-]+/[\w.-]+/resolve/(\w+)/([\w.-]+)", address)
        return self.files.get(found[2]) if found and found[1] == self.revision else None


@contextmanager
def serving(hub: Hub) -> Generator[Hub]:
    """Serve it until the end of the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("HubHandler", (Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    """Answers HEAD and GET, parts of a file too."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_HEAD(self) -> None:
        self._head()

    def do_GET(self) -> None:
        path = self._head()
        if path is None:
            return
        first = self._first()
        left = path.stat().st_size - first
        if self.hub.broken:
            self.hub.broken -= 1
            left //= 3
            self.close_connection = True
        with path.open("rb") as file:
            file.seek(first)
            while left and (block := file.read(min(left, BLOCK))):
                self.wfile.write(block)
                self.hub.sent += len(block)
                left -= len(block)

    def _first(self) -> int:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        return int(asked[1]) if asked else 0

    def _head(self) -> Path | None:
        self.hub.asked.append(f"{self.command} {self.path}")
        assert "authorization" not in self.headers
        path = self.hub.path(self.path)
        if path is None:
            self.send_response(404)
            self.send_header("content-length", "0")
            self.end_headers()
            return None
        size, first = path.stat().st_size, self._first()
        self.send_response(206 if first else 200)
        if first:
            self.send_header("content-range", f"bytes {first}-{size - 1}/{size}")
        self.send_header("content-length", str(size - first))
        self.send_header("etag", f'"{_etag(path)}"')
        self.send_header("x-repo-commit", self.hub.revision)
        self.end_headers()
        return path

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _etag(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

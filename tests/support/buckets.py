"""Object storages on this machine: moto's S3 in a thread, and servers that stand for what goes wrong with one."""
# pyright: reportMissingTypeStubs=false

import itertools
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
from typing_extensions import override

from vectorstores_server.engines.local.objects.bucket import ObjectBucket
from vectorstores_server.engines.local.objects.place import Deadlines, ObjectPlace

if TYPE_CHECKING:
    from werkzeug.serving import BaseWSGIServer

KEY = "AKIAEXAMPLEOFAKEY"
SECRET = "wJalrXUtnFEMI-secret-of-a-test"
OPTIONS = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET, "aws_region": "us-east-1"}
QUICK = Deadlines(connect=1.0, request=1.0, retry=0.5, retries=0)
_numbers = itertools.count()


PATIENT = Deadlines()


def place_at(endpoint: str, path: str, deadlines: Deadlines = PATIENT) -> ObjectPlace:
    """A place of S3 at that endpoint."""
    return ObjectPlace(f"s3://{path}", endpoint, OPTIONS, deadlines)


@contextmanager
def s3_server() -> Generator[str]:
    """An S3 that honours conditional writes; yields its endpoint."""
    server, endpoint = _started()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()


@lru_cache
def lasting_server() -> str:
    """The endpoint of one for all tests of a process, which ends with it."""
    return _started()[1]


def _started() -> "tuple[BaseWSGIServer, str]":
    """Start moto's S3 in a thread. One request at a time: it looks and writes in two steps, and two may be first."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    moto: Any = DomainDispatcherApplication(create_backend_app)
    lock = threading.Lock()

    def in_turn(environ: Any, start_response: Any) -> Any:
        with lock:
            return moto(environ, start_response)

    server = make_server("127.0.0.1", 0, in_turn, threaded=True, request_handler=MotoRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}"


def new_bucket(endpoint: str) -> str:
    """Make a bucket of a name that nobody has, and return it."""
    name = f"bucket-{next(_numbers)}"
    httpx.put(f"{endpoint}/{name}").raise_for_status()
    return name


def memory_bucket() -> ObjectBucket:
    """A bucket in memory, of this process alone."""
    from obstore.store import MemoryStore

    store = MemoryStore()
    return ObjectBucket(ObjectPlace("s3://memory"), lambda _: store)


class _Served(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing is said of clients that hung up: that is what some tests make them do."""


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Generator[str]:
    server = _Served(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @override
    def log_message(self, format: str, *args: object) -> None:
        """The log of a test is not the place for it."""

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def answer(self, status: int, data: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


@contextmanager
def heedless_server() -> Generator[str]:
    """An S3 that takes every PUT, whatever its conditions say."""
    kept: dict[str, bytes] = {}

    class Heedless(_Handler):
        def do_PUT(self) -> None:
            kept[self.path] = self.body()
            self.answer(200, headers={"etag": '"1"'})

        def do_GET(self) -> None:
            found = kept.get(self.path)
            when = {"etag": '"1"', "last-modified": "Fri, 27 Nov 2026 10:00:00 GMT"}
            self.answer(404) if found is None else self.answer(200, found, when)

        def do_POST(self) -> None:
            self.body()
            self.answer(200, b"<DeleteResult></DeleteResult>")

    with _serving(Heedless) as endpoint:
        yield endpoint


@contextmanager
def silent_server() -> Generator[str]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def nobody() -> str:
    """An endpoint where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


@dataclass
class Line:
    """A way to an S3 that can be cut. `fault`: an HTTP status, "cut" (hung up) or "silent"; None: it works.

    It breaks at the request number `breaks_at`, and from then on.
    """

    target: str
    endpoint: str = ""
    fault: int | str | None = None
    breaks_at: int = 0
    requests: list[str] = field(default_factory=list[str])
    mended: threading.Event = field(default_factory=threading.Event)

    def break_at(self, number: int, fault: int | str) -> None:
        """Let so many requests through from now on."""
        self.mended.clear()
        self.requests.clear()
        self.fault, self.breaks_at = fault, number

    def mend(self) -> None:
        """Let all requests through."""
        self.fault = None
        self.mended.set()

    @property
    def broken(self) -> bool:
        """Tell whether it does not work now."""
        return self.fault is not None and len(self.requests) > self.breaks_at


@contextmanager
def line_to(target: str) -> Generator[Line]:
    """A proxy before an S3."""
    line = Line(target)
    client = httpx.Client(timeout=30)

    class Proxy(_Handler):
        def pass_on(self) -> None:
            data = self.body()
            line.requests.append(f"{self.command} {self.path}")
            fault = line.fault if line.broken else None
            if fault == "silent":
                line.mended.wait(5)
                fault = "cut"
            if fault == "cut":
                self.close_connection = True
                return
            if isinstance(fault, int):
                self.answer(fault, b"<Error><Code>SlowDown</Code></Error>")
                return
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            reply = client.request(self.command, f"{line.target}{self.path}", content=data, headers=headers)
            kept = {n: v for n, v in reply.headers.items() if n in KEPT_HEADERS}
            if self.command == "HEAD":
                self.send_response(reply.status_code)
                for name, value in (kept | {"content-length": reply.headers.get("content-length", "0")}).items():
                    self.send_header(name, value)
                self.end_headers()
                return
            self.answer(reply.status_code, reply.content, kept)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = pass_on

    with _serving(Proxy) as endpoint:
        line.endpoint = endpoint
        try:
            yield line
        finally:
            line.mend()
            client.close()


KEPT_HEADERS = ("etag", "last-modified", "content-type", "content-range", "x-amz-version-id", "accept-ranges")

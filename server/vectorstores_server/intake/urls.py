"""Fetching a URL: https, a host that the operator allows, and public addresses only.

The address that was checked is the one that is connected to: the request goes to the address itself, with the name in
the Host header and in TLS, so that a name which resolves differently the second time gains nothing.
"""

import hashlib
import socket
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import anyio
from anyio import to_thread

from vectorstores_server.intake.addresses import is_public
from vectorstores_tools.contract.characters import line
from vectorstores_tools.contract.errors import InvalidRequest, NotAllowed, TooLarge, Unavailable
from vectorstores_tools.contract.intake import Source

if TYPE_CHECKING:
    import httpx

MAX_BYTES = 50 * 1024 * 1024
SECONDS = 30.0
MAX_REDIRECTS = 5
CHUNK = 1 << 18
ENDINGS = {"text/html": ".html", "text/plain": ".txt", "text/markdown": ".md", "application/pdf": ".pdf"}

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


async def resolve_host(host: str, port: int) -> Sequence[str]:
    """Return every address of a host."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


@dataclass(frozen=True, slots=True)
class UrlFetcher:
    """Fetches what `hosts` allow: `host`, `*.domain`, `*`, each with an optional `:port` (443)."""

    hosts: Sequence[str]
    max_bytes: int = MAX_BYTES
    resolve: Resolve = resolve_host
    transport: "httpx.AsyncBaseTransport | None" = None
    seconds: float = SECONDS

    def check(self, url: str) -> None:
        """Raise NotAllowed unless the URL's form and host are allowed."""
        parts = _parts(url)
        if parts.scheme != "https" or not parts.hostname or parts.username is not None:
            raise NotAllowed(f"'{_bare(url)}' is not fetched.", "Only https://host/... is, without a user name.")
        if not self.hosts:
            raise NotAllowed(
                "URLs are not fetched here.",
                "Save the document and pass its path, or have the operator allow the host in VECTOR_STORES_URL_HOSTS.",
            )
        if not any(_allows(pattern, parts.hostname, _port(url)) for pattern in self.hosts):
            raise NotAllowed(
                f"The host '{parts.hostname}' is not allowed.", f"Allowed: {', '.join(self.hosts)} (URL_HOSTS)."
            )

    @asynccontextmanager
    async def open(self, url: str) -> AsyncGenerator[Source]:
        """Fetch the URL into a temporary file, then stream it."""
        with tempfile.TemporaryFile() as file:
            try:
                with anyio.fail_after(self.seconds):
                    filename, sha256, size = await self._fetch(url, file)
            except TimeoutError:
                raise Unavailable(
                    f"'{_bare(url)}' took more than {self.seconds:.0f} seconds.", "Save it, and pass its path."
                ) from None
            if not size:
                raise InvalidRequest(f"'{_bare(url)}' is empty.", "Check the address.")
            yield Source(filename=filename, origin=url, sha256=sha256, size=size, stream=_stream(file))

    async def _fetch(self, url: str, file: IO[bytes]) -> tuple[str, str, int]:
        import httpx

        transport = self.transport or httpx.AsyncHTTPTransport()
        async with httpx.AsyncClient(transport=transport, trust_env=False, timeout=self.seconds) as client:
            try:
                return await self._follow(client, url, file)
            except httpx.HTTPError as error:
                raise Unavailable(
                    f"'{_bare(url)}' cannot be fetched: {type(error).__name__}.", "Check the address, or try again."
                ) from error

    async def _follow(self, client: "httpx.AsyncClient", url: str, file: IO[bytes]) -> tuple[str, str, int]:
        for _ in range(MAX_REDIRECTS + 1):
            async with aclosing(await client.send(await self._request(client, url), stream=True)) as reply:
                if reply.is_redirect:
                    url = urljoin(url, reply.headers["location"])
                    continue
                if not reply.is_success:
                    raise InvalidRequest(f"'{_bare(url)}' answered {reply.status_code}.", "Check the address.")
                return _filename(url, reply.headers.get("content-type", "")), *await self._save(reply, url, file)
        raise InvalidRequest(f"'{_bare(url)}' redirects too often.", "Pass the address where it ends.")

    async def _request(self, client: "httpx.AsyncClient", url: str) -> "httpx.Request":
        """Return the request to the checked address of the URL's host."""
        from vectorstores_server.system.replies import PLAIN

        self.check(url)
        asked = client.build_request("GET", url)
        address = await self._address(asked.url.host, _port(url))
        return client.build_request(
            "GET",
            asked.url.copy_with(host=address),
            headers={"Host": asked.url.netloc.decode("ascii"), **PLAIN},
            extensions={"sni_hostname": asked.url.raw_host.decode("ascii")},
        )

    async def _address(self, host: str, port: int) -> str:
        try:
            addresses = await self.resolve(host, port)
        except OSError:
            raise Unavailable(f"The host '{host}' cannot be found.", "Check the address.") from None
        if not addresses or not all(is_public(address) for address in addresses):
            raise NotAllowed(f"The host '{host}' is not on the public internet.", "Save the document, pass its path.")
        return addresses[0]

    async def _save(self, reply: "httpx.Response", url: str, file: IO[bytes]) -> tuple[str, int]:
        """Write the body as it was sent; nothing is unpacked, so what is counted is what came over the network."""
        from vectorstores_server.system.replies import packing

        if encoding := packing(reply):
            raise InvalidRequest(
                f"'{_bare(url)}' is sent packed ({line(encoding)}), though it was asked for as it is.",
                "Save it, and pass its path.",
            )
        digest = hashlib.sha256()
        size = 0
        async for chunk in reply.aiter_bytes(CHUNK):
            size += len(chunk)
            if size > self.max_bytes:
                raise TooLarge(f"'{_bare(url)}' has more than {self.max_bytes:,} bytes.", "Save it, and pass its path.")
            digest.update(chunk)
            await to_thread.run_sync(file.write, chunk)
        return digest.hexdigest(), size


async def _stream(file: IO[bytes]) -> AsyncIterator[bytes]:
    file.seek(0)
    while chunk := await to_thread.run_sync(file.read, CHUNK):
        yield chunk


def _parts(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise NotAllowed(f"'{_bare(url)}' is no address.", "Check the address.") from None


def _port(url: str) -> int:
    try:
        return urlsplit(url).port or 443
    except ValueError:
        raise NotAllowed(f"'{_bare(url)}' has no valid port.", "Check the address.") from None


def _allows(pattern: str, host: str, port: int) -> bool:
    name, _, allowed_port = pattern.lower().partition(":")
    if port != int(allowed_port or 443):
        return False
    return name in ("*", host) or (name.startswith("*.") and host.endswith(name[1:]))


def _bare(url: str) -> str:
    """Return the URL without what may be secret in it: user, query, fragment."""
    return url.partition("#")[0].partition("?")[0].rpartition("@")[2] if "@" in url else url.split("#")[0].split("?")[0]


def _filename(url: str, content_type: str) -> str:
    parts = urlsplit(url)
    name = unquote(parts.path).rstrip("/").rpartition("/")[2] or parts.hostname or "page"
    if "." in name and parts.path.strip("/"):
        return name
    return name + ENDINGS.get(content_type.partition(";")[0].strip().lower(), "")

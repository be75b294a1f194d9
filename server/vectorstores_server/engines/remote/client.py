"""One pool of connections to the remote: authorised requests, retried where that is safe, errors told apart."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import anyio
import httpx

from vectorstores_server.engines.remote.address import Address
from vectorstores_server.engines.remote.failures import Subject, from_reply, from_transport
from vectorstores_server.engines.remote.retries import MAX_RETRIES, should_retry, wait_before
from vectorstores_tools.errors import Unavailable

TIMEOUT = httpx.Timeout(60.0, connect=5.0, write=300.0, pool=30.0)
NOBODY = Subject()


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a multipart body; `content` can be read again from its beginning."""

    name: str
    filename: str
    content: BinaryIO


class RemoteClient:
    """Sends requests below one base URL. Redirects are not followed: the key would go with them."""

    def __init__(
        self,
        address: Address,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        limits = httpx.Limits(max_connections=32, max_keepalive_connections=16 if address.keep_alive else 0)
        self._http = httpx.AsyncClient(
            base_url=address.base_url.rstrip("/") + "/",
            headers=dict(address.headers),
            params=dict(address.params),
            timeout=TIMEOUT,
            limits=limits,
            transport=transport,
            follow_redirects=False,
            trust_env=transport is None,
        )
        self.host = httpx.URL(address.base_url).host
        self.poll_seconds = 1.0
        self._sleep = sleep

    async def get(self, path: str, params: Mapping[str, Any] | None = None, about: Subject = NOBODY) -> dict[str, Any]:
        """Read an object."""
        return await self._json(lambda: self._http.build_request("GET", path, params=_given(params)), about)

    async def post(
        self, path: str, body: Mapping[str, Any] | None = None, about: Subject = NOBODY, *, repeatable: bool = False
    ) -> dict[str, Any]:
        """Change something; `repeatable` when doing it twice is the same as once."""
        return await self._json(lambda: self._http.build_request("POST", path, json=body), about, repeatable=repeatable)

    async def delete(self, path: str, about: Subject = NOBODY) -> dict[str, Any]:
        """Delete an object."""
        return await self._json(lambda: self._http.build_request("DELETE", path), about)

    async def send(self, path: str, part: Part, fields: Mapping[str, str], about: Subject = NOBODY) -> dict[str, Any]:
        """Send a multipart body, its file read as it is sent."""

        def build() -> httpx.Request:
            part.content.seek(0)
            return self._http.build_request(
                "POST", path, data=dict(fields), files={part.name: (part.filename, part.content)}
            )

        return await self._json(build, about, repeatable=False)

    @asynccontextmanager
    async def stream(
        self, path: str, headers: Mapping[str, str], about: Subject
    ) -> AsyncGenerator[tuple[httpx.Response, AsyncIterator[bytes]]]:
        """Open a reply whose body is bytes."""
        request = self._http.build_request("GET", path, headers=dict(headers))
        reply = await self._send(request, streamed=True)
        try:
            if reply.status_code >= 300:
                await reply.aread()
                raise from_reply(reply, self.host, about)
            yield reply, reply.aiter_bytes(1024 * 1024)
        except httpx.TransportError as error:
            raise from_transport(error, self.host) from None
        finally:
            await reply.aclose()

    async def aclose(self) -> None:
        """Close the pool."""
        await self._http.aclose()

    async def _json(
        self, build: Callable[[], httpx.Request], about: Subject, *, repeatable: bool = True
    ) -> dict[str, Any]:
        reply = await self._with_retries(build, repeatable)
        if reply.status_code >= 300:
            raise from_reply(reply, self.host, about)
        if after := reply.headers.get("openai-poll-after-ms", ""):
            self.poll_seconds = max(0.1, float(after) / 1000) if after.isdigit() else self.poll_seconds
        try:
            body: Any = reply.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise Unavailable(
                f"{self.host} answered with something that is not a JSON object.",
                "Check that REMOTE_BASE_URL is the address of an OpenAI-compatible API.",
            )
        return cast("dict[str, Any]", body)

    async def _with_retries(self, build: Callable[[], httpx.Request], repeatable: bool) -> httpx.Response:
        for attempt in range(MAX_RETRIES + 1):
            reply = await self._attempt(build, repeatable=repeatable, last=attempt == MAX_RETRIES)
            if reply is not None and (attempt == MAX_RETRIES or not should_retry(reply, repeatable=repeatable)):
                return reply
            wait = wait_before(attempt, reply.headers if reply is not None else {})
            if wait is None and reply is not None:
                return reply
            await self._sleep(wait or 0)
        raise AssertionError  # the last attempt returns or raises

    async def _attempt(
        self, build: Callable[[], httpx.Request], *, repeatable: bool, last: bool
    ) -> httpx.Response | None:
        """Return the reply, None where the request may be sent again after a broken connection."""
        try:
            return await self._send(build())
        except httpx.TransportError as error:
            unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
            if last or not (repeatable or unsent):
                raise from_transport(error, self.host) from None
            return None

    async def _send(self, request: httpx.Request, *, streamed: bool = False) -> httpx.Response:
        return await self._http.send(request, stream=streamed)


def _given(params: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (params or {}).items() if value is not None}

"""Replies of other services: never packed, and never longer than their kind can be.

A kilobyte that is packed unpacks to a gigabyte, so `Accept-Encoding: identity` is sent and a packed reply is refused
before anything is unpacked; what is counted is what came over the network.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import httpx

PLAIN: Mapping[str, str] = {"accept-encoding": "identity"}
"""The header that every request to another service bears."""
MOST_JSON = 64 * 1024 * 1024
"""Bytes of a reply that is read whole; a page of 100 files with all their attributes has under 2 MB."""
MOST = "most_bytes"
"""The extension of a request whose reply may have other bytes than usual; None: it is streamed, however long."""

Hook = Callable[[httpx.Response], Awaitable[None]]


class RefusedReplyError(httpx.RemoteProtocolError):
    """A reply that is not read: asking again brings the same. The message is a clause about the service."""


def packing(reply: httpx.Response) -> str:
    """Return the packing of a reply, "" where it has none."""
    encoding = reply.headers.get("content-encoding", "").strip().lower()
    return "" if encoding == "identity" else encoding


def bounded(most: int = MOST_JSON) -> dict[str, list[Hook]]:
    """Return the event hooks of a client that refuses packed replies and ends those with more than `most` bytes.

    RefusedReplyError comes from `send` or from reading the reply.
    """

    async def check(reply: httpx.Response) -> None:
        if packing(reply):
            raise RefusedReplyError("answered packed, though it was asked not to", request=reply.request)
        limit: int | None = reply.request.extensions.get(MOST, most)
        if limit is not None and isinstance(reply.stream, httpx.AsyncByteStream):
            reply.stream = _Counted(reply.stream, limit, reply.request)

    return {"response": [check]}


class _Counted(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, most: int, request: httpx.Request) -> None:
        self._stream = stream
        self._most = most
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = 0
        async for block in self._stream:
            received += len(block)
            if received > self._most:
                raise RefusedReplyError(f"answered with more than {self._most:,} bytes", request=self._request)
            yield block

    async def aclose(self) -> None:
        await self._stream.aclose()

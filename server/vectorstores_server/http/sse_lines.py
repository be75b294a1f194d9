"""Events that stay whole in every client: characters that some take for a line end are written as escapes.

JSON may hold U+0085, U+2028 and U+2029 as they are, and server-sent events end their lines at CR and LF only. But
clients that split lines as Python's `splitlines` does, httpx among them, break an event there. In JSON these characters
stand in strings only, where an escape means the same.
"""

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

SSE = b"text/event-stream"
_LINE_ENDS = re.compile(b"\xc2\x85|\xe2\x80[\xa8\xa9]")
_BEGUN = re.compile(b"(?:\xc2|\xe2\x80?)$")
_ESCAPES = {b"\xc2\x85": rb"\u0085", b"\xe2\x80\xa8": rb"\u2028", b"\xe2\x80\xa9": rb"\u2029"}


class EscapedLineEnds:
    """Passes replies on, the streams of events among them with escapes (an ASGI app around the SDK's)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        await self._app(scope, receive, _EventStream(send))


class _EventStream:
    """One reply on its way out; bytes that may begin such a character wait for the next ones."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._is_events = False
        self._begun = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = dict(message.get("headers", ()))
            self._is_events = headers.get(b"content-type", b"").startswith(SSE)
        elif self._is_events and message["type"] == "http.response.body":
            message = {**message, "body": self._escaped(message.get("body", b""), message.get("more_body", False))}
        await self._send(message)

    def _escaped(self, body: bytes, more: bool) -> bytes:
        body, self._begun = self._begun + body, b""
        if more and (cut := _BEGUN.search(body)):
            body, self._begun = body[: cut.start()], cut[0]
        return _LINE_ENDS.sub(lambda found: _ESCAPES[found[0]], body)

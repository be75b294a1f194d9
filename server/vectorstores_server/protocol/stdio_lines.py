"""Lines of standard input as messages, so that none is left without an answer (pure but for the reading).

A byte-order mark is skipped and half a surrogate pair replaced. A line that is no message is answered with its id,
looked for at the line's ends, and logged; a line that is too long is read past and never held in memory.
"""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from anyio import to_thread
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    PARSE_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCNotification,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError

from vectorstores_server.system.logs import event
from vectorstores_server.system.shutdown import log

LONGEST = 16 * 1024 * 1024
"""Bytes of a line; over HTTP a body may have as many."""
ENDS = 4_096
"""Bytes at each end of a line in which its id is looked for."""
PIECE = 1024 * 1024
MARK = b"\xef\xbb\xbf"
REPLACEMENT = "\ufffd"
TOO_LONG = f"Parse error: the line is longer than {LONGEST // 1024 // 1024} MiB."
NOT_JSON = "Parse error: the line is not JSON."
NO_MESSAGE = "Invalid Request: the line is no JSON-RPC message."

Id = int | str | None
Reply = Callable[[JSONRPCError], Awaitable[None]]

_HALF_ESCAPED = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_HALF = re.compile("[\ud800-\udfff]")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)
_VALUE = re.compile(r'\s*:\s*(-?\d+(?![\d.eE])|"(?:[^"\\]|\\.)*")')
_LAST = re.compile(
    r'"id"\s*:\s*(-?\d+|"(?:[^"\\]|\\.)*")\s*(?:,\s*"(?:jsonrpc|method)"\s*:\s*"[^"]*"\s*)*\}\s*$', re.DOTALL
)


@dataclass(frozen=True, slots=True)
class RawLine:
    """One line; of one that is too long the two ends alone."""

    head: bytes
    tail: bytes = b""

    @property
    def too_long(self) -> bool:
        """True where its middle was thrown away."""
        return bool(self.tail)


class MessageLines:
    """The messages of a stream of bytes, one a line, for the SDK; a line that is none is answered with `reply`."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.reply: Reply | None = None

    async def __aiter__(self) -> AsyncIterator[str]:
        """Yield each line that the SDK can read, until the stream ends."""
        while line := await to_thread.run_sync(read_line, self._stream):
            text = readable(line)
            if isinstance(text, str):
                yield text
            elif text is not None:
                log.warning(
                    "Standard input: %s", text.error.message, extra=event("message_unreadable", code=text.error.code)
                )
                if self.reply is not None:
                    await self.reply(text)


def read_line(stream: BinaryIO) -> RawLine | None:
    """Read one line, without holding more of it than may be used; None at the end."""
    pieces: list[bytes] = []
    size = 0
    while piece := stream.readline(PIECE):
        size += len(piece)
        pieces.append(piece)
        if size > LONGEST:
            return RawLine(b"".join(pieces)[:ENDS], _read_past(stream, b"".join(pieces[-2:])))
        if piece.endswith(b"\n"):
            break
    return RawLine(b"".join(pieces)) if pieces else None


def _read_past(stream: BinaryIO, last: bytes) -> bytes:
    """Read to the end of a line and return the last of it."""
    tail = last[-ENDS:]
    while not tail.endswith(b"\n") and (piece := stream.readline(PIECE)):
        tail = (tail + piece)[-ENDS:]
    return tail


def readable(line: RawLine) -> str | JSONRPCError | None:
    """Return the line as the SDK reads it, what to answer where it cannot, or None where nobody waits."""
    if line.too_long:
        ends = (line.head.decode("utf-8", "replace"), line.tail.decode("utf-8", "replace"))
        return _error(PARSE_ERROR, TOO_LONG, id_of(*ends))
    text = line.head.removeprefix(MARK).decode("utf-8", "replace").strip()
    if not text:
        return None
    if _HALF_ESCAPED.search(text):
        text = _whole(text)
    try:
        message = jsonrpc_message_adapter.validate_json(text, by_name=False)
    except ValidationError:
        return _unreadable(text)
    # A request whose id is of another type would pass for a notification, and wait for ever.
    if isinstance(message, JSONRPCNotification) and '"id"' in text and "id" in json.loads(text):
        return _error(INVALID_REQUEST, NO_MESSAGE, None)
    return text


def id_of(head: str, tail: str = "") -> Id:
    """Return the id that a request has among its first or last members, though the whole cannot be read."""
    depth = 0
    for token in _TOKEN.finditer(head):
        if token[0] in "{[":
            depth += 1
        elif token[0] in "}]":
            depth -= 1
        elif depth == 1 and token[0] == '"id"' and (value := _VALUE.match(head, token.end())):
            return _id(value[1])
    last = _LAST.search(tail or head)
    return _id(last[1]) if last else None


def _id(value: str) -> Id:
    try:
        return cast("int | str", json.loads(value))
    except ValueError:
        return None


def _whole(text: str) -> str:
    """Return JSON whose strings hold whole characters; half of a surrogate pair becomes the replacement character."""
    try:
        return _HALF.sub(REPLACEMENT, json.dumps(json.loads(text), ensure_ascii=False))
    except (ValueError, RecursionError):
        return text


def _unreadable(text: str) -> str | JSONRPCError | None:
    """Return the answer to a line that is no message. An answer to a question of ours is no request: it has failed."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return _error(PARSE_ERROR, NOT_JSON, id_of(text[:ENDS], text[-ENDS:]))
    if not isinstance(message, dict):
        return _error(INVALID_REQUEST, NO_MESSAGE, None)
    fields = cast("dict[str, Any]", message)
    given = fields.get("id")
    known = given if isinstance(given, int | str) and not isinstance(given, bool) else None
    if "method" not in fields and ("result" in fields or "error" in fields):
        if known is None:
            return None
        log.warning(
            "Standard input: the client's answer to %s cannot be read.", known, extra=event("answer_unreadable")
        )
        failed = ErrorData(code=INTERNAL_ERROR, message="The answer cannot be read.")
        return JSONRPCError(jsonrpc="2.0", id=known, error=failed).model_dump_json(by_alias=True, exclude_unset=True)
    return _error(INVALID_REQUEST, NO_MESSAGE, known)


def _error(code: int, message: str, id: Id) -> JSONRPCError:
    return JSONRPCError(jsonrpc="2.0", id=id, error=ErrorData(code=code, message=message))

"""The ways to ask a server over HTTP: MCP with a session, MCP without one, and OpenAI's API."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from benchmarks.wire import HANDSHAKE, HELLO, META, NEWEST, Connection, FailedError, Reply

Arguments = Callable[[str], Mapping[str, Any]]
"""From a question to the arguments of the tool that answers it."""


FIRST: dict[str, Any] = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": HELLO}
SECOND = {"jsonrpc": "2.0", "method": "notifications/initialized"}


class Way(Protocol):
    """How one client asks; it has a connection of its own."""

    async def join(self, connection: Connection) -> None:
        """Prepare the connection for the first question."""
        ...

    async def ask(self, connection: Connection, text: str) -> dict[str, Any]:
        """Return the answer. Raises FailedError."""
        ...


@dataclass(slots=True)
class WithSession:
    """MCP of 2025: a session for each client, answers as a stream of events."""

    tool: str
    arguments: Arguments
    session: str = ""

    async def join(self, connection: Connection) -> None:
        """Open the session."""
        self.session = (await connection.post("/mcp", FIRST, {})).headers["mcp-session-id"]
        await connection.post("/mcp", SECOND, self._headers())

    async def ask(self, connection: Connection, text: str) -> dict[str, Any]:
        """Call the tool."""
        params = {"name": self.tool, "arguments": self.arguments(text)}
        return answered(await connection.post("/mcp", _call(params), self._headers()))

    def _headers(self) -> dict[str, str]:
        return {"Mcp-Session-Id": self.session, "Mcp-Protocol-Version": HANDSHAKE}


@dataclass(frozen=True, slots=True)
class WithoutSession:
    """MCP of 2026: every request stands alone."""

    tool: str
    arguments: Arguments

    async def join(self, connection: Connection) -> None:
        """Do nothing."""

    async def ask(self, connection: Connection, text: str) -> dict[str, Any]:
        """Call the tool."""
        params = {"name": self.tool, "arguments": self.arguments(text), "_meta": META}
        headers = {"Mcp-Protocol-Version": NEWEST, "Mcp-Method": "tools/call", "Mcp-Name": self.tool}
        return answered(await connection.post("/mcp", _call(params), headers))


@dataclass(frozen=True, slots=True)
class OverV1:
    """OpenAI's search endpoint."""

    store: str

    async def join(self, connection: Connection) -> None:
        """Do nothing."""

    async def ask(self, connection: Connection, text: str) -> dict[str, Any]:
        """Search the store."""
        return json.loads((await connection.post(f"/v1/vector_stores/{self.store}/search", {"query": text}, {})).body)


def _call(params: Mapping[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}


def answered(reply: Reply) -> dict[str, Any]:
    """Return the structured answer of a tool, sent as JSON or as the last event of a stream."""
    data = reply.body
    if reply.headers["content-type"].startswith("text/event-stream"):
        data = data.rpartition(b"data: ")[2]
    message = json.loads(data)
    result = message.get("result")
    if result is None or result.get("isError"):
        raise FailedError(str(message)[:200])
    return result.get("structuredContent") or {}

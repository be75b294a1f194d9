"""A client of 2025 without the SDK, and what it says first."""

import json
from typing import Any

import httpx

ACCEPT = {"accept": "application/json, text/event-stream"}


HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}}


class Wire:
    """A client of 2025 without the SDK, which hangs up without a word."""

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self.http, self.url = http, url
        self._sent = 0

    def message(self, method: str, **params: Any) -> dict[str, Any]:
        self._sent += 1
        return {"jsonrpc": "2.0", "id": self._sent, "method": method, "params": params}

    async def post(self, method: str, **params: Any) -> httpx.Response:
        return await self.http.post(self.url, json=self.message(method, **params))

    async def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        reply = await self.post("tools/call", name=tool, arguments=arguments)
        data = reply.text.partition("data: ")[2]
        return json.loads(data)["result"]["structuredContent"]

    async def join(self) -> None:
        """Open a session, whose id is sent from then on."""
        opened = await self.post("initialize", **HELLO)
        self.http.headers["mcp-session-id"] = opened.headers["mcp-session-id"]

"""Refusals of requests, and the replies with their reasons: OpenAI's envelope, or a JSON-RPC error for MCP."""

import json
from typing import Any

from mcp.types import INTERNAL_ERROR, INVALID_REQUEST

PROTOCOL_PATHS = ("/mcp", "/sse", "/messages")


class Refusal(Exception):
    """A request that ends here. Keyword arguments are headers of the reply, `_` standing for `-`."""

    def __init__(self, status: int, message: str, code: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = {name.replace("_", "-").lower(): value for name, value in headers.items()}

    @property
    def type(self) -> str:
        """The type of error that OpenAI's API calls it."""
        if self.status == 429:
            return "rate_limit_error"
        return "invalid_request_error" if self.status < 500 else "server_error"

    def body(self, path: str) -> bytes:
        """Return the reply's body, in the form that clients of `path` read."""
        content = self._json_rpc() if is_protocol(path) else self._envelope()
        return json.dumps(content).encode()

    def _envelope(self) -> dict[str, Any]:
        return {"error": {"message": str(self), "type": self.type, "param": None, "code": self.code}}

    def _json_rpc(self) -> dict[str, Any]:
        """Return an error without an id, which clients take for the answer to the request that was refused."""
        number = INVALID_REQUEST if self.status < 500 else INTERNAL_ERROR
        data = {"type": self.type, "code": self.code}
        return {"jsonrpc": "2.0", "id": None, "error": {"code": number, "message": str(self), "data": data}}


def not_bound() -> Refusal:
    """Return the refusal of a bound token that nothing here would hold to its stores."""
    return Refusal(403, "This server cannot hold a token to its stores. Use one without bounds.", "not_bound")


def is_protocol(path: str) -> bool:
    """Tell whether MCP clients use the path."""
    return any(path == known or path.startswith(f"{known}/") for known in PROTOCOL_PATHS)

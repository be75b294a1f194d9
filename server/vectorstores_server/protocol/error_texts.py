"""Errors in the words of the SDK: they quote a client's input, and leave as one clean line like every other."""

import re
from typing import Any, cast

from mcp import MCPError
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

from vectorstores_tools.contract.characters import sentence
from vectorstores_tools.rendering.untrusted_text import cleaned

PREFIX = re.compile(r"Error executing tool \S+:?\s*")
FAILED = "The server failed to do this."
STEP = "Try it once more; the server's log says what went wrong."


async def contain_errors(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Clean the message of a protocol error, and the text of a tool's error that is not ours (a middleware)."""
    try:
        result = await call_next(ctx)
    except MCPError as error:
        raise MCPError(error.error.code, sentence(error.error.message), cleaned(error.error.data)) from error
    if isinstance(result, dict) and result.get("isError") and "structuredContent" not in result:
        contents = cast("list[dict[str, Any]]", result["content"])
        return result | _in_our_shape(" ".join(str(item.get("text", "")) for item in contents))
    return result


def _in_our_shape(text: str) -> dict[str, Any]:
    """Return the error of a call that the SDK ended, as a tool says its own: without the SDK's prefix."""
    failed = PREFIX.match(text)
    fact = sentence(text[failed.end() :] if failed else text)
    error = {"message": fact or FAILED, "code": "server_error" if failed else None, "param": None, "next": ""}
    if failed:
        error["next"] = STEP
    whole = f"{error['message']} {error['next']}".strip()
    return {"content": [{"type": "text", "text": whole}], "structuredContent": {"error": error}}

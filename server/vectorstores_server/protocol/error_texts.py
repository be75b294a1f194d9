"""Errors that the SDK words: they quote what a client sent, and leave as one clean line like every other."""

from typing import Any, cast

from mcp import MCPError
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

from vectorstores_tools.contract.characters import sentence
from vectorstores_tools.rendering.untrusted_text import cleaned


async def contain_errors(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Clean the message of a protocol error, and the text of a tool's error that is not ours (a middleware)."""
    try:
        result = await call_next(ctx)
    except MCPError as error:
        raise MCPError(error.error.code, sentence(error.error.message), cleaned(error.error.data)) from error
    if isinstance(result, dict) and result.get("isError") and "structuredContent" not in result:
        contents = cast("list[dict[str, Any]]", result["content"])
        return {**result, "content": [{**item, "text": sentence(str(item.get("text", "")))} for item in contents]}
    return result

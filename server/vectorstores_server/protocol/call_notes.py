"""Notes of each call of a tool for the page: its tool, store and query, its time, and how much it found."""

import time
from collections.abc import Mapping
from typing import Any, cast

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.types import CallToolResult
from pydantic import BaseModel

from vectorstores_server.calls.recorder import CallRecorder
from vectorstores_server.calls.ring import CallRecord

CALL = "tools/call"


class CallNotes:
    """A middleware over a recorder."""

    def __init__(self, recorder: CallRecorder) -> None:
        self._recorder = recorder

    async def note(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Pass a request on, and note its outcome."""
        if ctx.method != CALL:
            return await call_next(ctx)
        began, at = time.perf_counter(), time.time()
        result: HandlerResult | None = None
        try:
            result = await call_next(ctx)
            return result
        finally:
            answer, failed = _outcome(result)
            seconds = time.perf_counter() - began
            self._recorder.note(_record(at, seconds, _mapping(ctx.params), answer, failed=failed))


def _record(
    at: float, seconds: float, params: Mapping[str, Any], answer: Mapping[str, Any], *, failed: bool
) -> CallRecord:
    given = _mapping(params.get("arguments"))
    token = get_access_token()
    data = answer.get("data")
    return CallRecord.of(
        at,
        seconds,
        caller="" if token is None else token.client_id,
        tool=str(params.get("name", "")),
        store=given.get("vector_store_id") or answer.get("vector_store_id"),
        query=given.get("query"),
        hits=len(cast("list[Any]", data)) if isinstance(data, list) and "query" in given else None,
        error=str(_mapping(answer.get("error")).get("code") or "error") if failed else "",
    )


def _outcome(result: HandlerResult) -> tuple[Mapping[str, Any], bool]:
    """Return the object that was answered, and whether it is an error; the answer's text is not written down again."""
    if isinstance(result, CallToolResult):
        return _mapping(result.structured_content), bool(result.is_error)
    written = _mapping(result)
    return _mapping(written.get("structuredContent")), not written or bool(written.get("isError"))


def _mapping(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return cast("Mapping[str, Any]", value)
    return value.model_dump(by_alias=True) if isinstance(value, BaseModel) else {}

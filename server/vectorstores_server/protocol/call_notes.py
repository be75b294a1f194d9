"""Notes of each call of a tool for the page: its tool, store and query, its time, and how much it found."""

import os
import time
from collections.abc import Mapping
from typing import Any, cast

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.types import CallToolResult
from pydantic import BaseModel

from vectorstores_server.calls.recorder import CallRecorder
from vectorstores_server.calls.ring import LONGEST_NAME, LONGEST_QUERY, CallRecord, on_one_line
from vectorstores_tools.contract.characters import line

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
            milliseconds = 1e3 * (time.perf_counter() - began)
            self._recorder.note(_record(at, milliseconds, _mapping(ctx.params), answer, failed=failed))


def _record(
    at: float, milliseconds: float, params: Mapping[str, Any], answer: Mapping[str, Any], *, failed: bool
) -> CallRecord:
    given = _mapping(params.get("arguments"))
    token = get_access_token()
    data = answer.get("data")
    return CallRecord(
        at=at,
        process=os.getpid(),
        caller="" if token is None else line(token.client_id, LONGEST_NAME),
        tool=line(str(params.get("name", "")), LONGEST_NAME),
        store=on_one_line(given.get("vector_store_id") or answer.get("vector_store_id"), LONGEST_NAME),
        query=on_one_line(given.get("query"), LONGEST_QUERY),
        milliseconds=round(milliseconds, 1),
        hits=len(cast("list[Any]", data)) if isinstance(data, list) and "query" in given else None,
        error=line(str(_mapping(answer.get("error")).get("code") or "error"), LONGEST_NAME) if failed else "",
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

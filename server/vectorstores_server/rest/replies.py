"""How an engine's answer becomes a reply: the contract's keys, or all of them for another vector-stores-mcp."""

from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from vectorstores_server.rest.wire import Wire
from vectorstores_tools.contract import Engine

POLL_AFTER_MS = "250"
"""What `openai-poll-after-ms` says while something is in progress; without it the SDK waits a second."""
W = TypeVar("W", bound=Wire)


def engine_of(request: Request) -> Engine:
    """Return the engine that this app serves."""
    return request.app.state.engine


def is_extended(x_vector_stores_extended: Annotated[str | None, Header(include_in_schema=False)] = None) -> bool:
    """Tell whether the caller asked for what the contract does not declare: citations, notes."""
    return x_vector_stores_extended == "1"


EngineOf = Annotated[Engine, Depends(engine_of)]
Extended = Annotated[bool, Depends(is_extended)]


def reply(answer: BaseModel, shape: type[Wire], extended: bool) -> JSONResponse:
    """Answer with the keys of `shape`, or with all that the engine said."""
    said = answer.model_dump(mode="json")
    body: dict[str, Any] = said if extended else shape.model_validate(said).model_dump(mode="json")
    headers = {"openai-poll-after-ms": POLL_AFTER_MS} if said.get("status") == "in_progress" else None
    return JSONResponse(body, headers=headers)

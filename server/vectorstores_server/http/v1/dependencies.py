"""Replies from an engine's answers: the contract's keys, or all of them for another vector-stores-mcp."""

import re
from collections.abc import AsyncGenerator, Collection
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Path, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, WrapValidator

from vectorstores_server.http.v1.schema_base import ReplyObject, without_nulls
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.errors import InvalidRequest

M = TypeVar("M", bound=BaseModel)


def strictly(shape: type[M], *, clears: Collection[str] = ()) -> WrapValidator:
    """Refuse "10" where 10 belongs. The models themselves are lenient: forms and queries are strings throughout.

    Null is absent, at any depth, but for the members that it `clears`.
    """
    return WrapValidator(lambda given, _: shape.model_validate(without_nulls(shape, given, clears), strict=True))


EXTENDED = "x-vector-stores-extended"
"""The header of a caller that knows more than OpenAI's API; in a reply it allows filters beyond OpenAI's grammar."""
ENGINE, CALLS = "engine", "calls"
"""The keys of the engine, and of the recorder of searches, in the state of a request."""
POLL_AFTER_MS = "250"
"""The value of `openai-poll-after-ms` while something is in progress; without it the SDK waits a second."""
W = TypeVar("W", bound=ReplyObject)


def engine_of(request: Request) -> Engine:
    """Return the engine that the request came with."""
    return request.scope["state"][ENGINE]


def is_extended(x_vector_stores_extended: Annotated[str | None, Header(include_in_schema=False)] = None) -> bool:
    """Tell whether the caller asked for keys that the contract does not declare: citations, notes."""
    return x_vector_stores_extended == "1"


EngineOf = Annotated[Engine, Depends(engine_of)]


async def expect_searches(request: Request, engine: EngineOf) -> AsyncGenerator[None]:
    """Tell the engine of the store that the path names, once the call has gone well."""
    yield
    store_id = request.path_params.get("vector_store_id")
    if isinstance(store_id, str) and request.method != "DELETE":
        engine.expect_searches(store_id)


Extended = Annotated[bool, Depends(is_extended)]


def reply(answer: BaseModel, shape: type[ReplyObject], extended: bool) -> JSONResponse:
    """Answer with the keys of `shape`, or with all that the engine returned."""
    fields = answer.model_dump(mode="json")
    body: dict[str, Any] = fields if extended else shape.model_validate(fields).model_dump(mode="json")
    headers = {EXTENDED: "1"} if extended else {}
    if fields.get("status") == "in_progress":
        headers["openai-poll-after-ms"] = POLL_AFTER_MS
    return JSONResponse(body, headers=headers)


CHARACTERS = re.compile(r"[A-Za-z0-9_-]+")
STORE_PREFIX = "vs"
SCHEMA = {"pattern": f"^{CHARACTERS.pattern}$"}


def _checked(name: str, id: str) -> str:
    if not CHARACTERS.fullmatch(id):
        raise InvalidRequest(
            f"Invalid '{name}': '{id}'. Expected an ID that contains letters, numbers, underscores, or dashes, "
            "but this value contained additional characters.",
            param=name,
        )
    return id


def _store_id(engine: EngineOf, vector_store_id: Annotated[str, Path(json_schema_extra=SCHEMA)]) -> str:
    """Only our own stores are known to begin with vs: a remote names its own as it likes."""
    _checked("vector_store_id", vector_store_id)
    if not engine.capabilities.remote and not vector_store_id.startswith(STORE_PREFIX):
        raise InvalidRequest(
            f"Invalid 'vector_store_id': '{vector_store_id}'. Expected an ID that begins with '{STORE_PREFIX}'.",
            param="vector_store_id",
        )
    return vector_store_id


def _file_id(file_id: Annotated[str, Path(json_schema_extra=SCHEMA)]) -> str:
    return _checked("file_id", file_id)


def _batch_id(batch_id: Annotated[str, Path(json_schema_extra=SCHEMA)]) -> str:
    return _checked("batch_id", batch_id)


def _upload_id(upload_id: Annotated[str, Path(json_schema_extra=SCHEMA)]) -> str:
    return _checked("upload_id", upload_id)


StoreId = Annotated[str, Depends(_store_id)]
StoreFileId = Annotated[str, Depends(_file_id)]
BatchId = Annotated[str, Depends(_batch_id)]
UploadId = Annotated[str, Depends(_upload_id)]

"""Multipart bodies: the file spooled to disk as it arrives, the other fields checked like JSON.

Starlette's parser keeps at most 1 MB of a file in memory, so a body of 512 MB leaves the memory flat, and its
temporary file, which has no name, goes with the request, also when the client hangs up half-way. A file is not passed
on while it arrives, because a form may name its purpose after it.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from tempfile import gettempdir
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile

from vectorstores_tools.arguments.validation import invalid
from vectorstores_tools.contract.errors import InvalidRequest, Unavailable

CHUNK = 1024 * 1024
NESTED = re.compile(r"(\w+)\[(\w+)\]")
M = TypeVar("M", bound=BaseModel)


@asynccontextmanager
async def open_form(request: Request, file_field: str, shape: type[M]) -> AsyncGenerator[tuple[UploadFile, M]]:
    """Open the file of a multipart body, with its other fields as `shape`. Raises InvalidRequest, Unavailable."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise InvalidRequest(
            "The body must be multipart/form-data.", f"Send the bytes as the form field '{file_field}'."
        )
    form = await _received(request)
    try:
        file = form.get(file_field)
        if not isinstance(file, UploadFile):
            raise InvalidRequest(
                f"Missing required parameter: '{file_field}'.", param=file_field, code="missing_required_parameter"
            )
        yield file, _checked(_fields(form.multi_items(), file_field), shape)
    finally:
        await form.close()


async def chunks(file: UploadFile) -> AsyncIterator[bytes]:
    """Yield the file's bytes in pieces of 1 MiB."""
    while piece := await file.read(CHUNK):
        yield piece


async def _received(request: Request) -> FormData:
    try:
        return await request.form(max_files=1, max_fields=20)
    except OSError as error:
        raise Unavailable(
            f"The upload does not fit into {gettempdir()}: {error.strerror}.",
            "Free some space, or name another directory in TMPDIR.",
        ) from error


def _checked(fields: dict[str, Any], shape: type[M]) -> M:
    try:
        return shape.model_validate(fields)
    except ValidationError as error:
        raise invalid(error.errors(), list(shape.model_fields)) from None


def _fields(items: Iterable[tuple[str, Any]], file_field: str) -> dict[str, Any]:
    """Return the other fields; `expires_after[seconds]` becomes a nested key."""
    fields: dict[str, Any] = {}
    for name, value in items:
        if name == file_field:
            continue
        nested = NESTED.fullmatch(name)
        if nested and isinstance(fields.setdefault(nested[1], {}), dict):
            fields[nested[1]][nested[2]] = value
        else:
            fields[name] = value
    return fields

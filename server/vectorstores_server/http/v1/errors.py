"""Every failure of /v1 in OpenAI's envelope: {"error": {"message", "type", "param", "code"}}."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from vectorstores_server.system.logs import event
from vectorstores_server.system.machine_errors import is_of_the_machine
from vectorstores_tools.arguments.validation import invalid
from vectorstores_tools.contract.characters import line
from vectorstores_tools.contract.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    NotReady,
    StoreExpired,
    Unavailable,
    UnknownArgument,
    VectorStoreError,
)

BODY = ("body",)
FINAL = {"x-should-retry": "false"}
"""The status for a state that does not pass: OpenAI's clients would try a 409 again."""
METHODS = ("DELETE", "GET", "POST")

log = logging.getLogger(__name__)


def install(app: FastAPI) -> None:
    """Make `app` answer every failure in the envelope."""
    app.add_exception_handler(VectorStoreError, _on_known)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(OSError, _on_machine)
    app.add_exception_handler(Exception, _on_unknown)


def envelope(
    status: int,
    message: str,
    type: str = InvalidRequest.type,
    param: str | None = None,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return the reply for one failure."""
    error = {"message": _encodable(message), "type": type, "param": param and _encodable(param), "code": code}
    return JSONResponse({"error": error}, status, headers)


def from_error(error: VectorStoreError) -> JSONResponse:
    """Return the reply for an error of the product."""
    headers = FINAL if isinstance(error, Conflict) else None
    return envelope(error.status, _message(error), error.type, error.param, error.code, headers)


def _message(error: VectorStoreError) -> str:
    """Return OpenAI's words, and the next step where it is not a call of a tool, which nobody makes on /v1."""
    if isinstance(error, UnknownArgument):
        return f"Unknown parameter: '{error.param}'."
    if isinstance(error, NotFound | NotReady | StoreExpired):
        return error.fact
    return str(error)


def _invalid(errors: Sequence[Mapping[str, Any]]) -> InvalidRequest:
    first = errors[0]
    if first["type"] == "json_invalid":
        return InvalidRequest(f"We could not parse the JSON body of your request: {first['ctx']['error']}.")
    if tuple(first["loc"]) == BODY and not isinstance(first["input"], dict):
        return InvalidRequest(
            "The body must be a JSON object.", "Send it with 'Content-Type: application/json'.", param="body"
        )
    return invalid(errors)


def _encodable(text: str) -> str:
    """Write out lone surrogates, which JSON can carry in and UTF-8 cannot carry back."""
    return text.encode("utf-8", "backslashreplace").decode()


async def _on_known(_request: Request, error: Exception) -> Response:
    assert isinstance(error, VectorStoreError)  # noqa: S101 - what the handler is registered for
    return from_error(error)


async def _on_invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what the handler is registered for
    return from_error(_invalid(error.errors()))


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what the handler is registered for
    if error.status_code == 405:
        return envelope(405, str(error.detail), headers={"Allow": _allowed(request)})
    message = "Not found" if error.status_code == 404 else str(error.detail)
    return envelope(error.status_code, message, headers=error.headers)


def _allowed(request: Request) -> str:
    """Return every method of the path: Starlette names those of its first route."""

    def is_there(method: str) -> bool:
        asked = {**request.scope, "method": method}
        return any(route.matches(asked)[0] is Match.FULL for route in request.app.routes)

    return ", ".join(filter(is_there, METHODS))


async def _on_disconnect(_request: Request, _error: Exception) -> Response:
    """End the request without a traceback in the log; nobody reads the reply."""
    return envelope(400, "The connection ended before the body did.")


async def _on_machine(request: Request, error: Exception) -> Response:
    """Answer for an error of the system; any other OSError is a fault of this program."""
    if not isinstance(error, OSError) or not is_of_the_machine(error):
        raise error
    extra = event("machine_error", method=request.method, path=line(request.url.path), code=error.errno)
    log.error("%s %s met %s", request.method, line(request.url.path), line(str(error)), extra=extra)
    reason = error.strerror or type(error).__name__
    return from_error(Unavailable(f"The server's machine does not let it do this: {reason}.", "Try again later."))


async def _on_unknown(_request: Request, _error: Exception) -> Response:
    """Answer for a fault of this program, which Starlette raises again after the reply, so that it is logged."""
    return envelope(500, "The server had an error while processing your request.", Unavailable.type)

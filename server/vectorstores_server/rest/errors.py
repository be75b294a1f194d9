"""Every failure of /v1 in OpenAI's envelope: {"error": {"message", "type", "param", "code"}}."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from vectorstores_tools.errors import VectorStoreError
from vectorstores_tools.validation import invalid


def envelope(status: int, message: str, type: str, param: str | None = None, code: str | None = None) -> JSONResponse:
    """Return the reply for one failure."""
    return JSONResponse({"error": {"message": message, "type": type, "param": param, "code": code}}, status)


def install(app: FastAPI) -> None:
    """Make `app` answer every failure in the envelope."""
    app.add_exception_handler(VectorStoreError, _on_known)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


def from_error(error: VectorStoreError) -> JSONResponse:
    """Return the reply for an error of the product: OpenAI's words are the message, then the next step."""
    return envelope(error.status, str(error), error.type, error.param, error.code)


async def _on_known(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, VectorStoreError)  # noqa: S101 - what the handler is registered for
    return from_error(error)


async def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what the handler is registered for
    return from_error(invalid(error.errors()))


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - what the handler is registered for
    message = "Not found" if error.status_code == 404 else str(error.detail)
    return envelope(error.status_code, message, "invalid_request_error")

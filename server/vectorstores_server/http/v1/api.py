"""The app of /v1: OpenAI's 25 endpoints over one engine."""

from functools import cache
from importlib.metadata import version
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from vectorstores_server.bounds.engine import seen_within
from vectorstores_server.calls.recorder import CallRecorder
from vectorstores_server.http.auth import ANYBODY, Caller
from vectorstores_server.http.v1 import errors, file_batches, file_content, files, search, store_files, stores, uploads
from vectorstores_server.http.v1.dependencies import CALLS, ENGINE, expect_searches
from vectorstores_server.http.v1.page_schemas import ErrorEnvelope
from vectorstores_tools.contract.engine import Engine

ROUTERS = (
    stores.router,
    search.router,
    store_files.router,
    file_batches.router,
    files.router,
    file_content.router,
    uploads.router,
)
FAILURES: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorEnvelope, "description": "The request is wrong, or names what is not there."},
    "5XX": {"model": ErrorEnvelope, "description": "What answers is not working now."},
}
DESCRIPTION = """OpenAI's Vector Stores, Files and Uploads on an engine of vector-stores-mcp.

Where the server was given tokens every request carries one: `Authorization: Bearer ...`. The same paths are served
under `/v1/openai/v1`. With the header `X-Vector-Stores-Extended: 1` replies carry more keys: citations, notes."""
LLAMA_STACK_PREFIX = "/v1/openai/v1"
"""The path at which llama-stack served the same API before 0.4 (docs/openai-api.md)."""


def build_api(engine: Engine, app: FastAPI | None = None, calls: CallRecorder | None = None) -> ASGIApp:
    """Return `app`, by default that of this process, over an engine that is open and stays the caller's.

    Each request sees of it what its caller may see. Searches are noted in `calls`.
    """
    endpoints = app or _app()

    async def over_engine(scope: Scope, receive: Receive, send: Send) -> None:
        state = scope.get("state", {})
        caller: Caller = state.get("caller", ANYBODY)
        seen = seen_within(engine, caller.bounds)
        await endpoints({**scope, "state": {**state, ENGINE: seen, CALLS: calls}}, receive, send)

    return over_engine


def new_app() -> FastAPI:
    """Return the endpoints without an engine, which comes with each request.

    The first request makes a schema of every endpoint, for a tenth of a second: once for all engines of a process.
    """
    app = FastAPI(
        title="vector-stores-mcp",
        version=version("vector-stores-mcp"),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        responses=FAILURES,
    )
    errors.install(app)
    hears = [Depends(expect_searches)]
    for router in ROUTERS:
        app.include_router(router, prefix="/v1", dependencies=hears)
        app.include_router(router, prefix=LLAMA_STACK_PREFIX, include_in_schema=False, dependencies=hears)
    return app


_app = cache(new_app)


def _operation_id(route: APIRoute) -> str:
    return route.name

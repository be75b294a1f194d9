"""The app of /v1: OpenAI's 25 endpoints over one engine."""

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from vectorstores_server.http.v1 import errors, file_batches, file_content, files, search, store_files, stores, uploads
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
"""Where llama-stack served the same API before 0.4 (docs/openai-api.md)."""


def build_api(engine: Engine) -> FastAPI:
    """Return the app; `engine` is open and stays the caller's."""
    app = FastAPI(
        title="vector-stores-mcp",
        version=version("vector-stores-mcp"),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        responses=FAILURES,
    )
    app.state.engine = engine
    errors.install(app)
    for router in ROUTERS:
        app.include_router(router, prefix="/v1")
        app.include_router(router, prefix=LLAMA_STACK_PREFIX, include_in_schema=False)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name

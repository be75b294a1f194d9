"""The JSON Schemas of /v1's replies, written by hand from OpenAI's objects, and a client that holds replies to them."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator
from referencing import Registry, Resource

FOLDER = Path(__file__).parent / "v1_schemas"
S, F, B, U = "{vector_store_id}", "{file_id}", "{batch_id}", "{upload_id}"
ENDPOINTS: Sequence[tuple[str, str, str]] = [
    ("POST", "/vector_stores", "vector_store"),
    ("GET", "/vector_stores", "list_of_vector_store"),
    ("GET", f"/vector_stores/{S}", "vector_store"),
    ("POST", f"/vector_stores/{S}", "vector_store"),
    ("DELETE", f"/vector_stores/{S}", "vector_store_deleted"),
    ("POST", f"/vector_stores/{S}/search", "search_results"),
    ("POST", f"/vector_stores/{S}/files", "vector_store_file"),
    ("GET", f"/vector_stores/{S}/files", "list_of_vector_store_file"),
    ("GET", f"/vector_stores/{S}/files/{F}", "vector_store_file"),
    ("POST", f"/vector_stores/{S}/files/{F}", "vector_store_file"),
    ("DELETE", f"/vector_stores/{S}/files/{F}", "vector_store_file_deleted"),
    ("GET", f"/vector_stores/{S}/files/{F}/content", "file_content"),
    ("POST", f"/vector_stores/{S}/file_batches", "file_batch"),
    ("GET", f"/vector_stores/{S}/file_batches/{B}", "file_batch"),
    ("POST", f"/vector_stores/{S}/file_batches/{B}/cancel", "file_batch"),
    ("GET", f"/vector_stores/{S}/file_batches/{B}/files", "list_of_vector_store_file"),
    ("POST", "/files", "file"),
    ("GET", "/files", "list_of_file"),
    ("GET", f"/files/{F}", "file"),
    ("DELETE", f"/files/{F}", "file_deleted"),
    ("GET", f"/files/{F}/content", ""),
    ("POST", "/uploads", "upload"),
    ("POST", f"/uploads/{U}/parts", "upload_part"),
    ("POST", f"/uploads/{U}/complete", "upload"),
    ("POST", f"/uploads/{U}/cancel", "upload"),
]
"""Method, path and the schema of the reply; bytes have none."""


class Checked:
    """A client that checks each reply, and knows which endpoints have been asked."""

    def __init__(self, client: httpx.AsyncClient, prefix: str = "/v1") -> None:
        self._client = client
        self._prefix = prefix
        self.asked: set[tuple[str, str]] = set()

    async def ask(
        self, method: str, path: str, *, status: int = 200, send: dict[str, Any] | None = None, **ids: str
    ) -> Any:
        """Send a request to an endpoint; return the reply's body, which fits its schema."""
        shape = next(s for m, p, s in ENDPOINTS if (m, p) == (method, path))
        reply = await self._client.request(method, self._prefix + path.format(**ids), **(send or {}))
        assert reply.status_code == status, reply.text
        if status >= 400:
            shape = "error"
        else:
            self.asked.add((method, path))
        if not shape:
            return reply.content
        assert reply.headers["content-type"] == "application/json"
        fits(shape, reply.json())
        return reply.json()


def fits(shape: str, value: Any) -> None:
    """Fail unless the value fits the schema of that name."""
    _validator(shape).validate(value)


def is_valid(schema: dict[str, Any], value: Any) -> bool:
    """Tell whether the value fits this schema."""
    return _of(schema).is_valid(value)


@cache
def _validator(shape: str) -> Validator:
    return _of(read(shape))


def _of(schema: dict[str, Any]) -> Validator:
    resources = [(path.name, Resource[Any].from_contents(read(path.stem))) for path in FOLDER.glob("*.json")]
    return Draft202012Validator(schema, registry=Registry[Any]().with_resources(resources))


def read(shape: str) -> dict[str, Any]:
    """Return the schema of that name."""
    return json.loads((FOLDER / f"{shape}.json").read_text(encoding="utf-8"))

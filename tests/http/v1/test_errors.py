"""What is refused on /v1 is refused in OpenAI's words, in its envelope."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from support.local import store, upload
from support.v1_client import INVALID, api_of, change, said
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.http.v1.api import build_api
from vectorstores_tools.contract.engine import Capabilities
from vectorstores_tools.contract.errors import Unavailable
from vectorstores_tools.contract.models import Page, SearchHit, SearchPage, TextContent, VectorStore, VectorStoreFile
from vectorstores_tools.contract.requests import ExpiresAfter, PageRequest, SearchRequest, StoreCreate

if TYPE_CHECKING:
    from collections.abc import Sequence


async def test_an_unknown_store_is_a_404_on_every_path_below_it(api: httpx.AsyncClient) -> None:
    expected = ("No vector store found with id 'vs_x'.", INVALID, "vector_store_id", None)
    below = "/v1/vector_stores/vs_x"
    requests: Sequence[tuple[str, str, Any]] = [
        ("GET", "", None),
        ("POST", "", {}),
        ("DELETE", "", None),
        ("POST", "/search", {"query": "x"}),
        ("GET", "/files", None),
        ("POST", "/files", {"file_id": "file-x"}),
        ("GET", "/files/file-x", None),
        ("POST", "/files/file-x", {"attributes": None}),
        ("DELETE", "/files/file-x", None),
        ("GET", "/files/file-x/content", None),
        ("POST", "/file_batches", {"file_ids": ["file-x"]}),
        ("GET", "/file_batches/vsfb_x", None),
        ("POST", "/file_batches/vsfb_x/cancel", None),
        ("GET", "/file_batches/vsfb_x/files", None),
    ]
    for method, path, body in requests:
        assert said(await api.request(method, below + path, json=body), 404) == expected, path


async def test_an_id_with_other_characters_is_no_id(api: httpx.AsyncClient) -> None:
    message, *rest = said(await api.get("/v1/vector_stores/vs_x%20y"))
    assert message == (
        "Invalid 'vector_store_id': 'vs_x y'. Expected an ID that contains letters, numbers, underscores, or dashes, "
        "but this value contained additional characters."
    )
    assert rest == [INVALID, "vector_store_id", "invalid_value"]
    for path, name in (("files/a.b", "file_id"), ("file_batches/a.b", "batch_id")):
        assert said(await api.get(f"/v1/vector_stores/vs_x/{path}"))[2] == name
    assert said(await api.post("/v1/uploads/a.b/cancel"))[2] == "upload_id"


async def test_a_store_id_begins_with_vs(api: httpx.AsyncClient) -> None:
    message, *rest = said(await api.get("/v1/vector_stores/notes"))
    assert message == "Invalid 'vector_store_id': 'notes'. Expected an ID that begins with 'vs'."
    assert rest == [INVALID, "vector_store_id", "invalid_value"]


async def test_a_file_that_is_not_in_the_store_is_a_404(api: httpx.AsyncClient, local_engine: LocalEngine) -> None:
    store_id, file_id = await store(local_engine), await upload(local_engine, "Bees.")
    reply = await api.get(f"/v1/vector_stores/{store_id}/files/{file_id}")
    expected = f"No file found with id '{file_id}' in vector store '{store_id}'."
    assert said(reply, 404) == (expected, INVALID, "file_id", None)


async def test_an_unknown_file_batch_or_upload_is_a_404(api: httpx.AsyncClient, local_engine: LocalEngine) -> None:
    store_id = await store(local_engine)
    expected = ("No such File object: file-x", INVALID, "id", None)
    for method, path, body in (
        ("GET", "/v1/files/file-x", None),
        ("DELETE", "/v1/files/file-x", None),
        ("GET", "/v1/files/file-x/content", None),
        ("POST", f"/v1/vector_stores/{store_id}/files", {"file_id": "file-x"}),
        ("POST", f"/v1/vector_stores/{store_id}/file_batches", {"file_ids": ["file-x"]}),
        ("POST", "/v1/vector_stores", {"file_ids": ["file-x"]}),
    ):
        assert said(await api.request(method, path, json=body), 404) == expected, path
    message, _, param, _ = said(await api.get(f"/v1/vector_stores/{store_id}/file_batches/vsfb_x"), 404)
    assert (message.partition(" with")[0], param) == ("No file batch found", "batch_id")
    assert said(await api.post("/v1/uploads/upload_x/cancel"), 404)[2] == "upload_id"


async def test_an_expired_store_says_so_and_can_still_be_seen(
    api: httpx.AsyncClient, local_engine: LocalEngine, tmp_path: Path
) -> None:
    expires = ExpiresAfter(anchor="last_active_at", days=1)
    store_id = (await local_engine.create_store(StoreCreate(expires_after=expires))).id
    change(tmp_path / "data", "UPDATE store SET expires_at = 1")
    reply = await api.post(f"/v1/vector_stores/{store_id}/files", json={"file_id": "file-x"})
    expected = (f"Vector store '{store_id}' has expired.", INVALID, "vector_store_id", "vector_store_expired")
    assert said(reply) == expected
    assert said(await api.post(f"/v1/vector_stores/{store_id}/search", json={"query": "x"})) == expected
    assert (await api.get(f"/v1/vector_stores/{store_id}")).json()["status"] == "expired"


@pytest.mark.parametrize(
    ("query", "message", "code"),
    [
        (
            "limit=101",
            "Invalid 'limit': integer above maximum value. Expected a value <= 100, but got 101 instead.",
            "integer_above_max_value",
        ),
        (
            "limit=0",
            "Invalid 'limit': integer below minimum value. Expected a value >= 1, but got 0 instead.",
            "integer_below_min_value",
        ),
        ("limit=ten", "Invalid type for 'limit': expected an integer, but got a string instead.", "invalid_type"),
        ("order=zz", "Invalid value: 'zz'. Supported values are: 'asc' and 'desc'.", "invalid_value"),
        ("filter=done", "Unknown parameter: 'filter'.", "unknown_parameter"),
    ],
)
async def test_a_wrong_query_parameter_is_named(api: httpx.AsyncClient, query: str, message: str, code: str) -> None:
    param = query.partition("=")[0]
    assert said(await api.get(f"/v1/vector_stores?{query}")) == (message, INVALID, param, code)


async def test_files_have_a_higher_limit_and_no_before(api: httpx.AsyncClient) -> None:
    assert (await api.get("/v1/files?limit=10000")).status_code == 200
    message = "Invalid 'limit': integer above maximum value. Expected a value <= 10000, but got 10001 instead."
    assert said(await api.get("/v1/files?limit=10001"))[0] == message
    assert said(await api.get("/v1/files?before=file-x"))[0] == "Unknown parameter: 'before'."


async def test_a_cursor_that_was_never_listed_is_refused(api: httpx.AsyncClient, local_engine: LocalEngine) -> None:
    store_id = await store(local_engine)
    for path in ("/v1/vector_stores", "/v1/files", f"/v1/vector_stores/{store_id}/files"):
        message, kind, param, code = said(await api.get(f"{path}?after=file-x"))
        assert message.startswith("Invalid 'after': no item 'file-x' in this list.")
        assert (kind, param, code) == (INVALID, "after", "invalid_value")
    assert said(await api.get("/v1/vector_stores?before=vs_x"))[2] == "before"


async def test_query_rewriting_is_refused_with_what_to_do_instead(
    api: httpx.AsyncClient, local_engine: LocalEngine
) -> None:
    path = f"/v1/vector_stores/{await store(local_engine)}/search"
    message, _, param, code = said(await api.post(path, json={"query": "x", "rewrite_query": True}))
    assert message == "Query rewriting is not available here; send several queries."
    assert (param, code) == ("rewrite_query", "not_supported")


async def test_a_route_that_is_not_there_is_not_found(api: httpx.AsyncClient) -> None:
    assert said(await api.get("/v1/nothing"), 404) == ("Not found", INVALID, None, None)
    wrong_method = await api.put("/v1/vector_stores")
    assert said(wrong_method, 405)[0] == "Method Not Allowed"
    assert wrong_method.headers["allow"] == "GET, POST"
    assert said(await api.get("/v1/uploads/upload_x"), 404)[0] == "Not found"


class Failing(LocalEngine):
    """An engine that something is wrong with, or that answers what no contract allows."""

    async def list_stores(self, request: PageRequest) -> Page[VectorStore]:
        raise Unavailable("The disk is on holiday.", "Try again.")

    async def search(self, store_id: str, request: SearchRequest) -> SearchPage:
        raise ZeroDivisionError("secret-detail")


async def test_what_fails_here_is_a_5xx_in_the_envelope_without_its_details(tmp_path: Path) -> None:
    transport = httpx.ASGITransport(build_api(Failing(tmp_path / "data", None)), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as api:
        message, kind, _, code = said(await api.get("/v1/vector_stores"), 503)
        assert (message, kind, code) == ("The disk is on holiday. Try again.", "server_error", "unavailable")
        reply = await api.post("/v1/vector_stores/vs_x/search", json={"query": "x"})
        assert said(reply, 500)[:2] == ("The server had an error while processing your request.", "server_error")
        assert "secret-detail" not in reply.text


class Foreign(LocalEngine):
    """An engine in front of a remote, with the remote's own words for things."""

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(remote=True)

    async def retrieve_store(self, store_id: str) -> VectorStore:
        metadata = {"embedding_dimension": 384, "tags": ["a"], "name": "x"}
        said = {"id": store_id, "object": "index", "status": "failed", "valid": True}
        return VectorStore.model_validate({**said, "metadata": metadata})

    async def retrieve_store_file(self, store_id: str, file_id: str) -> VectorStoreFile:
        said = {"id": file_id, "status": "paused", "attributes": {"n": 1, "f": 0.5, "b": True, "l": [1], "z": None}}
        error = {"code": "rate_limit_exceeded", "message": "Slow down."}
        return VectorStoreFile.model_validate(
            {**said, "last_error": error, "chunking_strategy": {"type": "contextual"}}
        )

    async def search(self, store_id: str, request: SearchRequest) -> SearchPage:
        hits = [
            SearchHit(file_id="f", score=score, content=[TextContent(type="markdown", text="x")]) for score in (7, -1)
        ]
        return SearchPage(search_query=request.queries, data=hits)


async def test_words_of_a_remote_become_those_of_the_contract(tmp_path: Path) -> None:
    path = "/v1/vector_stores/fvt5ajp8l83v"
    async with api_of(Foreign(tmp_path / "data", None)) as api:
        store = (await api.get(path)).json()
        file = (await api.get(f"{path}/files/x")).json()
        found = (await api.post(f"{path}/search", json={"query": "x"})).json()
    assert (store["object"], store["status"], store["name"]) == ("vector_store", "completed", "")
    assert store["metadata"] == {"embedding_dimension": "384", "tags": '["a"]', "name": "x"}
    assert "valid" not in store
    assert (file["status"], file["last_error"]["code"]) == ("failed", "server_error")
    assert file["attributes"] == {"n": 1, "f": 0.5, "b": True, "l": "[1]", "z": "null"}
    assert file["chunking_strategy"] == {"type": "other"}
    assert [(hit["score"], hit["content"]) for hit in found["data"]] == [
        (1.0, [{"type": "text", "text": "x"}]),
        (0.0, [{"type": "text", "text": "x"}]),
    ]

"""Our requests are those that OpenAI's own client makes for the same call."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest
from openai import AsyncOpenAI

from support.engine_calls import stream
from support.published import ATTACHED, BATCH, FILE, HITS, PART, STATIC, STORE, TEXT, UPLOAD, Script, deleted, listing
from vectorstores_server.engines.remote.engine import RemoteEngine
from vectorstores_tools.contract import filters
from vectorstores_tools.contract.engine import NewFile, NewUpload, TextRequest
from vectorstores_tools.contract.requests import (
    FileAttach,
    FilesRequest,
    PageRequest,
    SearchRequest,
    StoreCreate,
    StoreFilesRequest,
    StoreUpdate,
)

OPTIONS: dict[str, Any] = {"attributes": {"year": 2026, "open": True}, "chunking_strategy": STATIC}
CREATED: dict[str, Any] = {
    "name": "n",
    "description": "d",
    "metadata": {"a": "b"},
    "file_ids": ["file-1"],
    "expires_after": {"anchor": "last_active_at", "days": 1},
    "chunking_strategy": STATIC,
}
FILTER: Any = {"type": "and", "filters": [{"type": "in", "key": "k", "value": ["x", "y"]}] * 2}
RANKING: Any = {"ranker": "default-2024-11-15", "score_threshold": 0.5}
ENTRIES: Any = [{"file_id": "file-1", **OPTIONS}, {"file_id": "file-2"}]

Case = tuple[Any, Callable[[AsyncOpenAI], Awaitable[object]], Callable[[RemoteEngine], Awaitable[object]]]
CASES: dict[str, Case] = {
    "create store": (
        STORE,
        lambda sdk: sdk.vector_stores.create(**CREATED),
        lambda engine: engine.create_store(StoreCreate.model_validate(CREATED)),
    ),
    "list stores": (
        listing(STORE),
        lambda sdk: sdk.vector_stores.list(limit=5, order="asc", after="vs_0"),
        lambda engine: engine.list_stores(PageRequest(limit=5, order="asc", after="vs_0")),
    ),
    "update store": (
        STORE,
        lambda sdk: sdk.vector_stores.update("vs_1", name=None, metadata={"a": "b"}),
        lambda engine: engine.update_store("vs_1", StoreUpdate(name=None, metadata={"a": "b"})),
    ),
    "delete store": (
        deleted("vs_1", "vector_store.deleted"),
        lambda sdk: sdk.vector_stores.delete("vs_1"),
        lambda engine: engine.delete_store("vs_1"),
    ),
    "search": (
        {**HITS, "not_searched": None},
        lambda sdk: sdk.vector_stores.search(
            "vs_1",
            query=["a", "b"],
            max_num_results=3,
            filters=FILTER,
            ranking_options=RANKING,
            rewrite_query=True,
        ),
        lambda engine: engine.search(
            "vs_1",
            SearchRequest.model_validate(
                {
                    "queries": ["a", "b"],
                    "max_num_results": 3,
                    "filters": filters.parse_filter(FILTER),
                    "ranking_options": RANKING,
                    "rewrite_query": True,
                }
            ),
        ),
    ),
    "attach": (
        ATTACHED,
        lambda sdk: sdk.vector_stores.files.create("vs_1", file_id="file-1", **OPTIONS),
        lambda engine: engine.attach_file("vs_1", FileAttach(file_id="file-1", **OPTIONS)),
    ),
    "list attached": (
        listing(ATTACHED),
        lambda sdk: sdk.vector_stores.files.list("vs_1", limit=5, order="desc", before="file-9", filter="failed"),
        lambda engine: engine.list_store_files("vs_1", StoreFilesRequest(limit=5, before="file-9", filter="failed")),
    ),
    "retrieve attached": (
        ATTACHED,
        lambda sdk: sdk.vector_stores.files.retrieve("file-1", vector_store_id="vs_1"),
        lambda engine: engine.retrieve_store_file("vs_1", "file-1"),
    ),
    "detach": (
        deleted("file-1", "vector_store.file.deleted"),
        lambda sdk: sdk.vector_stores.files.delete("file-1", vector_store_id="vs_1"),
        lambda engine: engine.detach_file("vs_1", "file-1"),
    ),
    "text": (
        {**TEXT, "filename": "a.txt"},
        lambda sdk: sdk.vector_stores.files.content("file-1", vector_store_id="vs_1"),
        lambda engine: engine.read_text(TextRequest("file-1", "vs_1")),
    ),
    "batch of ids": (
        BATCH,
        lambda sdk: sdk.vector_stores.file_batches.create("vs_1", file_ids=["file-1"], **OPTIONS),
        lambda engine: engine.create_batch("vs_1", [FileAttach(file_id="file-1", **OPTIONS)]),
    ),
    "batch of files": (
        BATCH,
        lambda sdk: sdk.vector_stores.file_batches.create("vs_1", files=ENTRIES),
        lambda engine: engine.create_batch("vs_1", [FileAttach(**entry) for entry in ENTRIES]),
    ),
    "retrieve batch": (
        BATCH,
        lambda sdk: sdk.vector_stores.file_batches.retrieve("vsfb_1", vector_store_id="vs_1"),
        lambda engine: engine.retrieve_batch("vs_1", "vsfb_1"),
    ),
    "list batch": (
        listing(ATTACHED),
        lambda sdk: sdk.vector_stores.file_batches.list_files("vsfb_1", vector_store_id="vs_1", limit=20, order="desc"),
        lambda engine: engine.list_batch_files("vs_1", "vsfb_1", StoreFilesRequest()),
    ),
    "upload": (
        FILE,
        lambda sdk: sdk.files.create(file=("a.txt", b"text"), purpose="assistants"),
        lambda engine: engine.create_file(NewFile("a.txt", stream(b"text"))),
    ),
    "list files": (
        listing(FILE),
        lambda sdk: sdk.files.list(limit=5, order="asc", after="file-0", purpose="assistants"),
        lambda engine: engine.list_files(FilesRequest(limit=5, order="asc", after="file-0", purpose="assistants")),
    ),
    "delete file": (
        deleted("file-1", "file"),
        lambda sdk: sdk.files.delete("file-1"),
        lambda engine: engine.delete_file("file-1"),
    ),
    "begin upload": (
        UPLOAD,
        lambda sdk: sdk.uploads.create(bytes=9, filename="a", mime_type="text/plain", purpose="assistants"),
        lambda engine: engine.create_upload(NewUpload("a", "assistants", 9, "text/plain", None)),
    ),
    "send part": (
        PART,
        lambda sdk: sdk.uploads.parts.create("upload_1", data=("part", b"abc")),
        lambda engine: engine.add_part("upload_1", stream(b"abc")),
    ),
    "complete upload": (
        {**UPLOAD, "status": "completed", "file": FILE},
        lambda sdk: sdk.uploads.complete("upload_1", part_ids=["part_1"], md5="0"),
        lambda engine: engine.complete_upload("upload_1", ["part_1"], "0"),
    ),
    "cancel upload": (
        UPLOAD,
        lambda sdk: sdk.uploads.cancel("upload_1"),
        lambda engine: engine.cancel_upload("upload_1"),
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_we_ask_as_the_official_client_asks(name: str) -> None:
    reply, theirs, ours = CASES[name]
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, json=reply)

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        await theirs(AsyncOpenAI(api_key="planted-key", base_url="https://api.example.com/v1", http_client=http))
    (asked,) = seen
    script = Script()
    script.answers_with(reply)
    await ours(script.engine)
    await script.engine.aclose()
    *before, request = script.seen  # attributes are given to what may be attached already: that is looked at first
    assert all(one.method == "GET" and "attributes" in str(asked.content) for one in before)
    assert (request.method, request.url.path) == (asked.method, asked.url.path)
    assert dict(request.url.params) == dict(asked.url.params)
    assert request.headers.get("openai-beta") == asked.headers.get("openai-beta")
    assert said(request.headers, request.content) == said(asked.headers, asked.content)


def said(headers: Any, content: bytes) -> object:
    """The body, whatever its boundary is and in whatever order its fields come."""
    kind: str = headers.get("content-type", "")
    if not content or not kind.startswith("multipart/"):
        return json.loads(content) if content else None
    boundary = kind.partition("boundary=")[2].encode()
    parts = [part.strip(b"\r\n") for part in content.split(b"--" + boundary)]
    return sorted(disposed(part) for part in parts if part not in (b"", b"--"))


def disposed(part: bytes) -> tuple[bytes, bytes]:
    """The disposition and the content of one part; its media type is a guess of each client."""
    head, _, content = part.partition(b"\r\n\r\n")
    return next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-disposition")), content

"""Full replies as OpenAI's API description publishes them: every key of each schema, with its examples' values."""

import json
from collections.abc import Mapping
from typing import Any

import httpx

from vectorstores_server.engines.remote.dialects import DIALECTS, Name
from vectorstores_server.engines.remote.engine import RemoteEngine
from vectorstores_server.engines.remote.http.address import RemoteChoice, address_of
from vectorstores_server.engines.remote.http.client import RemoteClient

JSON = dict[str, Any]

COUNTS: JSON = {"in_progress": 1, "completed": 98, "failed": 2, "cancelled": 0, "total": 101}
STORE: JSON = {
    "id": "vs_abc123",
    "object": "vector_store",
    "created_at": 1699061776,
    "name": "Support FAQ",
    "usage_bytes": 139920,
    "file_counts": COUNTS,
    "status": "in_progress",
    "expires_after": {"anchor": "last_active_at", "days": 7},
    "expires_at": 1699666576,
    "last_active_at": 1699061776,
    "metadata": {"topic": "faq"},
}
ATTACHED: JSON = {
    "id": "file-abc123",
    "object": "vector_store.file",
    "usage_bytes": 1234,
    "created_at": 1699061776,
    "vector_store_id": "vs_abc123",
    "status": "failed",
    "last_error": {"code": "unsupported_file", "message": "The file type is not supported."},
    "chunking_strategy": {"type": "static", "static": {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400}},
    "attributes": {"author": "John", "year": 2023, "draft": False},
}
BATCH: JSON = {
    "id": "vsfb_abc123",
    "object": "vector_store.files_batch",
    "created_at": 1699061776,
    "vector_store_id": "vs_abc123",
    "status": "in_progress",
    "file_counts": COUNTS,
}
FILE: JSON = {
    "id": "file-abc123",
    "object": "file",
    "bytes": 120000,
    "created_at": 1677610602,
    "expires_at": 1677614202,
    "filename": "salesOverview.pdf",
    "purpose": "assistants",
    "status": "processed",
    "status_details": None,
}
UPLOAD: JSON = {
    "id": "upload_abc123",
    "object": "upload",
    "bytes": 2147483648,
    "created_at": 1719184911,
    "filename": "training_examples.jsonl",
    "purpose": "assistants",
    "status": "pending",
    "expires_at": 1719127296,
}
PART: JSON = {"id": "part_def456", "object": "upload.part", "created_at": 1719185911, "upload_id": "upload_abc123"}
HITS: JSON = {
    "object": "vector_store.search_results.page",
    "search_query": ["What is the return policy?"],
    "data": [
        {
            "file_id": "file_123",
            "filename": "document.pdf",
            "score": 0.95,
            "attributes": {"author": "John Doe", "date": "2023-01-01"},
            "content": [{"type": "text", "text": "Relevant chunk"}, {"type": "text", "text": "and more of it"}],
        },
        {"file_id": "file_456", "filename": "notes.txt", "score": 0.89, "attributes": None, "content": []},
    ],
    "has_more": False,
    "next_page": None,
}
TEXT: JSON = {
    "object": "vector_store.file_content.page",
    "data": [{"type": "text", "text": "First. "}, {"type": "text", "text": "Second."}],
    "has_more": False,
    "next_page": None,
}
STATIC: JSON = {"type": "static", "static": {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 50}}


def listing(*items: JSON, more: bool = False) -> JSON:
    return {
        "object": "list",
        "data": list(items),
        "first_id": items[0]["id"],
        "last_id": items[-1]["id"],
        "has_more": more,
    }


def deleted(id: str, object: str) -> JSON:
    return {"id": id, "object": object, "deleted": True}


def error(message: str, param: str | None, code: str | None = None) -> JSON:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


class Script:
    """Answers requests that are exactly those expected, in their order."""

    def __init__(self, dialect: Name = "openai") -> None:
        self.expected: list[tuple[str, object, httpx.Response]] = []
        self.headers: list[httpx.Headers] = []
        self.bodies: list[bytes] = []
        self.seen: list[httpx.Request] = []
        self.always: JSON | None = None
        choice = RemoteChoice("https://api.example.com/v1", "planted-key", project="proj_1")
        self.client = RemoteClient(address_of(choice), httpx.MockTransport(self._answer))
        self.engine = RemoteEngine(self.client, DIALECTS[dialect])

    def on(
        self,
        request: str,
        reply: JSON | bytes,
        body: object = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Expect "METHOD path?query" with that JSON body."""
        content, said = (reply, None) if isinstance(reply, bytes) else (None, reply)
        self.expected.append((request, body, httpx.Response(status, headers=headers, content=content, json=said)))

    def answers_with(self, reply: JSON) -> None:
        """Give the same reply to whatever is asked."""
        self.always = reply

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        content = await request.aread()
        self.seen.append(request)
        if self.always is not None:
            return httpx.Response(200, json=self.always)
        target = f"{request.method} {request.url.raw_path.decode().removeprefix('/v1/')}"
        assert self.expected, f"not expected: {target}"
        expected, body, reply = self.expected.pop(0)
        is_json = request.headers.get("content-type") == "application/json"
        assert (target, json.loads(content) if is_json else None) == (expected, body)
        self.headers.append(request.headers)
        self.bodies.append(content)
        return reply

    def is_over(self) -> None:
        assert not self.expected, f"never sent: {self.expected}"

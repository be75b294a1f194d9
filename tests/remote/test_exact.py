"""What goes over the wire and what is read from it, word for word from the published schema.

The doubles answer with our own /v1: what we read wrongly on both sides would pass there, and fails here.
"""

from collections.abc import AsyncIterator
from email import message_from_bytes

import pytest

from support.engine_calls import ingest, source, stream
from support.published import (
    ATTACHED,
    BATCH,
    FILE,
    HITS,
    JSON,
    PART,
    STATIC,
    STORE,
    TEXT,
    UPLOAD,
    Script,
    deleted,
    error,
    listing,
)
from vectorstores_tools.contract import filters
from vectorstores_tools.contract.engine import NewFile, NewUpload, TextRequest
from vectorstores_tools.contract.errors import (
    BadCursor,
    BatchNotFound,
    FileNotFound,
    FileNotInStore,
    InvalidRequest,
    NotReady,
    NotSupported,
    StoreExpired,
    StoreNotFound,
)
from vectorstores_tools.contract.requests import (
    ChunkingStrategy,
    FileAttach,
    FileExpiresAfter,
    FilesRequest,
    PageRequest,
    SearchRequest,
    StoreCreate,
    StoreFilesRequest,
    StoreUpdate,
)

SIZES = ChunkingStrategy.model_validate(STATIC)


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    script = Script()
    yield script
    script.is_over()
    await script.engine.aclose()


def form(script: Script) -> dict[str, tuple[str | None, bytes]]:
    """The fields of the multipart body that was sent last: name -> (filename, content)."""
    head = f"Content-Type: {script.headers[-1]['content-type']}\r\n\r\n".encode()
    parts: list[tuple[str, str | None, bytes]] = []
    for part in message_from_bytes(head + script.bodies[-1]).walk():
        name, content = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            parts.append((name, part.get_filename(), content))
    return {name: (filename, content) for name, filename, content in parts}


async def test_every_request_is_authorised_and_those_to_stores_name_the_version(script: Script) -> None:
    script.on("GET vector_stores/vs_abc123", STORE)
    script.on("GET files/file-abc123", FILE)
    await script.engine.retrieve_store("vs_abc123")
    await script.engine.retrieve_file("file-abc123")
    for headers in script.headers:
        assert headers["authorization"] == "Bearer planted-key"
        assert headers["openai-project"] == "proj_1"
    assert [headers.get("openai-beta") for headers in script.headers] == ["assistants=v2", None]


async def test_a_store_is_created_with_all_that_it_can_have(script: Script) -> None:
    body = {
        "name": "Support FAQ",
        "description": "What people ask",
        "metadata": {"topic": "faq"},
        "file_ids": ["file-abc123"],
        "expires_after": {"anchor": "last_active_at", "days": 7},
        "chunking_strategy": STATIC,
    }
    script.on("POST vector_stores", STORE, body)
    made = await script.engine.create_store(StoreCreate.model_validate(body))
    assert (made.id, made.object, made.created_at, made.name) == (
        "vs_abc123",
        "vector_store",
        1699061776,
        "Support FAQ",
    )
    assert (made.usage_bytes, made.status, made.metadata) == (139920, "in_progress", {"topic": "faq"})
    assert (made.expires_after, made.expires_at) == ({"anchor": "last_active_at", "days": 7}, 1699666576)
    assert made.last_active_at == 1699061776
    counts = made.file_counts
    assert (counts.in_progress, counts.completed, counts.failed, counts.cancelled, counts.total) == (1, 98, 2, 0, 101)


async def test_what_is_not_given_is_not_sent(script: Script) -> None:
    script.on("POST vector_stores", STORE, {})
    script.on("POST vector_stores/vs_abc123", STORE, {"name": "x"})
    script.on("POST vector_stores/vs_abc123/files", ATTACHED, {"file_id": "file-abc123"})
    script.on("POST vector_stores/vs_abc123/search", HITS, {"query": "x", "max_num_results": 10})
    script.on("GET vector_stores/vs_abc123", STORE)
    await script.engine.create_store(StoreCreate())
    await script.engine.update_store("vs_abc123", StoreUpdate(name="x"))
    await script.engine.attach_file("vs_abc123", FileAttach(file_id="file-abc123"))
    await script.engine.search("vs_abc123", SearchRequest(queries=["x"]))


async def test_null_is_sent_for_what_is_cleared(script: Script) -> None:
    script.on("POST vector_stores/vs_abc123", STORE, {"name": None, "metadata": None, "expires_after": None})
    script.on("GET vector_stores/vs_abc123/files/file-abc123", ATTACHED)
    script.on("POST vector_stores/vs_abc123/files/file-abc123", {**ATTACHED, "attributes": {}}, {"attributes": None})
    await script.engine.update_store("vs_abc123", StoreUpdate(name=None, metadata=None, expires_after=None))
    changed = await script.engine.update_store_file("vs_abc123", "file-abc123", None)
    assert changed.attributes == {}


async def test_a_store_is_deleted(script: Script) -> None:
    script.on("DELETE vector_stores/vs_abc123", deleted("vs_abc123", "vector_store.deleted"))
    gone = await script.engine.delete_store("vs_abc123")
    assert (gone.id, gone.object, gone.deleted) == ("vs_abc123", "vector_store.deleted", True)


async def test_lists_are_asked_for_in_the_words_of_the_api(script: Script) -> None:
    more = {**STORE, "id": "vs_abc456"}
    script.on("GET vector_stores?limit=2&order=asc&after=vs_0", listing(STORE, more, more=True))
    script.on("GET vector_stores/vs_1/files?limit=20&order=desc&before=file-9&filter=failed", listing(ATTACHED))
    script.on(
        "GET vector_stores/vs_1/file_batches/vsfb_1/files?limit=20&order=desc&filter=completed", listing(ATTACHED)
    )
    script.on("GET files?limit=10000&order=desc&after=file-0&purpose=assistants", listing(FILE))
    stores = await script.engine.list_stores(PageRequest(limit=2, order="asc", after="vs_0"))
    assert ([s.id for s in stores.data], stores.first_id, stores.last_id) == (
        ["vs_abc123", "vs_abc456"], "vs_abc123", "vs_abc456",
    )  # fmt: skip
    assert stores.has_more
    await script.engine.list_store_files("vs_1", StoreFilesRequest(before="file-9", filter="failed"))
    await script.engine.list_batch_files("vs_1", "vsfb_1", StoreFilesRequest(filter="completed"))
    files = await script.engine.list_files(FilesRequest(after="file-0", purpose="assistants"))
    assert (files.data[0].filename, files.has_more) == ("salesOverview.pdf", False)


async def test_a_file_is_attached_read_changed_and_detached(script: Script) -> None:
    body = {"file_id": "file-abc123", "attributes": {"author": "John", "year": 2023}, "chunking_strategy": STATIC}
    not_there = error("No file found with id 'file-abc123' in vector store 'vs_abc123'.", None)
    script.on("GET vector_stores/vs_abc123/files/file-abc123", not_there, status=404)
    script.on("POST vector_stores/vs_abc123/files", ATTACHED, body)
    script.on("GET vector_stores/vs_abc123/files/file-abc123", ATTACHED)
    script.on("GET vector_stores/vs_abc123/files/file-abc123", ATTACHED)
    script.on("POST vector_stores/vs_abc123/files/file-abc123", ATTACHED, {"attributes": {"rate": 0.5, "new": True}})
    gone = deleted("file-abc123", "vector_store.file.deleted")
    script.on("DELETE vector_stores/vs_abc123/files/file-abc123", gone)
    await script.engine.attach_file("vs_abc123", FileAttach.model_validate(body))
    file = await script.engine.retrieve_store_file("vs_abc123", "file-abc123")
    assert (file.id, file.object, file.vector_store_id) == ("file-abc123", "vector_store.file", "vs_abc123")
    assert (file.usage_bytes, file.created_at, file.status) == (1234, 1699061776, "failed")
    assert file.last_error is not None
    assert (file.last_error.code, file.last_error.message) == ("unsupported_file", "The file type is not supported.")
    assert file.chunking_strategy == ATTACHED["chunking_strategy"]
    assert file.attributes == {"author": "John", "year": 2023, "draft": False}
    await script.engine.update_store_file("vs_abc123", "file-abc123", {"rate": 0.5, "new": True})
    assert (await script.engine.detach_file("vs_abc123", "file-abc123")).deleted


async def test_a_batch_of_files_alike_names_their_ids(script: Script) -> None:
    body = {"file_ids": ["file-1", "file-2"], "attributes": {"team": "a"}, "chunking_strategy": STATIC}
    for file in ("file-1", "file-2"):
        script.on(f"GET vector_stores/vs_abc123/files/{file}", error("No such File object", None), status=404)
    script.on("POST vector_stores/vs_abc123/file_batches", BATCH, body)
    later = {**BATCH, "file_counts": {**BATCH["file_counts"], "completed": 1}}
    script.on("GET vector_stores/vs_abc123/file_batches/vsfb_abc123", later)
    cancelled = {**BATCH, "status": "cancelled"}
    script.on("POST vector_stores/vs_abc123/file_batches/vsfb_abc123/cancel", cancelled)
    entries = [FileAttach(file_id=f, attributes={"team": "a"}, chunking_strategy=SIZES) for f in ("file-1", "file-2")]
    made = await script.engine.create_batch("vs_abc123", entries)
    assert (made.id, made.object, made.vector_store_id) == ("vsfb_abc123", "vector_store.files_batch", "vs_abc123")
    assert (made.created_at, made.status, made.file_counts.total) == (1699061776, "in_progress", 101)
    assert await script.engine.retrieve_batch("vs_abc123", "vsfb_abc123") == made  # just made: not asked for
    assert (await script.engine.retrieve_batch("vs_abc123", "vsfb_abc123")).file_counts.completed == 1
    assert (await script.engine.cancel_batch("vs_abc123", "vsfb_abc123")).status == "cancelled"


async def test_a_batch_of_files_that_differ_names_each_with_its_own(script: Script) -> None:
    files = [
        {"file_id": "file-1", "attributes": {"n": 1}},
        {"file_id": "file-2", "attributes": {"n": 2}, "chunking_strategy": STATIC},
    ]
    for file in files:
        script.on(f"GET vector_stores/vs_abc123/files/{file['file_id']}", error("not found", None), status=404)
    script.on("POST vector_stores/vs_abc123/file_batches", BATCH, {"files": files})
    await script.engine.create_batch("vs_abc123", [FileAttach.model_validate(file) for file in files])


async def test_a_search_is_the_published_body_and_its_hits_are_read_whole(script: Script) -> None:
    wanted = {
        "type": "and",
        "filters": [
            {"type": "in", "key": "author", "value": ["John Doe", "Jane"]},
            {"type": "gte", "key": "year", "value": 2020},
        ],
    }
    body = {
        "query": ["What is the return policy?", "returns"],
        "max_num_results": 5,
        "filters": wanted,
        "ranking_options": {"ranker": "default-2024-11-15", "score_threshold": 0.5},
        "rewrite_query": True,
    }
    script.on("POST vector_stores/vs_abc123/search", HITS, body)
    script.on("GET vector_stores/vs_abc123", STORE)
    asked = {**body, "queries": body["query"], "filters": filters.parse_filter(wanted)}
    del asked["query"]
    page = await script.engine.search("vs_abc123", SearchRequest.model_validate(asked))
    assert page.object == "vector_store.search_results.page"
    assert page.search_query == ["What is the return policy?"]
    assert (page.has_more, page.next_page) == (False, None)
    first, second = page.data
    assert (first.file_id, first.filename, first.score) == ("file_123", "document.pdf", 0.95)
    assert first.attributes == {"author": "John Doe", "date": "2023-01-01"}
    assert [(part.type, part.text) for part in first.content] == [
        ("text", "Relevant chunk"),
        ("text", "and more of it"),
    ]
    assert (second.attributes, second.content) == (None, [])
    assert (first.page, first.chars, first.lines, first.heading_path) == (None, None, None, None)
    assert page.not_searched is not None
    assert (page.not_searched.in_progress, page.not_searched.failed) == (1, 2)


async def test_weights_are_never_sent_to_a_search(script: Script) -> None:
    options = {"hybrid_search": {"embedding_weight": 1.0, "text_weight": 0.0}}
    with pytest.raises(NotSupported, match="leave out hybrid_search"):
        await script.engine.search("vs_1", SearchRequest.model_validate({"queries": ["x"], "ranking_options": options}))


async def test_parsed_text_is_the_content_of_the_file_in_its_store(script: Script) -> None:
    script.on("GET vector_stores/vs_abc123/files/file-abc123/content", TEXT)
    script.on("GET files/file-abc123", FILE)
    read = await script.engine.read_text(TextRequest("file-abc123", "vs_abc123", start=3, end=9))
    assert (read.text, read.start, read.end, read.total) == ("st. Se", 3, 9, 14)
    assert (read.file_id, read.filename) == ("file-abc123", "salesOverview.pdf")


async def test_a_text_of_which_only_the_beginning_is_shown_is_not_passed_off_as_the_whole(script: Script) -> None:
    script.on("GET vector_stores/vs_abc123/files/file-abc123/content", {**TEXT, "has_more": True, "next_page": "x"})
    script.on("GET files/file-abc123", FILE)
    with pytest.raises(NotSupported, match="search finds"):
        await script.engine.read_text(TextRequest("file-abc123", "vs_abc123"))


async def test_text_of_a_file_in_progress_is_not_ready(script: Script) -> None:
    script.on("GET vector_stores/vs_1/files/file-abc123/content", error("It has no content yet.", None), status=400)
    script.on("GET files/file-abc123", FILE)
    script.on("GET vector_stores/vs_1/files/file-abc123", {**ATTACHED, "status": "in_progress", "last_error": None})
    with pytest.raises(NotReady, match="wait_seconds"):
        await script.engine.read_text(TextRequest("file-abc123", "vs_1"))


async def test_a_file_is_uploaded_as_a_form(script: Script) -> None:
    script.on("POST files", FILE)
    expires = FileExpiresAfter(anchor="created_at", seconds=3600)
    made = await script.engine.create_file(NewFile("salesOverview.pdf", stream(b"%PDF-1.7"), expires_after=expires))
    assert form(script) == {
        "file": ("salesOverview.pdf", b"%PDF-1.7"),
        "purpose": (None, b"assistants"),
        "expires_after[anchor]": (None, b"created_at"),
        "expires_after[seconds]": (None, b"3600"),
    }
    assert (made.id, made.object, made.bytes, made.created_at) == ("file-abc123", "file", 120000, 1677610602)
    assert (made.expires_at, made.filename, made.purpose) == (1677614202, "salesOverview.pdf", "assistants")
    assert (made.status, made.status_details) == ("processed", None)


async def test_a_file_is_retrieved_read_and_deleted(script: Script) -> None:
    script.on("GET files/file-abc123", FILE)
    script.on("GET files/file-abc123", FILE)
    script.on("GET files/file-abc123/content", b"0123456789")
    script.on("DELETE files/file-abc123", deleted("file-abc123", "file"))
    file = await script.engine.retrieve_file("file-abc123")
    async with script.engine.read_file("file-abc123", 2, 5) as opened:
        assert (opened.file, opened.size) == (file, 120000)
        assert b"".join([piece async for piece in opened.stream]) == b"234"  # the range was not honoured
    assert script.headers[-1]["range"] == "bytes=2-4"
    gone = await script.engine.delete_file("file-abc123")
    assert (gone.id, gone.object, gone.deleted) == ("file-abc123", "file", True)


async def test_an_upload_in_parts_is_four_calls(script: Script) -> None:
    expires = {"anchor": "created_at", "seconds": 3600}
    begun = {"filename": "a.jsonl", "purpose": "assistants", "bytes": 6, "mime_type": "text/jsonl"}
    script.on("POST uploads", UPLOAD, {**begun, "expires_after": expires})
    script.on("POST uploads/upload_abc123/parts", PART)
    done: JSON = {**UPLOAD, "status": "completed", "file": FILE}
    script.on("POST uploads/upload_abc123/complete", done, {"part_ids": ["part_def456"], "md5": "0" * 32})
    script.on("POST uploads/upload_abc123/cancel", {**UPLOAD, "status": "cancelled"})
    engine = script.engine
    upload = await engine.create_upload(
        NewUpload("a.jsonl", "assistants", 6, "text/jsonl", FileExpiresAfter.model_validate(expires))
    )
    assert (upload.id, upload.object, upload.bytes) == ("upload_abc123", "upload", 2147483648)
    assert (upload.status, upload.expires_at, upload.file) == ("pending", 1719127296, None)
    part = await engine.add_part("upload_abc123", stream(b"abcdef"))
    assert {name: content for name, (_, content) in form(script).items()} == {"data": b"abcdef"}
    assert (part.id, part.object, part.upload_id) == ("part_def456", "upload.part", "upload_abc123")
    completed = await engine.complete_upload("upload_abc123", ["part_def456"], "0" * 32)
    assert completed.file is not None
    assert (completed.status, completed.file.id) == ("completed", "file-abc123")
    assert (await engine.cancel_upload("upload_abc123")).status == "cancelled"


async def test_a_source_goes_in_with_its_marks_and_comes_back_without(script: Script) -> None:
    one = source("/d/a.txt", "apple")
    marked = {"team": "a", "source": "/d/./a.txt", "sha256": one.sha256}
    script.on("GET vector_stores/vs_1/files?limit=100&order=asc", {**listing(ATTACHED), "data": []})
    script.on("POST files", FILE)
    script.on("POST vector_stores/vs_1/file_batches", BATCH, {"file_ids": ["file-abc123"], "attributes": marked})
    script.on("GET vector_stores/vs_1/files/file-abc123", {**ATTACHED, "attributes": marked})
    done = await ingest(script.engine, "vs_1", one, attributes={"team": "a"})
    assert (done.uploaded, done.unchanged, done.file_ids) == (1, 0, ["file-abc123"])
    assert (await script.engine.retrieve_store_file("vs_1", "file-abc123")).attributes == {"team": "a"}


async def test_ids_are_opaque_and_quoted(script: Script) -> None:
    script.on("GET vector_stores/a%2Fb%3Fc", STORE)
    await script.engine.retrieve_store("a/b?c")


async def test_the_pace_that_the_service_names_is_kept(script: Script) -> None:
    script.on("GET vector_stores/vs_abc123", STORE, headers={"openai-poll-after-ms": "5000"})
    await script.engine.retrieve_store("vs_abc123")
    assert script.client.poll_seconds == 5


NO_STORE = error("No vector store found with id 'vs_0'.", "vector_store_id")
NO_STORE_ID = error(
    "Invalid 'vector_store_id': 'vs_0'. Expected an ID that begins with 'vs'.", "vector_store_id", "invalid_value"
)
NO_STORES = "GET vector_stores?limit=100&order=desc"
NO_FILES = "GET files?limit=100&order=desc"


@pytest.mark.parametrize(("status", "reply"), [(404, NO_STORE), (400, NO_STORE_ID)])
async def test_an_unknown_store_is_looked_for_by_its_name(script: Script, status: int, reply: JSON) -> None:
    script.on("GET vector_stores/vs_0", reply, status=status)
    script.on(NO_STORES, listing({**STORE, "name": "vs_0"}))
    with pytest.raises(StoreNotFound, match="vector_store_id='vs_abc123'"):
        await script.engine.retrieve_store("vs_0")


async def test_what_a_404_speaks_of_is_told_apart(script: Script) -> None:
    script.on("GET files/file-0", error("No such File object: file-0", "id"), status=404)
    script.on(NO_FILES, listing(FILE))
    with pytest.raises(FileNotFound):
        await script.engine.retrieve_file("file-0")
    script.on(
        "DELETE vector_stores/vs_1/files/file-0",
        error("No file found with id 'file-0' in vector store 'vs_1'.", None),
        status=404,
    )
    script.on(NO_FILES, listing(FILE))
    with pytest.raises(FileNotInStore):
        await script.engine.detach_file("vs_1", "file-0")
    script.on(
        "POST vector_stores/vs_1/files", error("No such File object: file-0", "file_id"), {"file_id": "file-0"}, 404
    )
    script.on(NO_FILES, listing(FILE))
    with pytest.raises(FileNotFound):
        await script.engine.attach_file("vs_1", FileAttach(file_id="file-0"))
    script.on("GET vector_stores/vs_1/file_batches/vsfb_0", error("No batch found with id 'vsfb_0'.", None), status=404)
    with pytest.raises(BatchNotFound):
        await script.engine.retrieve_batch("vs_1", "vsfb_0")


async def test_an_expired_store_names_the_way_out(script: Script) -> None:
    script.on(
        "POST vector_stores/vs_1/files", error("Vector store 'vs_1' has expired.", None), {"file_id": "file-9"}, 400
    )
    script.on("GET vector_stores/vs_1/files?limit=20&order=desc", listing(ATTACHED))
    with pytest.raises(StoreExpired, match=r'create_store\(file_ids=\["file-abc123"\]\)'):
        await script.engine.attach_file("vs_1", FileAttach(file_id="file-9"))


async def test_a_refusal_keeps_its_words_its_parameter_and_its_code(script: Script) -> None:
    said = "Files with extensions [.csv] are not supported for retrieval."
    script.on("POST vector_stores/vs_1/files", error(said, "file_ids", "unsupported_file"), {"file_id": "file-1"}, 400)
    with pytest.raises(InvalidRequest) as refused:
        await script.engine.attach_file("vs_1", FileAttach(file_id="file-1"))
    assert (refused.value.fact, refused.value.param, refused.value.code) == (said, "file_ids", "unsupported_file")


async def test_a_cursor_that_the_service_refuses_is_a_bad_cursor(script: Script) -> None:
    script.on("GET vector_stores?limit=20&order=desc&after=vs_0", error("No item with id 'vs_0'.", "after"), status=400)
    with pytest.raises(BadCursor) as refused:
        await script.engine.list_stores(PageRequest(after="vs_0"))
    assert refused.value.param == "after"

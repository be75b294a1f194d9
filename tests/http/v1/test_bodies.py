"""A body or a form that is wrong is told what is wrong with it, in OpenAI's words."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.engine_calls import add, new_store
from support.local import store
from support.v1_client import INVALID, api_of, said, upload_form
from vectorstores_server.engines.local.engine import LocalEngine

WRONG_BODIES: list[tuple[str, dict[str, Any], str, str, str]] = [
    (
        "",
        {"file_ids": "file-x"},
        ("Invalid type for 'file_ids': expected an array of strings, but got a string instead."),
        "file_ids",
        "invalid_type",
    ),
    (
        "",
        {"name": 3},
        "Invalid type for 'name': expected a string, but got an integer instead.",
        "name",
        "invalid_type",
    ),
    (
        "",
        {"expires_after": {"anchor": "last_active_at", "days": "7"}},
        ("Invalid type for 'expires_after.days': expected an integer, but got a string instead."),
        "expires_after.days",
        "invalid_type",
    ),
    (
        "",
        {"expires_after": {"anchor": "created_at", "days": 7}},
        ("Invalid value: 'created_at'. Supported values are: 'last_active_at'."),
        "expires_after.anchor",
        "invalid_value",
    ),
    (
        "",
        {"expires_after": {"anchor": "last_active_at", "days": 366}},
        ("Invalid 'expires_after.days': integer above maximum value. Expected a value <= 365, but got 366 instead."),
        "expires_after.days",
        "integer_above_max_value",
    ),
    ("", {"nome": "x"}, "Unknown parameter: 'nome'.", "nome", "unknown_parameter"),
    (
        "",
        {"metadata": {"a": 1}},
        "Invalid type for 'metadata.a': expected a string, but got an integer instead.",
        "metadata.a",
        "invalid_type",
    ),
    (
        "",
        {"name": "x" * 513},
        ("Invalid 'name': string too long. Expected at most 512 characters, but got 513 instead."),
        "name",
        "string_above_max_length",
    ),
    (
        "",
        {"file_ids": ["file-x"] * 501},
        ("Invalid 'file_ids': too many items. Expected at most 500 items, but got 501 instead."),
        "file_ids",
        "array_above_max_length",
    ),
    ("/vs_x/search", {}, "Missing required parameter: 'query'.", "query", "missing_required_parameter"),
    (
        "/vs_x/search",
        {"query": "x", "max_num_results": 51},
        ("Invalid 'max_num_results': integer above maximum value. Expected a value <= 50, but got 51 instead."),
        "max_num_results",
        "integer_above_max_value",
    ),
    (
        "/vs_x/search",
        {"query": "x", "ranking_options": {"ranker": "zz"}},
        ("Invalid value: 'zz'. Supported values are: 'none', 'auto' and 'default-2024-11-15'."),
        "ranking_options.ranker",
        "invalid_value",
    ),
    (
        "/vs_x/search",
        {"query": "x", "ranking_options": {"score_threshold": 1.5}},
        (
            "Invalid"
            " 'ranking_options.score_threshold': decimal above maximum value. Expected a value <= 1.0, but got 1.5"
            " instead."
        ),
        "ranking_options.score_threshold",
        "decimal_above_max_value",
    ),
    (
        "/vs_x/search",
        {"query": "x", "rewrite_query": "no"},
        ("Invalid type for 'rewrite_query': expected a boolean, but got a string instead."),
        "rewrite_query",
        "invalid_type",
    ),
    (
        "/vs_x/search",
        {"query": None},
        "Invalid type for 'query': expected a string or an array, but got null instead.",
        "query",
        "invalid_type",
    ),
    (
        "/vs_x/search",
        {"query": ["bees", 3]},
        "Invalid type for 'query[1]': expected a string, but got an integer instead.",
        "query[1]",
        "invalid_type",
    ),
    (
        "/vs_x/search",
        {"query": "x", "max_num_results": "3", "rewrite_query": None},
        "Invalid type for 'max_num_results': expected an integer, but got a string instead.",
        "max_num_results",
        "invalid_type",
    ),
    ("/vs_x/files", {}, "Missing required parameter: 'file_id'.", "file_id", "missing_required_parameter"),
    ("/vs_x/files/file-x", {}, "Missing required parameter: 'attributes'.", "attributes", "missing_required_parameter"),
    ("/vs_x/file_batches", {}, "Missing required parameter: 'file_ids'.", "file_ids", "missing_required_parameter"),
    (
        "/vs_x/file_batches",
        {"file_ids": ["file-x"], "files": [{"file_id": "file-x"}]},
        ("'file_ids' and 'files' are mutually exclusive. Give one of them."),
        "files",
        "invalid_value",
    ),
    (
        "/vs_x/file_batches",
        {"files": [{"attributes": {}}]},
        "Missing required parameter: 'files[0].file_id'.",
        "files[0].file_id",
        "missing_required_parameter",
    ),
]


@pytest.mark.parametrize(("path", "body", "message", "param", "code"), WRONG_BODIES)
async def test_a_wrong_body_is_told_in_the_words_of_openai(
    api: httpx.AsyncClient, path: str, body: Any, message: str, param: str, code: str
) -> None:
    assert said(await api.post(f"/v1/vector_stores{path}", json=body)) == (message, INVALID, param, code)


async def test_facts_of_a_file_and_prefixes_need_the_extended_header(
    api: httpx.AsyncClient, local_engine: LocalEngine
) -> None:
    id = await new_store(local_engine)
    mine = await add(local_engine, id, "All about bees.", "bees.md", {"$type": "own", "topic": "bees"})
    await add(local_engine, id, "All about tea.", "tea.txt", {"topic": "tea"})
    path, extended = f"/v1/vector_stores/{id}", {"x-vector-stores-extended": "1"}

    async def found(type: str, key: str, value: str, headers: dict[str, str]) -> list[str]:
        body = {"query": "about", "filters": {"type": type, "key": key, "value": value}}
        reply = await api.post(f"{path}/search", json=body, headers=headers)
        assert reply.status_code == 200, reply.text
        assert ("x-vector-stores-extended" in reply.headers) == bool(headers)
        return [hit["file_id"] for hit in reply.json()["data"]]

    assert await found("eq", "$type", "own", {}) == [mine]
    assert await found("eq", "$type", "md", {}) == []
    assert await found("eq", "$type", "md", extended) == [mine]
    assert await found("eq", "$type", "own", extended) == []
    assert await found("prefix", "topic", "be", extended) == [mine]
    prefix = {"type": "prefix", "key": "topic", "value": "be"}
    message = said(await api.post(f"{path}/search", json={"query": "about", "filters": prefix}))[0]
    assert message.startswith("Unknown filter type 'prefix'; there are eq, ne,")
    assert "prefix" not in message.split("there are")[1].split(". ")[0]

    listed = await api.get(f"{path}/files", params={"filters": json.dumps(prefix)}, headers=extended)
    assert [file["id"] for file in listed.json()["data"]] == [mine]
    refused = await api.get(f"{path}/files", params={"filters": json.dumps(prefix)})
    unknown = await api.get(f"{path}/files", params={"nonsense": "1"})
    assert said(refused) == tuple(part and part.replace("nonsense", "filters") for part in said(unknown))
    batch = f"{path}/file_batches/vsfb_1/files"
    assert said(await api.get(batch, params={"filters": "{}"}, headers=extended)) == said(refused)


async def test_a_wrong_filter_is_answered_with_the_corrected_one(
    api: httpx.AsyncClient, local_engine: LocalEngine
) -> None:
    path = f"/v1/vector_stores/{await store(local_engine)}/search"
    wrong_filters: list[Any] = [{"topic": "ai"}, {"type": "zz", "key": "a", "value": 1}, [], 3]
    for wrong in wrong_filters:
        message, kind, param, _ = said(await api.post(path, json={"query": "x", "filters": wrong}))
        assert '{"type": "eq", "key": ' in message
        assert (kind, param) == (INVALID, "filters")


@pytest.mark.parametrize(
    ("content", "type"),
    [(b"", "application/json"), (b"{}", "text/plain"), (b"[]", "application/json"), (b'"x"', "application/json")],
)
async def test_a_body_that_is_no_json_object_is_refused(api: httpx.AsyncClient, content: bytes, type: str) -> None:
    reply = await api.post("/v1/vector_stores", content=content, headers={"content-type": type})
    assert said(reply)[0] == "The body must be a JSON object. Send it with 'Content-Type: application/json'."


@pytest.mark.parametrize("content", [b"{", b'{"a":', b"\xff\xfe", b'{"limit": ' + b"9" * 5_000 + b"}", b"[" * 100_000])
async def test_broken_json_is_a_400(api: httpx.AsyncClient, content: bytes) -> None:
    reply = await api.post("/v1/vector_stores", content=content, headers={"content-type": "application/json"})
    assert said(reply)[1] == INVALID


@pytest.mark.parametrize(
    "content",
    [
        b'{"\\ud800": 1}',
        b'{"name": "\\ud800"}',
        b'{"metadata": {"a": NaN}}',
        b'{"expires_after": {"anchor": "\\ud800", "days": Infinity}}',
        b'{"expires_after": {"anchor": "last_active_at", "days": 1e400}}',
    ],
)
async def test_what_cannot_be_said_back_is_still_refused_in_the_envelope(
    api: httpx.AsyncClient, content: bytes
) -> None:
    reply = await api.post("/v1/vector_stores", content=content, headers={"content-type": "application/json"})
    assert said(reply)[1] == INVALID


@pytest.mark.parametrize(
    ("fields", "message", "param"),
    [
        (
            {"purpose": "zz"},
            (
                "Invalid value: 'zz'. Supported values are: 'assistants', 'batch', 'fine-tune', 'vision',"
                " 'user_data' and 'evals'."
            ),
            "purpose",
        ),
        ({"color": "red"}, "Unknown parameter: 'color'.", "color"),
        (
            {"expires_after[seconds]": "7200"},
            "Missing required parameter: 'expires_after.anchor'.",
            "expires_after.anchor",
        ),
        (
            {"expires_after[anchor]": "created_at", "expires_after[seconds]": "60"},
            (
                "Invalid 'expires_after.seconds':"
                " integer below minimum value. Expected a value >= 3600, but got 60 instead."
            ),
            "expires_after.seconds",
        ),
        (
            {"expires_after": "x", "expires_after[seconds]": "60"},
            ("Invalid type for 'expires_after': expected an object, but got a string instead."),
            "expires_after",
        ),
    ],
)
async def test_a_wrong_form_field_is_named_as_in_json(
    api: httpx.AsyncClient, fields: dict[str, str], message: str, param: str
) -> None:
    reply = await api.post("/v1/files", **upload_form(b"x", **fields))
    assert said(reply)[:3] == (message, INVALID, param)
    assert (await api.get("/v1/files")).json()["data"] == []


async def test_a_form_without_its_file_or_purpose_says_what_is_missing(api: httpx.AsyncClient) -> None:
    without_purpose = await api.post("/v1/files", files={"file": ("a.txt", b"x")})
    assert said(without_purpose)[0] == "Missing required parameter: 'purpose'."
    without_file = await api.post("/v1/files", files={"purpose": (None, "assistants")})
    assert said(without_file)[0] == "Missing required parameter: 'file'."
    two = await api.post("/v1/files", files=[("file", ("a", b"x")), ("file", ("b", b"y"))])
    assert said(two)[1] == INVALID
    for content, kind in (
        (b"{}", "application/json"),
        (b"x", "multipart/form-data"),
        (b"x", "multipart/form-data; boundary=b"),
    ):
        assert said(await api.post("/v1/files", content=content, headers={"content-type": kind}))[1] == INVALID


async def test_an_empty_file_is_refused(api: httpx.AsyncClient) -> None:
    message, _, param, _ = said(await api.post("/v1/files", **upload_form(b"")))
    assert "empty" in message
    assert param == "file"


async def test_a_file_above_the_limit_is_a_413_and_leaves_nothing(tmp_path: Path) -> None:
    engine = LocalEngine(tmp_path / "data", None, max_file_bytes=10_000)
    async with api_of(engine) as api:
        reply = await api.post("/v1/files", **upload_form(b"x" * 10_001))
        message, kind, param, code = said(reply, 413)
        assert message.startswith("The file is larger than 10000 bytes.")
        assert (kind, param, code) == (INVALID, "file", "too_large")
        begin = {"filename": "a.txt", "purpose": "assistants", "bytes": 10_001, "mime_type": "text/plain"}
        assert said(await api.post("/v1/uploads", json=begin), 413)[2] == "bytes"
        assert (await api.get("/v1/files")).json()["data"] == []
    await engine.aclose()
    assert list((tmp_path / "data").glob("blobs/*")) == []


@pytest.mark.parametrize("headers", [{}, {"x-vector-stores-extended": "1"}])
async def test_files_of_one_text_are_each_a_result_of_their_own(
    api: httpx.AsyncClient, local_engine: LocalEngine, headers: dict[str, str]
) -> None:
    id = await store(local_engine)
    copies = [await add(local_engine, id, f"Bees make honey.{' ' * number}", f"{number}.md") for number in range(7)]
    body = {"query": "bees", "max_num_results": 7}
    reply = await api.post(f"/v1/vector_stores/{id}/search", json=body, headers=headers)
    results = reply.json()["data"]
    assert sorted(result["file_id"] for result in results) == sorted(copies)
    assert [result for result in results if "also_in" in result] == []

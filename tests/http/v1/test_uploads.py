"""Files on their way in: in parts, for a while only, larger than memory, and cut off half-way."""

import hashlib
import re
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from support.local import opened
from support.serving import listening
from support.v1_client import Watched, change, said, upload_form
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.http.v1.api import build_api

TEXT = b"Bees make honey. " * 100
BEGIN = {"filename": "bees.txt", "purpose": "assistants", "bytes": len(TEXT), "mime_type": "text/plain"}


@pytest.fixture
async def local_engine(tmp_path: Path) -> AsyncGenerator[LocalEngine]:
    async with opened(tmp_path / "data") as engine:
        yield engine


async def post(api: httpx.AsyncClient, path: str, body: Any = None) -> dict[str, Any]:
    reply = await api.post(path, json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()


async def add_part(api: httpx.AsyncClient, upload: str, data: bytes) -> str:
    reply = await api.post(f"/v1/uploads/{upload}/parts", files={"data": ("blob", data)})
    assert reply.status_code == 200, reply.text
    part = reply.json()
    assert part == {**part, "object": "upload.part", "upload_id": upload}
    return part["id"]


async def test_parts_make_a_file_in_the_order_in_which_they_are_named(api: httpx.AsyncClient) -> None:
    upload = await post(api, "/v1/uploads", BEGIN)
    assert (upload["status"], upload["expires_at"] - upload["created_at"]) == ("pending", 3_600)
    assert "file" not in upload
    last, first = await add_part(api, upload["id"], TEXT[1000:]), await add_part(api, upload["id"], TEXT[:1000])
    md5 = hashlib.md5(TEXT, usedforsecurity=False).hexdigest()
    done = await post(api, f"/v1/uploads/{upload['id']}/complete", {"part_ids": [first, last], "md5": md5})
    assert (done["status"], done["file"]["bytes"], done["file"]["filename"]) == ("completed", len(TEXT), "bees.txt")
    assert (await api.get(f"/v1/files/{done['file']['id']}/content")).content == TEXT


async def test_the_parts_must_make_what_was_announced(api: httpx.AsyncClient) -> None:
    upload = (await post(api, "/v1/uploads", BEGIN))["id"]
    parts = [await add_part(api, upload, TEXT[:1000]), await add_part(api, upload, TEXT[1000:])]
    path = f"/v1/uploads/{upload}/complete"
    assert "1700" in said(await api.post(path, json={"part_ids": parts[:1]}))[0]
    assert said(await api.post(path, json={"part_ids": ["part_x"]}))[2] == "part_ids"
    assert said(await api.post(path, json={"part_ids": []}))[3] == "empty_array"
    assert said(await api.post(path, json={"part_ids": parts, "md5": "0" * 32}))[2] == "md5"
    await post(api, path, {"part_ids": parts})
    assert said(await api.post(path, json={"part_ids": parts}), 409)[2] == "upload_id"


async def test_a_part_is_bytes_and_not_too_many(api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = (await post(api, "/v1/uploads", BEGIN))["id"]
    path = f"/v1/uploads/{upload}/parts"
    assert said(await api.post(path, files={"data": ("blob", b"")}))[2] == "data"
    assert said(await api.post(path, files={"file": ("blob", b"x")}))[2] == "data"
    assert said(await api.post(path, json={}))[1] == "invalid_request_error"
    monkeypatch.setattr("vectorstores_server.http.v1.uploads.MAX_PART", 10)
    assert said(await api.post(path, files={"data": ("blob", b"x" * 11)}), 413)[2] == "data"


async def test_a_cancelled_upload_takes_nothing_more(api: httpx.AsyncClient, tmp_path: Path) -> None:
    upload = (await post(api, "/v1/uploads", BEGIN))["id"]
    part = await add_part(api, upload, TEXT)
    assert (await post(api, f"/v1/uploads/{upload}/cancel"))["status"] == "cancelled"
    again = await api.post(f"/v1/uploads/{upload}/parts", files={"data": ("blob", b"x")})
    assert said(again, 409)[2] == "upload_id"
    assert again.headers["x-should-retry"] == "false"  # OpenAI's clients would try a 409 again
    assert said(await api.post(f"/v1/uploads/{upload}/complete", json={"part_ids": [part]}), 409)[3] == "conflict"
    assert files_below(tmp_path / "data" / "uploads") == []


async def test_an_upload_expires_after_an_hour(api: httpx.AsyncClient, tmp_path: Path) -> None:
    upload = (await post(api, "/v1/uploads", BEGIN))["id"]
    change(tmp_path / "data", "UPDATE upload SET expires_at = 1")
    reply = await api.post(f"/v1/uploads/{upload}/parts", files={"data": ("blob", b"x")})
    assert said(reply, 409)[0].startswith(f"Upload '{upload}' is expired.")


async def test_the_file_of_an_upload_expires_as_it_was_asked(api: httpx.AsyncClient) -> None:
    expires = {"anchor": "created_at", "seconds": 7_200}
    upload = (await post(api, "/v1/uploads", {**BEGIN, "expires_after": expires}))["id"]
    part = await add_part(api, upload, TEXT)
    file = (await post(api, f"/v1/uploads/{upload}/complete", {"part_ids": [part]}))["file"]
    assert file["expires_at"] == file["created_at"] + 7_200


async def test_an_expired_file_is_gone(api: httpx.AsyncClient, tmp_path: Path) -> None:
    expires = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}
    file = (await api.post("/v1/files", **upload_form(TEXT, **expires))).json()
    assert file["expires_at"] == file["created_at"] + 3_600
    change(tmp_path / "data", "UPDATE file SET expires_at = 1")
    assert said(await api.get(f"/v1/files/{file['id']}"), 404)[0] == f"No such File object: {file['id']}"
    assert said(await api.get(f"/v1/files/{file['id']}/content"), 404)[2] == "id"
    assert (await api.get("/v1/files")).json()["data"] == []


async def test_the_fields_of_a_form_may_come_after_its_file(api: httpx.AsyncClient) -> None:
    form = [("file", ("bees.txt", TEXT)), ("purpose", (None, b"user_data"))]
    file = (await api.post("/v1/files", files=form)).json()
    assert (file["purpose"], file["bytes"]) == ("user_data", len(TEXT))


async def test_a_file_name_is_kept_as_it_came(api: httpx.AsyncClient) -> None:
    for name in ("b\u00e4r.txt", "../../etc/passwd", "a b.txt", "\u4f60\u597d.md"):
        file = (await api.post("/v1/files", **upload_form(TEXT, name))).json()
        assert (await api.get(f"/v1/files/{file['id']}")).json()["filename"] == name
    assert said(await api.post("/v1/files", **upload_form(TEXT, "x" * 513)))[2] == "file"


async def test_a_temporary_directory_that_cannot_be_used_is_named(
    api: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    message, kind, *_ = said(await api.post("/v1/files", **upload_form(b"x" * 2_000_000)), 503)
    assert str(tmp_path / "missing") in message
    assert "TMPDIR" in message
    assert kind == "server_error"


@pytest.mark.parametrize("path", ["/v1/files", "/v1/uploads/{upload}/parts"])
async def test_a_client_that_leaves_half_way_leaves_nothing_behind(
    path: str, local_engine: LocalEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    app = Watched(build_api(local_engine))
    async with listening(app) as url, httpx.AsyncClient(base_url=url) as client:
        upload = (await client.post("/v1/uploads", json=BEGIN)).json()["id"]
        path = path.format(upload=upload)
        with anyio.fail_after(10):
            await send_half(url, path)
            await app.ended(path)
        assert app.statuses.get(path) in (None, 400)
        assert (await client.get("/v1/files")).json()["data"] == []
        await client.post(f"/v1/uploads/{upload}/cancel")
    assert files_below(tmp_path / "tmp") == []
    assert files_below(tmp_path / "data" / "blobs") == []
    assert files_below(tmp_path / "data" / "uploads") == []


async def send_half(url: str, path: str) -> None:
    """Send 3 MB of an announced 30 MB, then hang up."""
    host, port = re.findall(r"//(.+):(\d+)", url)[0]
    field = b"data" if path.endswith("parts") else b"file"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 30000000\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    )
    start = b'--b\r\nContent-Disposition: form-data; name="' + field + b'"; filename="half.txt"\r\n\r\n'
    async with await anyio.connect_tcp(host, int(port)) as connection:
        await connection.send(head.encode() + start + b"x" * 3_000_000)


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]

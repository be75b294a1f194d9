"""What is bad is named, with the next step, and the server answers the next call as if nothing had happened."""

import json
import os
from pathlib import Path
from typing import Any

import anyio
import pytest

from support import samples
from support.served import Served, served

pytestmark = pytest.mark.process

LARGEST = 200_000

BAD_FILES = {
    "binary.txt": ("unsupported_file", "binary"),
    "blank.md": ("unsupported_file", "no text"),
    "bomb.docx": ("invalid_file", "would unpack to 30 MB"),
    "foreign.xlsx": ("invalid_file", "upload it again"),
    "locked.pdf": ("invalid_file", "password"),
    "old.doc": ("unsupported_file", "Save it as .docx"),
    "truncated.pdf": ("invalid_file", "upload it again"),
}
"""The last_error of each."""


def write_bad_files(folder: Path) -> list[str]:
    folder.mkdir()
    contents = {
        "binary.txt": bytes(range(256)) * 40,
        "blank.md": b" \n\t\n",
        "foreign.xlsx": b"not what the name says",
        "locked.pdf": samples.pdf_bytes(["text"], locked=True),
        "old.doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000),
        "truncated.pdf": samples.pdf_bytes(["text"])[:300],
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    samples.write_bomb(folder / "bomb.docx")
    return [str(folder / name) for name in sorted(BAD_FILES)]


async def refused(server: Served, tool: str, **arguments: Any) -> str:
    """Call a tool with what it must refuse; return its sentences."""
    result = await server.ask("tools/call", name=tool, arguments=arguments)
    assert result["isError"], result
    error = result["structuredContent"]["error"]
    assert error["message"]
    assert error["next"]
    said = f"{error['message']} {error['next']}"
    assert [part["text"] for part in result["content"]] == [said]
    return said


async def works(server: Served) -> None:
    store = await server.call("create_store", name="after")
    file = await server.call(
        "upload_file", vector_store_id=store["id"], text="Puffins dig.", filename="a.txt", wait_seconds=50
    )
    assert file["status"] == "completed"
    [hit] = (await server.call("search", query="puffins", vector_store_id=store["id"]))["data"]
    assert hit["file_id"] == file["id"]


async def test_a_file_that_cannot_be_read_fails_alone_and_says_why(tmp_path: Path) -> None:
    paths = write_bad_files(tmp_path / "files")
    (tmp_path / "files" / "good.txt").write_text("Gannets dive.", encoding="utf-8")
    async with served(tmp_path, embedder="none") as server:
        with anyio.fail_after(120):
            await server.handshake()
            store = await server.call("create_store", name="s")
            batch = await server.call(
                "batch_attach",
                vector_store_id=store["id"],
                paths=[*paths, str(tmp_path / "files" / "good.txt")],
                wait_seconds=50,
            )
            assert (batch["file_counts"]["failed"], batch["file_counts"]["completed"]) == (len(BAD_FILES), 1)
            failures = {failure["filename"]: failure for failure in batch["failures"]}
            assert failures.keys() == BAD_FILES.keys()
            for name, (code, says) in BAD_FILES.items():
                assert failures[name]["code"] == code
                assert name in failures[name]["message"]
                assert says in failures[name]["message"]
            await works(server)


async def test_a_path_that_cannot_be_taken_is_named(tmp_path: Path, subtests: pytest.Subtests) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "empty.txt").touch()
    (files / "folder").mkdir()
    for name in ("a.txt", "b.txt"):
        (files / "folder" / name).write_text("words", encoding="utf-8")
    (files / "large.txt").write_bytes(b"word " * LARGEST)
    (files / "secret.pem").write_text("words", encoding="utf-8")
    (files / "link.txt").symlink_to(files / "large.txt")
    os.mkfifo(files / "pipe.txt")
    wrong = {
        "empty.txt": "empty",
        "large.txt": "at most 200,000",
        "secret.pem": "keys and passwords",
        "link.txt": "link",
        "folder": "batch_attach",
        "pipe.txt": "not a regular file",
        "none.txt": "There is no file",
        "../outside.txt": str(files),
    }
    async with served(tmp_path, embedder="none", file_roots=str(files), max_file_bytes=str(LARGEST)) as server:
        with anyio.fail_after(60):
            await server.handshake()
            for name, says in wrong.items():
                with subtests.test(name):
                    assert says in await refused(server, "upload_file", path=str(files / name))
            with subtests.test("relative"):
                assert str(files) in await refused(server, "upload_file", path="notes.txt")
            assert (await server.call("list", of="files"))["data"] == []
            await works(server)


async def test_what_is_no_request_does_not_end_the_server(tmp_path: Path) -> None:
    async with served(tmp_path, embedder="none") as server:
        with anyio.fail_after(60):
            await server.handshake()
            for line in ("not json", "[]", "{}", '{"jsonrpc": "2.0"}', '"text"', "\ufeff", '{"id": 1', "\x00"):
                await server.send_line(line.encode())
            await server.send_line(b"\xff\xfe")
            await server.send_line(json.dumps({"jsonrpc": "2.0", "id": 99, "method": "no/such"}).encode())
            await server.send_line(b'{"jsonrpc": "2.0", "id": 98, "method": "tools/call", "params": {"name": 7}}')
            await works(server)

import json
import os
import re
import signal
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest

from support import samples
from support.processes import child_of, gone
from support.served import Served, served

pytestmark = pytest.mark.process

HEAVY = {"lancedb", "pyarrow", "onnxruntime", "tokenizers", "numpy", "rich", "httpx", "fastapi", "typer", "docx"}
A_SECOND = 2.5
"""The server gives itself .85 s (protocol/stdio.py); the rest is for a machine that is busy with other tests."""
LOUD = """
import os, sys

class Loud:
    def find_spec(self, name, path=None, target=None):
        if name in ("lancedb", "pyarrow", "onnxruntime", "tokenizers", "numpy"):
            print("print", name, flush=True)
            os.write(1, f"write {name}\\n".encode())

sys.meta_path.insert(0, Loud())
from vectorstores_server.cli import main
main()
"""
"""A server whose libraries print while they are imported."""
WORDS = "The tide turns twice a day, and the harbour turns with it. "


async def end_of_input(server: Served) -> None:
    await server.hang_up()


async def terminate(server: Served) -> None:
    server.process.send_signal(signal.SIGTERM)


async def interrupt(server: Served) -> None:
    server.process.send_signal(signal.SIGINT)


End = Callable[[Served], Awaitable[None]]
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs what only Linux has")
ENDS = pytest.mark.parametrize("end", [end_of_input, terminate, interrupt])
ENDS_AT_WORK = pytest.mark.parametrize(
    "end", [end_of_input, *(pytest.param(end, marks=pytest.mark.slow) for end in (terminate, interrupt))]
)


async def ends_within_a_second(server: Served, end: End) -> None:
    await end(server)
    with anyio.fail_after(A_SECOND):
        assert await server.process.wait() == 0
    for line in [*server.stdout, *await server.rest()]:
        assert json.loads(line)["jsonrpc"] == "2.0"
    assert "Traceback" not in server.stderr.read_text(encoding="utf-8")


def many_files(folder: Path, count: int) -> Path:
    documents = folder / "documents"
    documents.mkdir()
    for number in range(count):
        (documents / f"{number}.md").write_text(f"# Part {number}\n\n" + WORDS * 60, encoding="utf-8")
    return documents


@ENDS
async def test_an_idle_server_ends_cleanly(tmp_path: Path, end: End) -> None:
    async with served(tmp_path, embedder="none") as server:
        with anyio.fail_after(60):
            await server.handshake()
            await server.ask("tools/list")
            assert (await server.call("list"))["data"] == []
        await ends_within_a_second(server, end)


@ENDS_AT_WORK
async def test_a_server_at_work_ends_cleanly_and_the_next_one_goes_on(tmp_path: Path, end: End) -> None:
    documents = many_files(tmp_path, 12)
    async with served(tmp_path) as server:
        with anyio.fail_after(60):
            await server.handshake()
            store = await server.call("create_store", name="s")
            await attach(server, store["id"], documents, wait_seconds=1)
        await ends_within_a_second(server, end)
    async with served(tmp_path) as server:
        with anyio.fail_after(60):
            await server.handshake()
            await attach(server, store["id"], documents, wait_seconds=20)
        assert await counted(server, store["id"]) == (12, 12)


async def attach(server: Served, store_id: str, folder: Path, wait_seconds: int) -> None:
    """Repeat the call, as its answer says, until every file is uploaded."""
    left = 1
    while left:
        batch = await server.call(
            "batch_attach", vector_store_id=store_id, paths=[str(folder)], wait_seconds=wait_seconds
        )
        left = batch["not_uploaded"]


async def counted(server: Served, store_id: str) -> tuple[int, int]:
    """Wait until nothing is in progress; return how many files are completed, and how many there are."""
    with anyio.fail_after(180):
        while True:
            store = await server.call("retrieve", vector_store_id=store_id, wait_seconds=50)
            if not store["file_counts"]["in_progress"]:
                return store["file_counts"]["completed"], store["file_counts"]["total"]


@ENDS_AT_WORK
async def test_a_call_that_waits_for_a_lock_does_not_hold_up_the_end(tmp_path: Path, end: End) -> None:
    async with served(tmp_path, embedder="none") as server:
        with anyio.fail_after(60):
            await server.handshake()
            await server.call("create_store", name="s")
        with sqlite3.connect(tmp_path / "data" / "catalog.db", isolation_level=None) as holder:
            holder.execute("BEGIN IMMEDIATE")
            await server.post("tools/call", name="create_store", arguments={"name": "waits"})
            await server.ask("ping")
            await ends_within_a_second(server, end)
        holder.close()


async def test_what_was_sent_before_the_input_ended_is_answered(tmp_path: Path) -> None:
    async with served(tmp_path, embedder="none") as server:
        with anyio.fail_after(60):
            asked = await server.post(
                "initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo={"name": "t", "version": "0"}
            )
            await server.hang_up()
            assert (await server.answer(asked))["serverInfo"]["name"] == "vector-stores-mcp"
            assert await server.process.wait() == 0


async def test_the_handshake_and_the_list_of_tools_touch_nothing_on_disk(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        with anyio.fail_after(60):
            await server.handshake()
            assert len((await server.ask("tools/list"))["tools"]) == 10
        assert not (tmp_path / "data").exists()
        await ends_within_a_second(server, end_of_input)


async def test_nothing_heavy_is_imported_for_the_handshake(tmp_path: Path) -> None:
    command = (sys.executable, "-X", "importtime", "-m", "vectorstores_server")
    async with served(tmp_path, command=command) as server:
        with anyio.fail_after(60):
            await server.handshake()
            await server.ask("tools/list")
        await ends_within_a_second(server, end_of_input)
        log = server.stderr.read_text(encoding="utf-8")

    imported = set(re.findall(r"^import time:\s+\d+ \|\s+\d+ \|\s+(\w+)", log, re.MULTILINE))
    assert "mcp" in imported
    assert not imported & HEAVY


@linux_only
@ENDS_AT_WORK
async def test_a_server_whose_parser_is_at_work_ends_cleanly_and_the_parser_with_it(tmp_path: Path, end: End) -> None:
    slow = samples.write_slow_xlsx(tmp_path / "slow.xlsx", rows=60_000)
    async with served(tmp_path, embedder="none") as server:
        with anyio.fail_after(60):
            await server.handshake()
            store = await server.call("create_store", name="s")
            await server.call("upload_file", vector_store_id=store["id"], path=str(slow), wait_seconds=0)
            parser = await child_of(server.process.pid, busy_for=0.1)
        await ends_within_a_second(server, end)
        with anyio.fail_after(5):
            await gone(parser)


async def test_what_libraries_print_never_reaches_stdout(tmp_path: Path) -> None:
    async with served(tmp_path, command=(sys.executable, "-c", LOUD)) as server:
        with anyio.fail_after(60):
            await server.handshake()
            store = await server.call("create_store", name="s")
            file = await server.call(
                "upload_file", vector_store_id=store["id"], text="Puffins dig.", filename="a.txt", wait_seconds=50
            )
            assert file["status"] == "completed"
            assert (await server.call("search", query="puffins"))["data"]
        await ends_within_a_second(server, end_of_input)
        log = server.stderr.read_text(encoding="utf-8")
    assert "print lancedb" in log
    assert "write lancedb" in log


@pytest.mark.slow
async def test_four_servers_share_a_directory_while_the_first_ingests(tmp_path: Path) -> None:
    documents = many_files(tmp_path, 30)
    async with served(tmp_path) as first, AsyncExitStack() as others:
        with anyio.fail_after(60):
            await first.handshake()
            store = await first.call("create_store", name="s")
            await attach(first, store["id"], documents, wait_seconds=1)
        running = [await others.enter_async_context(served(tmp_path, embedder="none")) for _ in range(3)]
        for number, other in enumerate(running):
            with anyio.fail_after(60):
                await other.handshake()
                assert store["id"] in [s["id"] for s in (await other.call("list"))["data"]]
                await other.call("upload_file", text=f"Number {number}.", filename="n.txt")
                found = await other.call("search", query="harbour tide", vector_store_id=store["id"])
                assert found["data"] or found["not_searched"]
        assert await counted(first, store["id"]) == (30, 30)
        for server in (first, *running):
            await ends_within_a_second(server, end_of_input)


async def test_a_misspelt_variable_is_named_on_stderr(tmp_path: Path) -> None:
    async with served(tmp_path, file_rots="/", embedder="none") as server:
        with anyio.fail_after(60):
            await server.handshake()
        await ends_within_a_second(server, end_of_input)
        assert "did you mean VECTOR_STORES_FILE_ROOTS?" in server.stderr.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [({"toolset": "some"}, "VECTOR_STORES_TOOLSET"), ({"exclude_tools": "serch"}, "There is no tool 'serch'")],
)
async def test_a_wrong_setting_ends_the_server_with_one_line(
    tmp_path: Path, settings: dict[str, str], sentence: str
) -> None:
    async with served(tmp_path, **settings) as server:
        with anyio.fail_after(60):
            assert await server.process.wait() == 1
            assert await server.rest() == []
        [line] = server.stderr.read_text(encoding="utf-8").splitlines()
    assert line.startswith("vector-stores-mcp: ")
    assert sentence in line


def open_to_others(top: Path) -> list[Path]:
    found = [Path(folder, name) for folder, _, files in os.walk(top) for name in ("", *files)]
    return [path for path in found if path.stat().st_mode & 0o077]


async def test_files_and_folders_of_the_data_directory_are_private(tmp_path: Path) -> None:
    async with served(tmp_path, embedder="none", log_file=str(tmp_path / "log" / "vs.log")) as server:
        with anyio.fail_after(60):
            await server.handshake()
            store = await server.call("create_store", name="s")
            await server.call("upload_file", vector_store_id=store["id"], text="Some words.", filename="a.txt")
        await ends_within_a_second(server, end_of_input)
    assert open_to_others(tmp_path / "data") == []
    assert (tmp_path / "log" / "vs.log").stat().st_mode & 0o077 == 0

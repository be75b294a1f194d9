"""The last calls of tools: noted without waiting, bounded, shared by processes, and shown to whom they belong."""

import sqlite3
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from mcp import Client

from support.pages import filled, page_of, parsed, signed_in
from vectorstores_server.calls.recorder import CallRecorder, recorder_for
from vectorstores_server.calls.ring import KEPT, CallRecord, CallRing
from vectorstores_server.engines.local.directory.names import is_ours
from vectorstores_server.http.auth import StaticTokens
from vectorstores_server.intake import MachineIntake
from vectorstores_server.intake.folders import FileCriteria
from vectorstores_server.protocol.server import ToolSurface, build_server
from vectorstores_server.settings import read_settings
from vectorstores_tools.contract.engine import Engine


def record(number: int, caller: str = "", query: str = "") -> CallRecord:
    return CallRecord(float(number), 1, caller, "search", "vs_1", query or f"query {number}", 1.5, 3, "")


@pytest.fixture
async def calling(local_engine: Engine, tmp_path: Path) -> AsyncGenerator[tuple[Client, CallRecorder]]:
    recorder = CallRecorder(CallRing(tmp_path), seconds=3_600)
    server = build_server(
        local_engine, MachineIntake(tmp_path, FileCriteria(frozenset(), 1), []), ToolSurface(), recorder
    )
    async with Client(server) as client:
        yield client, recorder


async def test_a_call_is_noted_with_its_store_query_and_hits(calling: tuple[Client, CallRecorder]) -> None:
    client, recorder = calling
    made = await client.call_tool("create_store", {"name": "Sea"})
    assert made.structured_content is not None
    store = made.structured_content["id"]
    await client.call_tool("search", {"vector_store_id": store, "query": ["moon", "two\nlines"]})
    await client.call_tool("search", {"vector_store_id": "vs_nothing", "query": "moon"})
    await client.list_tools()
    recorder.flush()
    failed, search, create = recorder.ring.latest()
    assert (create.tool, create.hits, create.error) == ("create_store", None, "")
    assert (search.store, search.query, search.hits, search.error) == (store, "moon; two lines", 0, "")
    assert failed.error
    assert search.milliseconds > 0


async def test_a_search_over_v1_is_noted_with_whose_it_was(local_engine: Engine, tmp_path: Path) -> None:
    recorder = CallRecorder(CallRing(tmp_path), seconds=3_600)
    store = await filled(local_engine, "Sea", ("moon.md", "The moon moves the tides."))
    async with page_of(local_engine, tokens=True, calls=recorder) as client:
        headers = {"authorization": "Bearer writing-token"}
        for name in (store, "vs_nothing"):
            body = {"query": ["moon", "two\nlines"]}
            await client.post(f"/v1/vector_stores/{name}/search", json=body, headers=headers)
        await client.get(f"/v1/vector_stores/{store}/files", headers=headers)
    recorder.flush()
    failed, search = recorder.ring.latest()
    assert (search.tool, search.store, search.query) == ("search (/v1)", store, "moon; two lines")
    assert (search.hits, search.error, search.caller != "") == (1, "", True)
    assert (failed.hits, failed.error != "") == (None, True)


def test_the_ring_keeps_the_last_calls_of_all_processes(tmp_path: Path) -> None:
    one, other = CallRing(tmp_path), CallRing(tmp_path)
    for number in range(0, KEPT + 100, 2):
        one.append([record(number)])
        other.append([record(number + 1)])
    latest = one.latest()
    assert [call.at for call in latest] == [float(at) for at in range(KEPT + 99, 99, -1)]
    assert is_ours("calls.db")


def test_calls_that_cannot_be_written_now_wait_and_are_bounded(tmp_path: Path) -> None:
    ring = CallRing(tmp_path)
    ring.append([record(0)])
    recorder = CallRecorder(ring, seconds=3_600)
    with sqlite3.connect(tmp_path / "calls.db", isolation_level=None) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        for number in range(1, 2 * KEPT):
            recorder.note(record(number))
        recorder.flush()
        recorder.note(record(2 * KEPT))
        holder.execute("ROLLBACK")
    holder.close()
    recorder.flush()
    assert len(ring.latest()) == KEPT
    assert ring.latest()[0].at == 2 * KEPT


def test_a_damaged_file_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "calls.db").write_bytes(b"no database" * 100)
    ring = CallRing(tmp_path)
    ring.append([record(1)])
    assert [call.at for call in ring.latest()] == [1.0]
    assert [path.read_bytes() for path in tmp_path.glob("aside-*/calls.db")] == [b"no database" * 100]


def test_nothing_is_kept_where_that_is_switched_off_or_nothing_may_be_written(tmp_path: Path) -> None:
    assert recorder_for(read_settings({"data": tmp_path})) is not None
    assert recorder_for(read_settings({"data": tmp_path, "call_log": False})) is None
    assert recorder_for(read_settings({"data": tmp_path, "read_only": True})) is None
    CallRing(tmp_path / "nowhere").append([record(1)])
    assert not (tmp_path / "nowhere").exists()


async def test_the_page_shows_the_calls_and_hides_the_queries_of_others_from_who_only_reads(
    local_engine: Engine, tmp_path: Path
) -> None:
    ring = CallRing(tmp_path)
    secret, own = "<b>secret</b>", "own question"
    await anyio.to_thread.run_sync(ring.append, [record(1, "token-1", secret), record(2, "token-2", own)])
    async with page_of(local_engine, tokens=True, ring=ring) as client:
        await signed_in(client, "reading-token")
        shown = parsed(await client.get("/calls")).text()
        assert own in shown
        assert "secret" not in shown
        await signed_in(client, "writing-token")
        shown = parsed(await client.get("/calls")).text()
        assert secret in shown
        assert own in shown
    async with page_of(local_engine) as client:
        assert (await client.get("/calls")).status_code == 404
        assert "/calls" not in (await client.get("/")).text


async def test_a_bound_visitor_sees_calls_of_its_own_in_stores_that_it_sees(
    local_engine: Engine, tmp_path: Path
) -> None:
    ring = CallRing(tmp_path)
    seen, hidden = await filled(local_engine, "Seen"), await filled(local_engine, "Hidden")
    calls = [
        replace(record(number, caller, query), store=store)
        for number, (caller, store, query) in enumerate(
            [
                ("token-1", seen, "of mine"), ("token-1", hidden, "of before"), ("token-2", seen, "of another"),
                ("token-1", "", "of all stores"), ("token-1", f"{seen}; {hidden}", "of both"),
            ]
        )
    ]  # fmt: skip
    await anyio.to_thread.run_sync(ring.append, calls)
    async with page_of(local_engine, verifier=StaticTokens([f"store:{seen} bound"]), ring=ring) as client:
        await signed_in(client, "bound")
        shown = parsed(await client.get("/calls")).text()
    assert [query for query in ("of mine", "of before", "of another", "of all", "of both") if query in shown] == [
        "of mine"
    ]
    assert hidden not in shown

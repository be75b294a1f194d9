"""What an operator looks at: whether all parts work, and the numbers."""

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette

from support.local import Words, add, opened, store, upload
from vectorstores_server.engines.local import health
from vectorstores_server.engines.local.catalog import database
from vectorstores_server.engines.local.embedding import EmbedderChoice
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.engines.local.index import Index
from vectorstores_server.engines.local.index.errors import IndexUnreachable
from vectorstores_server.engines.remote.engine import RemoteEngine
from vectorstores_server.engines.remote.factory import chosen_dialect
from vectorstores_server.engines.remote.http.address import RemoteChoice, address_of
from vectorstores_server.engines.remote.http.client import RemoteClient
from vectorstores_server.http.access_log import FinishedRequest
from vectorstores_server.http.auth import ANYBODY
from vectorstores_server.http.concurrency import Admission
from vectorstores_server.http.metrics import API_ROUTES, Metrics, route_of
from vectorstores_server.http.operations import Probe, operations
from vectorstores_server.http.v1.api import new_app
from vectorstores_tools.contract.errors import Unavailable
from vectorstores_tools.contract.maintenance import Check, Health
from vectorstores_tools.contract.requests import FileAttach


async def well() -> Health:
    await anyio.lowlevel.checkpoint()
    return Health({})


def served(probe: Probe, metrics: Metrics | None = None) -> httpx.AsyncClient:
    app = Starlette(routes=operations(probe, metrics or Metrics(Admission(1, 1))))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")


async def scraped(http: httpx.AsyncClient) -> dict[str, float]:
    """Return every sample of /metrics, by its name and labels."""
    page = (await http.get("/metrics")).text
    samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
    return {f"{s.name}{dict(sorted(s.labels.items())) or ''}": s.value for s in samples}


async def test_ready_is_200_or_503_by_what_the_engine_says() -> None:
    async def broken() -> Health:
        await anyio.lowlevel.checkpoint()
        return Health({"index": Check(False, "it is gone")})

    async with served(well) as http:
        assert (await http.get("/ready")).json() == {"ready": True, "checks": {}}
    async with served(broken) as http:
        reply = await http.get("/ready")
        assert (reply.status_code, reply.json()["checks"]["index"]["state"]) == (503, "it is gone")
        assert (await http.get("/health")).status_code == 200


async def test_an_engine_that_cannot_say_how_it_is_is_not_ready() -> None:
    async def failing() -> Health:
        await anyio.lowlevel.checkpoint()
        raise Unavailable("The remote is away.", "Try again.")

    async with served(failing) as http:
        reply = await http.get("/ready")
        assert reply.status_code == 503
        assert reply.json()["checks"]["engine"] == {"ok": False, "state": "The remote is away. Try again."}
        assert (await scraped(http))["vector_stores_ready"] == 0


async def test_many_who_ask_at_once_are_one_question_to_the_engine() -> None:
    asked = 0

    async def count() -> Health:
        nonlocal asked
        asked += 1
        await anyio.lowlevel.checkpoint()
        return Health({})

    async with served(count) as http, anyio.create_task_group() as tasks:
        for path in ("/ready", "/metrics") * 5:
            tasks.start_soon(http.get, path)
    assert asked == 1


async def test_requests_are_counted_by_route_without_ids() -> None:
    admission = Admission(4, 4)
    metrics = Metrics(admission)
    for path in ("/v1/files/file-1", "/v1/files/file-2"):
        metrics.observe(FinishedRequest("GET", path, 200, 0.03, "token-1", "req_1"))
    metrics.observe(FinishedRequest("BREW", "/coffee/1", 404, 0.001, "anybody", "req_2"))
    metrics.observe(FinishedRequest("GET", "/sse", 200, 3_600, "anybody", "req_3", stream=True))
    with admission.requests.enter(ANYBODY), admission.streams.enter(ANYBODY):
        async with served(well, metrics) as http:
            found = await scraped(http)
    assert found["vector_stores_requests_total{'method': 'GET', 'route': '/v1/files', 'status': '200'}"] == 2
    assert found["vector_stores_requests_total{'method': 'other', 'route': 'other', 'status': '404'}"] == 1
    assert found["vector_stores_request_seconds_count{'route': '/v1/files'}"] == 2
    assert found["vector_stores_request_seconds_bucket{'le': '0.05', 'route': '/v1/files'}"] == 2
    assert "vector_stores_request_seconds_count{'route': '/sse'}" not in found
    assert (found["vector_stores_requests_running"], found["vector_stores_streams_open"]) == (1, 1)


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v1/vector_stores/vs_1/file_batches/vsfb_1/files", "/v1/vector_stores/file_batches/files"),
        ("/v1/openai/v1/files/x/content", "/v1/files/content"),
        ("/mcp/", "/mcp"),
        ("/messages/?session_id=1", "/messages"),
        ("/v1/files/files/search/files/search", "other"),
        ("/v1/", "other"),
        ("/.env", "other"),
        ("/", "other"),
        ("//", "other"),
    ],
)
def test_a_route_is_one_of_few_whatever_is_asked_for(path: str, route: str) -> None:
    assert route_of(path) == route


def test_every_path_of_v1_has_its_route_in_the_metrics() -> None:
    paths: list[str] = list(new_app().openapi()["paths"])
    assert {route_of(path) for path in paths} == {f"/v1/{route}" for route in API_ROUTES}


async def test_a_local_engine_that_was_never_used_is_ready(tmp_path: Path) -> None:
    async with opened(tmp_path) as engine, served(engine.health) as http:
        reply = await http.get("/ready")
    assert reply.status_code == 200
    assert {name: check["state"] for name, check in reply.json()["checks"].items()} == {
        "catalog": "writable",
        "index": "0 tables",
        "disk": "has room",
        "model": "none: search is by words alone",
        "worker": "works when there is work",
    }


async def test_the_numbers_of_a_local_engine_follow_what_it_does(tmp_path: Path) -> None:
    async with opened(tmp_path, Words()) as engine:
        store_id = await store(engine)
        await add(engine, store_id, "The tide is high.\n\nThe moon is full.")
        await add(engine, store_id, b"\x00\x01\x02", "broken.pdf")
        async with served(engine.health) as http:
            assert (await http.get("/ready")).json()["checks"]["model"] == {"ok": True, "state": "words/32"}
            found = await scraped(http)
    expected = {
        "ready": 1,
        "part_ok{'part': 'index'}": 1,
        "stores": 1,
        "files": 2,
        "store_files_completed": 1,
        "store_files_failed": 1,
        "store_files_in_progress": 0,
        "queue_length": 0,
        "index_tables": 1,
        "ingested_files_total": 1,
        "ingest_failures_total": 1,
    }
    assert {name: found[f"vector_stores_{name}"] for name in expected} == expected
    assert found["vector_stores_passages"] == found["vector_stores_ingested_passages_total"] >= 1
    assert found["vector_stores_usage_bytes"] > 0
    assert found["vector_stores_disk_free_bytes"] > 0


async def test_what_waits_for_another_process_is_the_queue(tmp_path: Path) -> None:
    async with opened(tmp_path, Words()) as other:
        store_id = await store(other)
    async with opened(tmp_path) as without_model:
        await without_model.attach_file(store_id, FileAttach(file_id=await upload(without_model, "text")))
        assert (await without_model.health()).numbers["queue_length"] == 1


async def test_a_read_only_engine_need_not_write(tmp_path: Path) -> None:
    async with opened(tmp_path) as other:
        await store(other)
    engine = LocalEngine(tmp_path, None, read_only=True)
    assert (await engine.health()).checks["catalog"] == Check(True, "readable")
    await engine.aclose()


async def test_a_catalog_that_nobody_can_write_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOOK_SECONDS", 0.01)
    async with opened(tmp_path) as engine:
        await store(engine)
        with sqlite3.connect(tmp_path / "catalog.db", isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            state = await engine.health()
            other.execute("ROLLBACK")
        other.close()
        assert not state.ready
        assert "busy" in state.checks["catalog"].state
        assert (await engine.health()).ready


async def test_an_index_whose_table_is_gone_or_damaged_is_not_ready(tmp_path: Path) -> None:
    async with opened(tmp_path) as engine:
        store_id = await store(engine)
        await add(engine, store_id, "The tide is high.")
        assert (await engine.health()).ready
        (table,) = (tmp_path / "index").glob("*.lance")
        shutil.rmtree(table / "_versions")
        damaged = await engine.health()
        shutil.rmtree(table)
        gone = await engine.health()
    assert [state.checks["index"].ok for state in (damaged, gone)] == [False, False]
    assert "missing" in gone.checks["index"].state


@pytest.mark.parametrize("call", ["tables", "unsettled", "rows"])
async def test_an_index_that_is_away_is_not_ready_and_the_other_numbers_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    async def away(*_: object) -> None:
        await anyio.lowlevel.checkpoint()
        raise IndexUnreachable("all")

    async with opened(tmp_path) as engine:
        await add(engine, await store(engine), "The tide is high.")
        monkeypatch.setattr(Index, call, away)
        state = await engine.health()
        monkeypatch.undo()
        assert (await engine.health()).ready
    assert [name for name, check in state.checks.items() if not check.ok] == ["index"]
    assert state.numbers["ingested_files_total"] == 1


async def test_a_data_directory_that_cannot_be_is_not_ready_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    engine = LocalEngine(tmp_path / "file" / "data", None)
    async with served(engine.health) as http:
        reply = await http.get("/ready")
        assert (await http.get("/metrics")).status_code == 200
    await engine.aclose()
    assert reply.status_code == 503
    failing = [name for name, check in reply.json()["checks"].items() if not check["ok"]]
    parts = ["catalog", "index", "disk"]
    assert failing in (parts, [*parts, "worker"]), "the worker may have tried, or not yet"


async def test_a_full_disk_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "LEAST_FREE_BYTES", 2**62)
    async with opened(tmp_path) as engine:
        check = (await engine.health()).checks["disk"]
    assert not check.ok
    assert "free some space" in check.state


async def test_a_model_that_was_asked_for_and_is_not_there_is_not_ready(tmp_path: Path) -> None:
    choice = EmbedderChoice(name="minilm", cache=tmp_path / "cache", path=tmp_path / "nothing")
    engine = LocalEngine(tmp_path / "data", choice)
    async with served(engine.health) as http:
        reply = await http.get("/ready")
    await engine.aclose()
    assert reply.status_code == 503
    assert "model" in reply.text


@pytest.mark.parametrize(("status", "ready"), [(200, True), (401, False)])
async def test_a_remote_is_ready_when_it_answers(status: int, ready: bool) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        good: dict[str, Any] = {"object": "list", "data": [], "has_more": False, "first_id": None, "last_id": None}
        return httpx.Response(status, json=good if ready else {"error": {"message": "no", "type": "x"}})

    choice = RemoteChoice("http://127.0.0.1/v1", "planted-key")
    engine = RemoteEngine(RemoteClient(address_of(choice), httpx.MockTransport(answer)), chosen_dialect(choice))
    async with served(engine.health) as http:
        reply = await http.get("/ready")
    await engine.aclose()
    assert (reply.json()["ready"], asked) == (ready, ["/v1/vector_stores"])
    assert "planted-key" not in reply.text

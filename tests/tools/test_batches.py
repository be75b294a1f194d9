"""batch_attach and cancel_batch, through the protocol."""

from pathlib import Path

import anyio

from support.clients import Caller, text_of
from support.engine_calls import NOISE
from vectorstores_server.intake import MachineIntake
from vectorstores_server.intake.folders import FileCriteria
from vectorstores_tools.arguments.inputs import BatchAttach
from vectorstores_tools.attach_paths import PathUpload
from vectorstores_tools.context import ToolCall
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.requests import StoreCreate
from vectorstores_tools.progress.reporting import Progress


async def test_a_folder_is_attached_once_however_often_it_is_asked_for(caller: Caller) -> None:
    store = await caller.store()
    for n in range(3):
        caller.write(f"{n}.md", f"# Page {n}\n\nWords of page {n}.")
    (caller.folder / "photo.xyz").write_bytes(NOISE)
    first = await caller.call("batch_attach", vector_store_id=store, paths=[str(caller.folder)], wait_seconds=50)
    assert (first["status"], first["file_counts"]["completed"], first["uploaded"]) == ("completed", 3, 3)
    assert (first["not_uploaded"], sum(first["skipped"].values())) == (0, 1)
    again = await caller.call("batch_attach", vector_store_id=store, paths=[str(caller.folder)], wait_seconds=0)
    assert (again["id"], again["uploaded"], again["unchanged"]) == (first["id"], 0, 3)
    caller.write("1.md", "# Page 1\n\nOther words.")
    third = await caller.call("batch_attach", vector_store_id=store, paths=[str(caller.folder)], wait_seconds=50)
    assert (third["uploaded"], third["unchanged"], third["file_counts"]["total"]) == (1, 2, 1)
    assert (await caller.call("retrieve", vector_store_id=store))["file_counts"]["total"] == 3


async def test_a_call_that_does_not_wait_takes_the_folder_in_all_the_same(caller: Caller) -> None:
    store = await caller.store()
    for n in range(4):
        caller.write(f"{n}.txt", f"Words of page {n}.")
    batch = await caller.call("batch_attach", vector_store_id=store, paths=[str(caller.folder)], wait_seconds=0)
    assert (batch["uploaded"], batch["not_uploaded"]) == (4, 0)
    assert batch["file_counts"]["total"] == 4


async def test_when_the_time_is_up_the_rest_is_left_for_the_next_call(engine: Engine, tmp_path: Path) -> None:
    names = [tmp_path / f"{n}.txt" for n in range(4)]
    for path in names:
        path.write_text(f"Words of {path.name}.")
    intake = MachineIntake(tmp_path / "data", FileCriteria(frozenset({".txt"}), 1_000), [tmp_path])
    call = ToolCall(engine, intake, report=nothing, stores_changed=nothing)
    store = await engine.create_store(StoreCreate())
    left: list[int] = []
    for _ in names:
        upload = PathUpload(call, await intake.survey([str(tmp_path)], None), {}, 0)
        upload.uploads_until = 0
        await upload.run(BatchAttach(vector_store_id=store.id, paths=[str(tmp_path)]), Progress())
        left.append(upload.not_uploaded)
    assert left == [3, 2, 1, 0]
    assert (await engine.retrieve_store(store.id)).file_counts.total == 4


async def nothing(*_: object) -> None:
    """Tell nobody."""


async def test_a_failed_file_that_is_attached_again_is_not_called_unchanged(caller: Caller) -> None:
    store = await caller.store()
    caller.write("blank.txt", " \n ")
    arguments = {"vector_store_id": store, "paths": [str(caller.folder)], "wait_seconds": 50}
    await caller.call("batch_attach", **arguments)
    second = await caller.call("batch_attach", **arguments)
    assert (second["unchanged"], second["file_counts"]["failed"]) == (0, 1)
    assert second["uploaded"] + second.get("again", 0) == 1


async def test_failures_are_named_with_their_reason(caller: Caller) -> None:
    store = await caller.store()
    good = await caller.call("upload_file", text="Words.", filename="good.txt")
    bad = await caller.call("upload_file", text=" \n ", filename="blank.txt")
    result = await caller.result(
        "batch_attach", vector_store_id=store, file_ids=[good["id"], bad["id"]], attributes={"a": 1}, wait_seconds=50
    )
    batch = result.structured_content
    assert batch is not None
    assert (batch["status"], batch["file_counts"]["failed"]) == ("completed", 1)
    (failure,) = batch["failures"]
    assert (failure["file_id"], failure["filename"], failure["code"]) == (bad["id"], "blank.txt", "unsupported_file")
    assert failure["message"] in text_of(result)
    item = await caller.call("retrieve", vector_store_id=store, file_id=good["id"])
    assert item["attributes"] == {"a": 1}


async def test_files_have_options_of_their_own(caller: Caller) -> None:
    store = await caller.store()
    file = await caller.call("upload_file", text="Words.", filename="a.txt")
    sizes = {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 50}
    entry = {"file_id": file["id"], "attributes": {"n": 2}, "chunking_strategy": {"type": "static", "static": sizes}}
    batch = await caller.call("batch_attach", vector_store_id=store, files=[entry], wait_seconds=0)
    assert batch["next"] == f"retrieve(vector_store_id='{store}', batch_id='{batch['id']}', wait_seconds=50)"
    item = await caller.call("retrieve", vector_store_id=store, file_id=file["id"])
    assert (item["attributes"], item["chunking_strategy"]["static"]) == ({"n": 2}, sizes)
    error = await caller.refused("batch_attach", vector_store_id=store, files=[entry], attributes={"n": 3})
    assert "each of files has its own" in error["message"]
    error = await caller.refused("batch_attach", vector_store_id=store, files=[{"id": file["id"]}])
    assert error["param"] in ("files[0].file_id", "files[0].id")


async def test_a_batch_of_nothing_is_refused(caller: Caller) -> None:
    store = await caller.store()
    assert "exactly one of" in (await caller.refused("batch_attach", vector_store_id=store))["next"]
    assert (await caller.refused("batch_attach", vector_store_id=store, file_ids=[]))["message"]
    error = await caller.refused("batch_attach", vector_store_id=store, paths=[str(caller.folder)])
    assert "No file to attach" in error["message"]
    error = await caller.refused("batch_attach", vector_store_id="vs_nothing", paths=[str(caller.folder)])
    assert "vs_nothing" in error["message"]


async def test_a_cancelled_batch_stays_cancelled(caller: Caller) -> None:
    store = await caller.store()
    files = [await caller.call("upload_file", text="Bees make honey. " * 500, filename=f"{n}.txt") for n in range(5)]
    ids = [file["id"] for file in files]
    batch = await caller.call("batch_attach", vector_store_id=store, file_ids=ids, wait_seconds=0)
    cancelled = await caller.call("cancel_batch", vector_store_id=store, batch_id=batch["id"])
    assert cancelled["status"] == "cancelled"
    assert cancelled["file_counts"]["in_progress"] == 0
    error = await caller.refused("cancel_batch", vector_store_id=store, batch_id="vsfb_nothing")
    assert "vsfb_nothing" in error["message"]


async def test_a_waiting_call_reports_progress_that_grows(caller: Caller) -> None:
    store = await caller.store()
    for n in range(12):
        caller.write(f"{n}.txt", f"Page {n}. " * 300)
    reports: list[tuple[float, float | None, str | None]] = []

    async def report(progress: float, total: float | None, message: str | None) -> None:
        reports.append((progress, total, message))

    arguments = {"vector_store_id": store, "paths": [str(caller.folder)], "wait_seconds": 50}
    with anyio.fail_after(60):
        await caller.client.call_tool("batch_attach", arguments, progress_callback=report)
    steps = [progress for progress, _, _ in reports]
    assert steps
    assert steps == sorted(set(steps))
    assert any(message and "of 12 files" in message for _, _, message in reports)

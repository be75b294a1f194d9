"""Folders that a store follows, through the protocol, and what an attach without a mirror says is gone."""

import shutil
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from support.clients import Caller, Era, connected
from support.local import Words, opened
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_tools.contract.engine import Engine


@pytest.fixture
async def follower(era: Era, tmp_path: Path) -> AsyncGenerator[Caller]:
    async with (
        opened(tmp_path / "data", Words()) as engine,
        connected(engine, era, tmp_path / "files") as caller,
    ):
        yield caller


async def test_a_store_follows_a_folder_from_one_call_on(follower: Caller) -> None:
    store = await follower.store()
    for n in range(3):
        follower.write(f"api/{n}.md", f"# Page {n}\n\nWords of page {n}.")
    paths = [str(follower.folder)]
    first = await follower.call("batch_attach", vector_store_id=store, paths=paths, mirror="on", wait_seconds=50)
    assert (first["status"], first["file_counts"]["completed"]) == ("completed", 3)
    assert first["walked"] == {"found": 3, "added": 3}
    (source,) = first["sources"]
    assert (source["folder"], source["state"], source["walking"]) == (paths[0], "mirrored", False)
    (follower.folder / "api/1.md").rename(follower.folder / "one.md")
    (follower.folder / "api/2.md").unlink()
    again = await follower.call("batch_attach", vector_store_id=store, paths=paths, mirror="on", wait_seconds=50)
    assert again["walked"] == {"found": 2, "renamed": 1, "removed": 1}
    listed = (await follower.call("list", vector_store_id=store))["data"]
    assert {item["path"] for item in listed} == {"api/0.md", "one.md"}
    shown = await follower.call("retrieve", vector_store_id=store, wait_seconds=50)
    assert shown["sources"][0]["state"] == "mirrored"
    assert shown["sources"][0]["looked_at"] >= shown["created_at"]


async def test_off_ends_it_and_absent_leaves_it(follower: Caller) -> None:
    store = await follower.store()
    follower.write("a.md", "# A\n\nWords.")
    arguments = {"vector_store_id": store, "paths": [str(follower.folder)], "wait_seconds": 50}
    await follower.call("batch_attach", **arguments, mirror="on")
    await follower.call("batch_attach", **arguments)
    assert len((await follower.call("retrieve", vector_store_id=store))["sources"]) == 1
    ended = await follower.call("batch_attach", **arguments, mirror="off")
    assert ended["message"] == "The store no longer follows 1 folder. Its files stay."
    assert "sources" not in await follower.call("retrieve", vector_store_id=store)
    assert len((await follower.call("list", vector_store_id=store))["data"]) == 1
    again = await follower.call("batch_attach", **arguments, mirror="off")
    assert again["message"] == "The store followed none of these."


async def test_a_paused_folder_asks_for_consent_and_goes_on_with_it(follower: Caller, tmp_path: Path) -> None:
    store = await follower.store()
    for n in range(30):
        follower.write(f"d/{n}.md", f"Words of page {n}.")
    follower.write("a.md", "Words.")
    arguments = {"vector_store_id": store, "paths": [str(follower.folder)], "mirror": "on"}
    await follower.call("batch_attach", **arguments, wait_seconds=50)
    shutil.move(follower.folder / "d", tmp_path / "d")
    early = await follower.call("batch_attach", **arguments, wait_seconds=0)
    assert early["status"] == "in_progress"
    assert early["next"].startswith(f"retrieve(vector_store_id='{store}'")
    agreed = await follower.call("batch_attach", **arguments, confirm=True, wait_seconds=50)
    assert agreed["walked"]["removed"] == 30
    assert len((await follower.call("list", vector_store_id=store))["data"]) == 1


async def test_what_is_gone_is_named_where_the_store_does_not_follow(follower: Caller) -> None:
    store = await follower.store()
    for n in range(8):
        follower.write(f"{n}.md", f"Words of page {n}.")
    arguments = {"vector_store_id": store, "paths": [str(follower.folder)], "wait_seconds": 50}
    first = await follower.call("batch_attach", **arguments)
    assert "gone" not in first
    for n in range(6):
        (follower.folder / f"{n}.md").rename(follower.folder / f"new{n}.md")
    second = await follower.call("batch_attach", **arguments)
    gone = second["gone"]
    assert gone["count"] == 6
    assert len(gone["files"]) == 5
    assert {item["path"] for item in gone["files"]} < {f"{n}.md" for n in range(6)}
    assert "mirror='on'" in gone["next"]
    assert gone["files"][0]["path"] in await follower.text("batch_attach", **arguments)
    assert (await follower.call("retrieve", vector_store_id=store))["file_counts"]["total"] == 14
    await follower.call("batch_attach", **arguments, mirror="on")
    assert (await follower.call("retrieve", vector_store_id=store))["file_counts"]["total"] == 8


async def test_what_only_a_glob_passed_over_is_not_gone(follower: Caller) -> None:
    store = await follower.store()
    follower.write("a.md", "Words.")
    follower.write("b.txt", "Words.")
    await follower.call("batch_attach", vector_store_id=store, paths=[str(follower.folder)], wait_seconds=50)
    glob = await follower.call(
        "batch_attach", vector_store_id=store, paths=[f"{follower.folder}/*.md"], wait_seconds=50
    )
    assert "gone" not in glob


@pytest.mark.parametrize(
    ("arguments", "param"),
    [
        ({"file_ids": ["file-x"], "mirror": "on"}, "mirror"),
        ({"paths": ["FOLDER"], "confirm": True}, "confirm"),
        ({"paths": ["FOLDER"], "mirror": "off", "confirm": True}, "confirm"),
        ({"paths": ["FOLDER/a.md"], "mirror": "on"}, "paths"),
        ({"paths": ["https://docs.example/"], "mirror": "on"}, "paths"),
        ({"paths": ["FOLDER"], "mirror": "yes"}, "mirror"),
    ],
)
async def test_what_cannot_be_followed_is_refused_and_nothing_begins(
    follower: Caller, arguments: dict[str, Any], param: str
) -> None:
    store = await follower.store()
    follower.write("a.md", "Words.")
    if "paths" in arguments:
        arguments = arguments | {"paths": [path.replace("FOLDER", str(follower.folder)) for path in arguments["paths"]]}
    error = await follower.refused("batch_attach", vector_store_id=store, **arguments)
    assert error["param"] == param
    assert "sources" not in await follower.call("retrieve", vector_store_id=store)


async def test_a_store_of_a_remote_follows_nothing_and_says_so(engine: Engine, caller: Caller) -> None:
    if not engine.capabilities.remote:
        return
    store = await caller.store()
    caller.write("a.md", "Words.")
    error = await caller.refused("batch_attach", vector_store_id=store, paths=[str(caller.folder)], mirror="on")
    assert (error["param"], error["next"]) == ("mirror", "leave out mirror.")


async def test_over_http_a_followed_folder_is_told_by_its_name_alone(tmp_path: Path) -> None:
    engine = LocalEngine(tmp_path / "data", Words(), tells_paths=False)
    try:
        async with connected(engine, "auto", tmp_path / "files") as caller:
            store = await caller.store()
            caller.write("a.md", "Words.")
            arguments = {"vector_store_id": store, "paths": [str(caller.folder)], "mirror": "on", "wait_seconds": 50}
            answers = [await caller.result("batch_attach", **arguments)]
            answers += [await caller.result("retrieve", vector_store_id=store)]
            for answer in answers:
                assert answer.structured_content is not None
                assert answer.structured_content["sources"][0]["folder"] == "files"
                assert str(tmp_path) not in str(answer)
            resource = await caller.client.read_resource(f"vectorstore://{store}")
            assert str(tmp_path) not in str(resource)
    finally:
        await engine.aclose()

"""The whole tool surface in both eras of the protocol, and what a server shows of it."""

from pathlib import Path

import pytest
from mcp.client import ClientRequestContext
from mcp.types import ListRootsResult, Root

from support.clients import Caller, Era, connected, text_of
from vectorstores_server.protocol.server import ToolSurface
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.toolset import TOOL_NAMES

CORE = ["create_store", "upload_file", "batch_attach", "search", "list"]
READING = ["search", "list", "retrieve", "read"]


async def test_all_ten_tools_do_their_work(caller_of_era: Caller) -> None:
    caller = caller_of_era
    store = await caller.store(name="Notes")
    file_id = await caller.add(store, "Bees make honey.")
    hit = (await caller.call("search", query="honey"))["data"][0]
    assert "honey" in (await caller.call("read", uri=hit["uri"]))["text"]
    caller.write("tea.txt", "Tea is steamed.")
    batch = await caller.call("batch_attach", vector_store_id=store, paths=[str(caller.folder)], wait_seconds=50)
    assert (await caller.call("cancel_batch", vector_store_id=store, batch_id=batch["id"]))["status"] == "completed"
    assert len((await caller.call("list", vector_store_id=store))["data"]) == 2
    await caller.call("update", vector_store_id=store, name="Facts")
    assert (await caller.call("retrieve", vector_store_id=store))["name"] == "Facts"
    await caller.call("delete", what="file_from_store", vector_store_id=store, file_id=file_id)
    error = await caller.refused("search", query="honey", top_k=1)
    assert error["next"] == "Did you mean max_num_results?"


async def test_a_surface_shows_what_the_operator_allows(engine: Engine, era: Era, tmp_path: Path) -> None:
    for surface, names in (
        (ToolSurface(), list(TOOL_NAMES)),
        (ToolSurface(toolset="core"), CORE),
        (ToolSurface(read_only=True), READING),
        (ToolSurface(toolset="core", read_only=True), ["search", "list"]),
        (ToolSurface(excluded=frozenset({"delete", "cancel_batch"})), list(TOOL_NAMES[:-2])),
    ):
        async with connected(engine, era, tmp_path / "files", surface) as caller:
            assert [tool.name for tool in (await caller.client.list_tools()).tools] == names


async def test_what_is_not_shown_cannot_be_called(engine: Engine, tmp_path: Path) -> None:
    async with connected(engine, "auto", tmp_path / "files", ToolSurface(read_only=True)) as caller:
        result = await caller.result("create_store")
        assert result.is_error
        assert "create_store" in text_of(result)
        assert (await caller.call("list"))["data"] == []


async def test_advice_names_only_tools_that_are_there(engine: Engine, tmp_path: Path) -> None:
    async with connected(engine, "auto", tmp_path / "files", ToolSurface(toolset="core")) as caller:
        store = await caller.store()
        item = await caller.call("upload_file", text="Words. " * 500, vector_store_id=store, wait_seconds=0)
        assert item["next"] == f"list(vector_store_id='{store}', filter='in_progress')"


class Folders:
    """A client's roots, and how often it was asked for them."""

    def __init__(self, *folders: Path) -> None:
        self.folders = folders
        self.asked = 0

    async def __call__(self, context: ClientRequestContext) -> ListRootsResult:
        self.asked += 1
        return ListRootsResult(roots=[Root(uri=folder.as_uri()) for folder in self.folders])  # pyright: ignore[reportArgumentType]  # a string is what the wire has


@pytest.fixture
def roots(tmp_path: Path) -> Folders:
    (tmp_path / "open folder").mkdir()
    (tmp_path / "open folder" / "a.txt").write_text("Bees make honey.")
    return Folders(tmp_path / "open folder")


async def test_the_folders_that_a_client_has_open_may_be_read(
    engine: Engine, era: Era, tmp_path: Path, roots: Folders
) -> None:
    surface = ToolSurface(roots_from_client=True)
    async with connected(engine, era, tmp_path / "files", surface, list_roots_callback=roots) as caller:
        store = await caller.store()
        await caller.call("upload_file", text="no path, no question")
        assert roots.asked == 0
        for _ in range(2):
            await caller.call("upload_file", path=str(roots.folders[0] / "a.txt"), vector_store_id=store)
        assert roots.asked == 1
        error = await caller.refused("upload_file", path=caller.write("b.txt", "outside"))
        assert str(roots.folders[0]) in f"{error['message']} {error['next']}"


async def test_roots_are_not_asked_for_where_they_name_another_machine(
    engine: Engine, era: Era, tmp_path: Path, roots: Folders
) -> None:
    async with connected(engine, era, tmp_path / "files", list_roots_callback=roots) as caller:
        await caller.call("upload_file", path=caller.write("b.txt", "inside"))
        await caller.refused("upload_file", path=str(roots.folders[0] / "a.txt"))
        assert roots.asked == 0

"""A folder that is attached once more: what the disk shows as it was is not opened, and what has to be done is."""

import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from support.clients import Caller, Era, connected
from support.local import Words, opened

LONG_AGO = 1_700_000_000_000_000_000
NAMES = ("a.md", "api/b.md", "api/c.md")


@pytest.fixture
async def again(era: Era, tmp_path: Path) -> AsyncGenerator[Caller]:
    async with (
        opened(tmp_path / "data", Words()) as engine,
        connected(engine, era, tmp_path / "files") as caller,
    ):
        yield caller


def write(caller: Caller, name: str, text: str, modified_ns: int = LONG_AGO) -> Path:
    path = Path(caller.write(name, text))
    os.utime(path, ns=(modified_ns, modified_ns))
    return path


async def attached(caller: Caller, store: str, **more: Any) -> dict[str, Any]:
    arguments = {"vector_store_id": store, "paths": [str(caller.folder)], "wait_seconds": 50, **more}
    return await caller.call("batch_attach", **arguments)


async def texts(caller: Caller, store: str) -> dict[str, str]:
    files = (await caller.call("list", vector_store_id=store))["data"]
    return {file["path"]: await caller.text("read", file_id=file["id"], vector_store_id=store) for file in files}


async def test_what_the_disk_shows_as_it_was_is_not_opened(again: Caller) -> None:
    store = await again.store()
    for name in NAMES:
        write(again, name, f"Words of {name}.")
    first = await attached(again, store)
    assert (first["uploaded"], first["unchanged"]) == (3, 0)
    for name in NAMES:
        write(again, name, f"Other {name}.."[: len(f"Words of {name}.")].ljust(len(f"Words of {name}."), "x"))
    second = await attached(again, store)  # the same size, time and inode: only opening would tell
    assert (second["uploaded"], second["unchanged"], second["file_counts"]["total"]) == (0, 3, 3)
    assert second["notes"] == ["Nothing is new. This is the last batch of these files, with others of its call."]


@pytest.mark.parametrize("change", ["another size", "another time", "another inode", "as just now"])
async def test_what_may_have_changed_is_read(change: str, again: Caller) -> None:
    store = await again.store()
    for name in NAMES:
        write(again, name, "Words of old.")
    if change == "as just now":
        Path(again.write("a.md", "Words of old."))
    await attached(again, store)
    if change == "another inode":
        write(again, "new", "Words of new.").replace(again.folder / "a.md")
    elif change == "as just now":
        status = (again.folder / "a.md").stat()
        write(again, "a.md", "Words of new.", status.st_mtime_ns)
    else:
        text = "Words of new." if change == "another time" else "Words of new ones."
        write(again, "a.md", text, LONG_AGO + (change == "another time"))
    done = await attached(again, store)
    assert (done["uploaded"], done["unchanged"]) == (1, 2)
    found = await texts(again, store)
    assert "Words of new" in found["a.md"]
    assert "Words of old." in found["api/b.md"]


async def test_what_a_call_asks_for_is_done_though_nothing_has_changed(again: Caller) -> None:
    store = await again.store()
    for name in NAMES:
        write(again, name, "Words of somebody.")
    await attached(again, store, attributes={"team": "red"})
    listed = (await again.call("list", vector_store_id=store))["data"]
    assert [file["attributes"] for file in listed] == [{"team": "red"}] * 3
    await attached(again, store, attributes={"team": "blue"})
    sizes = {"type": "static", "static": {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 0}}
    done = await attached(again, store, chunking_strategy=sizes)
    assert (done["uploaded"], done["again"], done["unchanged"]) == (0, 3, 0)
    assert (await attached(again, store, chunking_strategy=sizes))["unchanged"] == 3
    listed = (await again.call("list", vector_store_id=store))["data"]
    assert [file["attributes"] for file in listed] == [{"team": "blue"}] * 3


async def test_a_file_that_came_by_itself_gets_the_path_of_its_folder(again: Caller) -> None:
    store = await again.store()
    path = write(again, "api/b.md", "Words of somebody.")
    await again.call("batch_attach", vector_store_id=store, paths=[str(path)], wait_seconds=50)
    assert list(await texts(again, store)) == ["b.md"]
    assert (await attached(again, store))["unchanged"] == 1
    assert list(await texts(again, store)) == ["api/b.md"]


async def test_what_failed_is_tried_once_more(again: Caller) -> None:
    store = await again.store()
    path = again.folder / "broken.pdf"
    write(again, "a.md", "Words of somebody.")
    path.write_bytes(b"%PDF-1.4 and nothing else")
    os.utime(path, ns=(LONG_AGO, LONG_AGO))
    first = await attached(again, store)
    assert first["file_counts"]["failed"] == 1
    second = await attached(again, store)
    assert (second["again"], second["unchanged"]) == (1, 1)

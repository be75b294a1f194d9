"""Types that an upgrade makes readable: named once before a folder that is attached already gives them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from support.clients import Caller, connected, text_of
from support.local import opened
from support.memory_catalog import add_file, make_store, open_memory
from support.memory_catalog import attach as attach_row
from vectorstores_server.engines.local.catalog.dialect import DB
from vectorstores_server.engines.local.catalog.folder_types import are_reviewed, review
from vectorstores_server.engines.local.catalog.places import Origin, place_of, put
from vectorstores_server.engines.local.parsing import FIRST_TYPES
from vectorstores_tools.contract.engine import Engine

pytestmark = pytest.mark.usefixtures("dialect")

BEFORE, AFTER = ".md .txt", "* .eml .md .txt"


def change(directory: Path, sql: str) -> None:
    with closing(sqlite3.connect(directory / "catalog.db", timeout=30)) as db, db:
        db.execute(sql)


async def taken(caller: Caller, store: str) -> list[str]:
    items = (await caller.call("list", vector_store_id=store, limit=100))["data"]
    return sorted(item["filename"] for item in items)


@pytest.mark.parametrize(
    "before",
    [
        "DELETE FROM folder_types",  # and no path was kept: what the first version left behind
        "UPDATE folder_types SET types = '.md .txt'",
    ],
)
async def test_what_can_be_read_since_an_upgrade_is_counted_and_named_before_it_is_taken(
    tmp_path: Path, before: str
) -> None:
    folder = tmp_path / "files"
    async with opened(tmp_path / "data") as engine, connected(engine, "auto", folder) as caller:
        store = await caller.store()
        caller.write("a.md", "Words.")
        arguments = {"vector_store_id": store, "paths": [str(folder)], "wait_seconds": 50}
        await caller.call("batch_attach", **arguments)
    change(tmp_path / "data", before)
    change(tmp_path / "data", "UPDATE attachment SET path = NULL, folder = NULL")
    async with opened(tmp_path / "data") as engine, connected(engine, "auto", folder) as caller:
        caller.write("b.md", "Words that are new.")
        for number in range(6):
            caller.write(f"mail/{number}.eml", f"Subject: Mail {number}\n\nWords.")
        result = await caller.result("batch_attach", **arguments)
        first = result.structured_content
        assert first is not None
        assert first["newly_supported"] == {"total": 6, "files": [f"mail/{number}.eml" for number in range(5)]}
        assert "6 files are of types that could not be read when this folder was attached before" in text_of(result)
        assert (first["uploaded"], first["unchanged"], first["not_uploaded"]) == (1, 1, 0)
        assert "batch_attach with the same arguments" in first["next"]
        assert await taken(caller, store) == ["a.md", "b.md"]
        second = await caller.call("batch_attach", **arguments)
        assert "newly_supported" not in second
        assert second["uploaded"] == 6
        caller.write("mail/late.eml", "Subject: Late\n\nWords.")
        assert (await caller.call("batch_attach", **arguments))["uploaded"] == 1, "the folder is known to give mail now"


async def test_a_folder_that_is_new_to_the_store_gives_all_at_once(caller: Caller) -> None:
    store = await caller.store()
    caller.write("a.md", "Words.")
    caller.write("b.html", "<p>Words.</p>")
    for folder in (str(caller.folder), str(caller.folder)):
        done = await caller.call("batch_attach", vector_store_id=store, paths=[folder], wait_seconds=50)
        assert "newly_supported" not in done
    assert await taken(caller, store) == ["a.md", "b.html"]


async def test_a_file_that_is_named_itself_is_taken_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    async with opened(tmp_path / "data") as engine, connected(engine, "auto", folder) as caller:
        store = await caller.store()
        caller.write("a.md", "Words.")
        await caller.call("batch_attach", vector_store_id=store, paths=[str(folder)], wait_seconds=50)
        change(tmp_path / "data", "UPDATE folder_types SET types = '.md'")
        mail = caller.write("b.eml", "Subject: Mail\n\nWords.")
        done = await caller.call("batch_attach", vector_store_id=store, paths=[mail], wait_seconds=50)
        assert (done["uploaded"], "newly_supported" in done) == (1, False)


async def test_every_engine_answers(engine: Engine, tmp_path: Path) -> None:
    from support.engine_calls import new_store

    store = await new_store(engine)
    assert await engine.newly_supported(store, {}) == []
    assert await engine.newly_supported(store, {str(tmp_path / "a.eml"): str(tmp_path)}) == []


# In the catalog


@pytest.fixture
def db() -> DB:
    return open_memory()


def attached(db: DB, store: str, source: str, folder: str | None, *, of_before: bool = False) -> None:
    file = add_file(db)
    attach_row(db, store, file)
    (row,) = db.execute("SELECT id FROM attachment WHERE file_id = ?", (file,)).fetchall()
    db.execute("UPDATE attachment SET source = ? WHERE id = ?", (source, row["id"]))
    if not of_before:
        put(db, row["id"], place_of(Origin(source, "0", folder), None))


def reviewed(db: DB, store: str, *origins: str, folder: str, now: str = AFTER) -> list[str]:
    kinds = {origin: origin[origin.rindex(".") :] for origin in origins}
    return review(db, store, dict.fromkeys(origins, folder), kinds, now, FIRST_TYPES)


def test_a_folder_of_before_is_known_by_what_was_attached_below_it(db: DB) -> None:
    store = make_store(db)
    attached(db, store, "/docs/a.md", None, of_before=True)
    assert reviewed(db, store, "/docsier/a.eml", folder="/docsier") == []
    assert reviewed(db, store, "/docs/a.eml", "/docs/b.md", folder="/docs") == ["/docs/a.eml"]
    assert reviewed(db, store, "/docs/a.eml", "/docs/b.md", folder="/docs") == []


def test_a_file_that_was_named_itself_does_not_make_its_folder_known(db: DB) -> None:
    store = make_store(db)
    attached(db, store, "/docs/a.md", None)
    assert reviewed(db, store, "/docs/a.eml", folder="/docs") == []


def test_a_folder_inside_a_known_one_is_known(db: DB) -> None:
    store = make_store(db)
    reviewed(db, store, "/docs/a.md", folder="/docs", now=BEFORE)
    assert reviewed(db, store, "/docs/sub/a.eml", folder="/docs/sub") == ["/docs/sub/a.eml"]
    assert reviewed(db, store, "/docs/a.eml", folder="/docs") == ["/docs/a.eml"]
    assert are_reviewed(db, store, ["/docs", "/docs/sub"], AFTER)


def test_what_the_store_holds_is_not_new_and_stores_do_not_share_what_they_know(db: DB) -> None:
    store, other = make_store(db), make_store(db)
    reviewed(db, store, "/docs/a.md", folder="/docs", now=BEFORE)
    attached(db, store, "/docs/held.eml", None)
    assert reviewed(db, other, "/docs/a.eml", folder="/docs") == []
    assert reviewed(db, store, "/docs/held.eml", folder="/docs") == []
    db.execute("DELETE FROM store WHERE id = ?", (store,))
    assert not are_reviewed(db, store, ["/docs"], AFTER)
    assert reviewed(db, "vs_gone", "/docs/a.md", folder="/docs") == []

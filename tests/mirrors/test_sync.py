"""`sync` and `watch`: what a person says to the folders that stores follow."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import anyio
import pytest

from support.commands import Run
from support.local import opened
from vectorstores_server.intake import MachineIntake
from vectorstores_server.intake.folders import FileCriteria
from vectorstores_server.mirrors import MirrorKeeper
from vectorstores_tools.contract.engine import AttachOptions
from vectorstores_tools.contract.requests import StoreCreate

FRESH_LOOPS = True

Sync = Callable[..., tuple[int, str, str]]


@pytest.fixture
def sync(run: Run) -> Sync:
    """Run `sync` in this process, on data of its own; return code, stdout and stderr."""
    return partial(run, "sync")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of 30 notes that a store follows already."""
    notes = tmp_path / "notes"
    notes.mkdir()
    for n in range(30):
        (notes / f"{n}.md").write_text(f"Note {n}: the walrus rests.", encoding="utf-8")

    async def follow() -> None:
        async with opened(tmp_path / "data") as engine:
            intake = MachineIntake(tmp_path / "data", FileCriteria(frozenset({".md"}), 100_000), [tmp_path])
            keeper = MirrorKeeper(engine, intake)
            store = await engine.create_store(StoreCreate(name="notes"))
            await engine.mirrors.begin(store.id, str(notes), AttachOptions(), confirmed=False)
            await keeper.aclose()

    anyio.run(follow)
    return notes


def test_sync_says_what_differs_does_it_and_tells_cron_how_it_went(sync: Sync, folder: Path) -> None:
    code, out, _ = sync("--dry-run")
    assert (code, "30 new, 0 changed, 0 renamed, 0 gone, 0 unchanged" in out) == (4, True)
    assert "+ 0.md" in out
    assert "... and 10 more" in out
    code, out, _ = sync("notes")
    assert (code, "done: 30 added, 0 changed" in out) == (0, True)
    (folder / "0.md").write_text("Other words altogether.", encoding="utf-8")
    (folder / "1.md").rename(folder / "one.md")
    (folder / "2.md").unlink()
    (folder / "new.md").write_text("A new note.", encoding="utf-8")
    code, out, _ = sync("--dry-run", "notes")
    assert code == 4
    for row in (
        "+ new.md",
        "~ 0.md",
        "> 1.md -> one.md",
        "- 2.md",
        "1 new, 1 changed, 1 renamed, 1 gone, 27 unchanged",
    ):
        assert row in out, row
    assert sync()[0] == 0
    code, out, _ = sync()
    assert (code, "0 new, 0 changed, 0 renamed, 0 gone, 30 unchanged" in out) == (0, True)


def test_a_large_loss_needs_yes_and_an_empty_folder_a_look(sync: Sync, folder: Path) -> None:
    assert sync()[0] == 0
    for n in range(25):
        (folder / f"{n}.md").unlink()
    for _ in range(2):
        code, out, err = sync()
        assert (code, "25 gone" in out, "25 of 30 files are gone" in err) == (3, True, True)
    assert sync("--yes")[0] == 0
    code, out, _ = sync("--dry-run")
    assert (code, "5 unchanged" in out) == (0, True)
    for path in folder.iterdir():
        path.unlink()
    code, _, err = sync()
    assert (code, "The folder is empty; nothing was changed." in err) == (3, True)


def test_a_folder_outside_the_roots_needs_a_person(
    sync: Sync, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert folder.is_dir()
    monkeypatch.setenv("VECTOR_STORES_FILE_ROOTS", str(tmp_path / "other"))
    code, _, err = sync()
    assert (code, "VECTOR_STORES_FILE_ROOTS" in err) == (3, True)


def test_where_no_store_follows_a_folder_that_is_said(sync: Sync, tmp_path: Path) -> None:
    code, _, err = sync()
    assert (code, "No store follows a folder." in err) == (1, True)
    assert not (tmp_path / "data").exists()

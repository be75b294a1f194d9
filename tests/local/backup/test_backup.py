"""Backups are consistent while servers work, and a restore overwrites nothing."""

import json
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray

from support.local import Words, add, opened, search, settled, store, upload
from vectorstores_server.engines.local.backup.making import back_up, bytes_to_copy
from vectorstores_server.engines.local.backup.manifest import FILE_NAME, Manifest
from vectorstores_server.engines.local.backup.restoring import restore
from vectorstores_server.engines.local.directory.names import foreign
from vectorstores_server.engines.local.embedding.errors import EmbeddingFailure
from vectorstores_tools.contract.errors import DirectoryUpgraded, InvalidRequest, Unavailable
from vectorstores_tools.contract.requests import FileAttach, StoreFilesRequest

FRESH_LOOPS = True

FOX = "The quick brown fox jumps over the lazy dog."
Run = Callable[..., tuple[int, str, str]]


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def leftovers(folder: Path) -> list[str]:
    """What a restore that did not end has left beside the data directory."""
    return [name for name in entries(folder) if "restore-" in name]


def nothing(count: int) -> None:
    del count


class NoMoreVectors(Words):
    """The embedder of the store, which may embed questions only: a restore with the index needs no more."""

    async def embed_documents(
        self, texts: Sequence[str], *, stop: Callable[[], bool] | None = None
    ) -> NDArray[np.float32]:
        raise EmbeddingFailure("No vector may be made here.", "")


async def filled(data: Path, files: int = 5) -> tuple[str, list[tuple[str, float]]]:
    async with opened(data, Words()) as engine:
        id = await store(engine)
        for number in range(files):
            await add(engine, id, f"{FOX} number {number}", f"{number}.txt", attributes={"n": number})
        hits = (await search(engine, id, "fox number 3")).data
    return id, [(hit.file_id, hit.score) for hit in hits]


async def test_ids_citations_and_scores_stay_and_nothing_is_embedded_again(tmp_path: Path):
    id, hits = await filled(tmp_path / "data")
    manifest = back_up(tmp_path / "data", tmp_path / "backup", "1", nothing)
    assert manifest.counts == {"stores": 1, "files": 5, "attachments": 5}
    restore(tmp_path / "backup", tmp_path / "again", nothing)
    async with opened(tmp_path / "again", NoMoreVectors()) as engine:
        assert {file.status for file in await settled(engine, id)} == {"completed"}
        assert [(hit.file_id, hit.score) for hit in (await search(engine, id, "fox number 3")).data] == hits
        assert (await engine.list_store_files(id, _all())).data[0].attributes is not None
    assert foreign(tmp_path / "again", 5) == []
    assert leftovers(tmp_path) == []


def _all() -> StoreFilesRequest:
    return StoreFilesRequest(limit=100)


async def test_a_backup_without_the_index_is_searchable_once_it_is_built_again(tmp_path: Path):
    id, hits = await filled(tmp_path / "data")
    back_up(tmp_path / "data", tmp_path / "backup", "1", nothing, with_index=False)
    assert not (tmp_path / "backup" / "index").exists()
    restore(tmp_path / "backup", tmp_path / "again", nothing)
    async with opened(tmp_path / "again", Words()) as engine:
        mark = 0
        with anyio.fail_after(60):
            while not (await engine.health()).checks["index"].ok:
                mark = await engine.changed(mark)
        assert {file.status for file in await settled(engine, id)} == {"completed"}
        found = (await search(engine, id, "fox number 3")).data
    assert [hit.file_id for hit in found] == [file_id for file_id, _ in hits]


async def test_backups_made_while_files_are_added_changed_and_deleted_are_consistent(tmp_path: Path):
    async with opened(tmp_path / "data", Words()) as engine:
        id = await store(engine)
        await add(engine, id, FOX)
        done = anyio.Event()

        async def work() -> None:
            ids: list[str] = []
            for number in range(40):
                ids.append(await upload(engine, f"{FOX} {number} " * 20, f"{number}.txt"))
                await engine.attach_file(id, FileAttach(file_id=ids[-1]))
                if number % 3 == 2:
                    await engine.delete_file(ids.pop(0))
            await settled(engine, id)
            done.set()

        made: list[Path] = []
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(work)
            while not done.is_set() and len(made) < 4:
                target = tmp_path / f"backup{len(made)}"
                await anyio.to_thread.run_sync(back_up, tmp_path / "data", target, "1", nothing)
                made.append(target)
    for number, backup in enumerate(made):
        data = tmp_path / f"again{number}"
        manifest = restore(backup, data, nothing)
        async with opened(data, Words()) as engine:
            files = await settled(engine, id)
            assert {file.status for file in files} <= {"completed"}
            assert len(files) == manifest.counts["attachments"]
            hits = (await search(engine, id, "fox", max_num_results=50)).data
            assert {hit.file_id for hit in hits} == {file.id for file in files}
    assert made


@pytest.mark.parametrize("damage", ["blob", "catalog", "index", "missing", "list", "newer", "unlisted"])
async def test_a_backup_that_is_damaged_or_newer_restores_nothing(tmp_path: Path, damage: str):
    await filled(tmp_path / "data", 1)
    backup = tmp_path / "backup"
    back_up(tmp_path / "data", backup, "9.9", nothing)
    manifest = json.loads((backup / FILE_NAME).read_text())
    kinds = {"blob": "blobs/", "catalog": "catalog.db", "index": "index/", "missing": "text/"}
    if damage in kinds:
        path = backup / next(name for name in manifest["files"] if name.startswith(kinds[damage]))
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data) if damage != "missing" else path.unlink()
    elif damage == "list":
        (backup / FILE_NAME).unlink()
    else:
        manifest["schema"] += 99 if damage == "newer" else 0
        manifest["files"] |= {"../elsewhere": {"size": 1, "sha256": "0"}} if damage == "unlisted" else {}
        (backup / FILE_NAME).write_text(json.dumps(manifest))
    with pytest.raises((Unavailable, InvalidRequest, DirectoryUpgraded)) as caught:
        restore(backup, tmp_path / "again", nothing)
    assert str(caught.value)
    assert entries(tmp_path) == ["backup", "data"]


async def test_nothing_is_overwritten(tmp_path: Path):
    data = tmp_path / "data"
    await filled(data, 1)
    back_up(data, tmp_path / "backup", "1", nothing)
    before = sorted((str(path), path.stat().st_mtime_ns) for path in data.rglob("*"))
    with pytest.raises(InvalidRequest, match="overwrites nothing"):
        restore(tmp_path / "backup", data, nothing)
    for target in (tmp_path / "backup", data / "inside", tmp_path, data):
        with pytest.raises(InvalidRequest):
            back_up(data, target, "1", nothing)
    assert sorted((str(path), path.stat().st_mtime_ns) for path in data.rglob("*")) == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.docx").touch()
    with pytest.raises(InvalidRequest, match="not empty"):
        back_up(data, tmp_path / "mine", "1", nothing)


async def test_a_backup_that_was_cut_off_is_none_and_does_not_hinder_the_next(tmp_path: Path):
    await filled(tmp_path / "data", 3)
    count = 0

    def killed(done: int) -> None:
        nonlocal count
        count += done
        if count > 20_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        back_up(tmp_path / "data", tmp_path / "backup", "1", killed)
    with pytest.raises(InvalidRequest, match="never finished"):
        Manifest.read(tmp_path / "backup")
    with pytest.raises(InvalidRequest, match="not empty"):
        back_up(tmp_path / "data", tmp_path / "backup", "1", nothing)
    shutil.rmtree(tmp_path / "backup")
    back_up(tmp_path / "data", tmp_path / "backup", "1", nothing)
    count = 0
    with pytest.raises(KeyboardInterrupt):
        restore(tmp_path / "backup", tmp_path / "again", killed)
    assert not (tmp_path / "again").exists()
    assert leftovers(tmp_path) == []


async def test_a_file_that_is_deleted_while_it_is_copied_begins_the_copy_again(tmp_path: Path):
    data = tmp_path / "data"
    async with opened(data, Words()) as engine:
        id = await store(engine)
        doomed = await add(engine, id, "soon gone")
        kept = await add(engine, id, FOX)
        blobs = sorted((data / "blobs").iterdir())
        gone = False

        def report(done: int) -> None:
            """Delete a File, and its bytes as the sweep does, as soon as the catalog has been copied."""
            nonlocal gone
            if not gone:
                gone = True
                with closing(sqlite3.connect(data / "catalog.db")) as db:
                    sha256 = db.execute("SELECT sha256 FROM file WHERE id = ?", (doomed,)).fetchone()[0]
                    db.execute("DELETE FROM attachment WHERE file_id = ?", (doomed,))
                    db.execute("DELETE FROM file WHERE id = ?", (doomed,))
                    db.commit()
                (data / "blobs" / sha256).unlink()

        manifest = await anyio.to_thread.run_sync(back_up, data, tmp_path / "backup", "1", report)
    assert len(blobs) == 2
    assert manifest.counts["files"] == 1
    restore(tmp_path / "backup", tmp_path / "again", nothing)
    async with opened(tmp_path / "again", Words()) as engine:
        assert [file.id for file in await settled(engine, id)] == [kept]


async def test_the_size_that_the_progress_bar_counts_to_is_that_of_the_copy(tmp_path: Path):
    await filled(tmp_path / "data", 2)
    done: list[int] = []
    back_up(tmp_path / "data", tmp_path / "backup", "1", done.append)
    assert 0.5 < sum(done) / bytes_to_copy(tmp_path / "data") < 1.5


def test_backup_and_restore_on_the_command_line(run: Run, tmp_path: Path):
    (tmp_path / "a.md").write_text("The moon moves the tides.")
    assert run("backup", tmp_path / "early")[0] == 1
    run("add", "--store", "sea", tmp_path / "a.md")
    code, out, _ = run("backup", tmp_path / "kept")
    assert (code, "1 store and 1 file" in out) == (0, True)
    code, _, err = run("restore", tmp_path / "kept")
    assert (code, "overwrites nothing" in err) == (1, True)
    shutil.move(tmp_path / "data", tmp_path / "lost")
    code, out, _ = run("restore", tmp_path / "kept")
    assert (code, "Restored 1 store and 1 file" in out) == (0, True)
    assert "a.md" in run("search", "--store", "sea", "tides")[1]

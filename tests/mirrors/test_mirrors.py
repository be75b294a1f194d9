"""A store that follows a folder, walk by walk, on a real file system."""

import shutil
import sqlite3
import unicodedata
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from support.engine_calls import SMALL, search
from support.following import CRITERIA, SOON, following
from support.memory_catalog import NOW, add_file, attach, build, make_store, open_sqlite
from vectorstores_server.engines.local.catalog import expiry, mirrored_files
from vectorstores_server.engines.local.catalog.pagination import TOMBSTONE_SECONDS
from vectorstores_server.intake import MachineIntake
from vectorstores_server.mirrors import MirrorKeeper
from vectorstores_server.mirrors.comparison import FEW, too_many
from vectorstores_tools.contract.engine import AttachOptions
from vectorstores_tools.contract.errors import InvalidRequest, NotAllowed
from vectorstores_tools.contract.intake import FolderListing, Source


async def test_a_walk_takes_what_is_new_and_changed_and_takes_out_what_is_gone(tmp_path: Path) -> None:
    async with following(tmp_path) as there:
        for name in ("a.txt", "api/b.txt", "api/c.txt"):
            there.write(name)
        first = await there.walked()
        assert (first.state, dict(first.counts)) == ("mirrored", {"found": 3, "added": 3})
        before = await there.in_step()
        assert set(before) == {"a.txt", "api/b.txt", "api/c.txt"}
        there.write("a.txt", "Other words altogether.")
        there.write("d.txt")
        (there.folder / "api/c.txt").unlink()
        second = await there.walked()
        assert dict(second.counts) == {"found": 3, "added": 1, "changed": 1, "removed": 1}
        after = await there.in_step()
        assert set(after) == {"a.txt", "api/b.txt", "d.txt"}
        assert after["api/b.txt"].id == before["api/b.txt"].id
        assert after["a.txt"].id != before["a.txt"].id
        third = await there.walked()
        assert dict(third.counts) == {"found": 3}


DECOMPOSED = unicodedata.normalize("NFD", "é.txt")
RENAMES: dict[str, Callable[[Path], object]] = {
    "another name": lambda folder: (folder / "a.txt").rename(folder / "b.txt"),
    "another folder": lambda folder: ((folder / "sub").mkdir(), (folder / "a.txt").rename(folder / "sub/a.txt")),
    "another case": lambda folder: (folder / "a.txt").rename(folder / "A.txt"),
    "a whole folder": lambda folder: (folder / "api").rename(folder / "web"),
    "another form of a letter": lambda folder: (folder / "é.txt").rename(
        folder / unicodedata.normalize("NFD", "é.txt")
    ),
}


@pytest.mark.parametrize("kind", RENAMES)
async def test_a_rename_keeps_id_attributes_and_vectors(kind: str, tmp_path: Path) -> None:
    async with following(tmp_path) as there:
        for name in ("a.txt", "é.txt", "api/x.txt", "api/deep/y.txt"):
            there.write(name)
        await there.walked()
        before = await there.in_step()
        for number, file in enumerate(before.values()):
            await there.engine.update_store_file(there.store, file.id, {"n": number})
        embedded = there.words.embedded
        RENAMES[kind](there.folder)
        mirror = await there.walked()
        assert mirror.counts.get("renamed", 0) >= 1
        assert not {"added", "removed", "changed"} & mirror.counts.keys()
        after = await there.settled()
        assert {file.id for file in after.values()} == {file.id for file in before.values()}
        assert sorted(str(file.attributes) for file in after.values()) == [f"{{'n': {n}}}" for n in range(4)]
        assert there.words.embedded == embedded
        disk = {p.relative_to(there.folder).as_posix() for p in there.folder.rglob("*.txt")}
        assert set(after) == {unicodedata.normalize("NFC", path) for path in disk}
        assert {file.source for file in after.values()} == {str(there.folder / path) for path in disk}


async def test_a_renamed_file_is_found_by_its_new_name_and_its_file_keeps_the_old_one(tmp_path: Path) -> None:
    async with following(tmp_path) as there:
        path = there.write("walrus.txt", "Some words of no matter.")
        await there.walked()
        (before,) = (await there.in_step()).values()
        path.rename(path.with_name("gannet.txt"))
        await there.walked()
        (after,) = (await there.settled()).values()
        assert (after.id, after.filename, after.path) == (before.id, "gannet.txt", "gannet.txt")
        assert (await there.engine.retrieve_file(after.id)).filename == "walrus.txt"
        (hit,) = (await search(there.engine, there.store, "gannet.txt")).data
        assert (hit.filename, hit.path) == ("gannet.txt", "gannet.txt")
        assert (hit.text_score or 0) > 0


async def test_of_equal_files_that_moved_the_one_of_the_same_folder_is_taken_first(tmp_path: Path) -> None:
    async with following(tmp_path) as there:
        for name in ("one/a.txt", "two/a.txt"):
            there.write(name, "The same words.")
        await there.walked()
        before = await there.in_step()
        (there.folder / "two/a.txt").rename(there.folder / "two/b.txt")
        (there.folder / "one/a.txt").rename(there.folder / "three.txt")
        await there.walked()
        after = await there.settled()
        assert after["two/b.txt"].id == before["two/a.txt"].id
        assert after["three.txt"].id == before["one/a.txt"].id


async def test_an_editor_that_writes_beside_and_renames_makes_a_new_version_that_inherits(tmp_path: Path) -> None:
    async with following(tmp_path) as there:
        path = there.write("a.txt")
        await there.walked(attributes={"team": "red"}, chunking_strategy=SMALL)
        before = (await there.in_step())["a.txt"]
        beside = there.folder / ".a.txt.swp"
        beside.write_text("What the editor wrote beside it.")
        beside.replace(path)
        mirror = await there.walked()
        assert dict(mirror.counts) == {"found": 1, "changed": 1}
        after = (await there.in_step())["a.txt"]
        assert (after.attributes, after.chunking_strategy) == ({"team": "red"}, before.chunking_strategy)
        assert after.id != before.id


async def test_a_file_that_was_only_touched_is_not_processed(tmp_path: Path) -> None:
    async with following(tmp_path) as there:
        path = there.write("a.txt")
        await there.walked()
        before = await there.in_step()
        path.touch()
        mirror = await there.walked()
        assert dict(mirror.counts) == {"found": 1}
        assert await there.ids() == {path: file.id for path, file in before.items()}


async def test_what_is_gone_stays_uploaded_and_comes_back_as_it_was(tmp_path: Path) -> None:
    async with following(tmp_path) as there:
        for n in range(3):
            there.write(f"api/{n}.txt")
        there.write("a.txt")
        await there.walked()
        before = await there.in_step()
        await there.engine.update_store_file(there.store, before["api/1.txt"].id, {"team": "red"})
        shutil.move(there.folder / "api", tmp_path / "elsewhere")
        mirror = await there.walked()
        assert mirror.counts["removed"] == 3
        assert set(await there.in_step()) == {"a.txt"}
        assert set(await there.uploaded()) == {file.id for file in before.values()}
        shutil.move(tmp_path / "elsewhere", there.folder / "api")
        await there.walked()
        after = await there.in_step()
        assert {k: f.id for k, f in after.items()} == {k: f.id for k, f in before.items()}
        assert after["api/1.txt"].attributes == {"team": "red"}
        assert len(await there.uploaded()) == 4


def without_reading(folder: Path) -> None:
    shutil.rmtree(folder)


def emptied(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def another_kind(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("no folder any more")


@pytest.mark.parametrize("lost", [without_reading, emptied, another_kind])
async def test_a_folder_that_is_not_there_or_empty_changes_nothing_and_says_so(
    lost: Callable[[Path], None], tmp_path: Path
) -> None:
    async with following(tmp_path) as there:
        for n in range(3):
            there.write(f"{n}.txt")
        mirror = await there.walked()
        before = await there.in_step()
        lost(there.folder)
        await there.asked_again(mirror)
        source = await there.source()
        assert (source.state, source.folder) == ("unreadable", str(there.folder))
        assert source.note is not None
        assert "nothing was changed" in source.note
        assert await there.files() == before
        if there.folder.is_file():
            there.folder.unlink()
        for n in range(3):
            there.write(f"{n}.txt")
        await there.walked()
        assert await there.ids() == {path: file.id for path, file in before.items()}
        assert (await there.source()).state == "mirrored"


class Blind(MachineIntake):
    """An intake to which one folder is dark, as to a user without permission; root reads everything."""

    async def walk(self, folder: str, within: Sequence[Path] = ()) -> FolderListing:
        dark = Path(folder) / "locked"
        listing = await super().walk(folder, within)
        seen = {path: stat for path, stat in listing.files.items() if dark not in Path(path).parents}
        return replace(listing, files=seen, unreadable=[dark])


async def test_a_folder_inside_that_cannot_be_read_loses_no_file(tmp_path: Path) -> None:
    async with following(tmp_path) as there:
        there.write("a.txt")
        there.write("locked/b.txt")
        await there.walked()
        before = await there.in_step()
        keeper = MirrorKeeper(there.engine, Blind(tmp_path / "data", CRITERIA, [tmp_path]), times=SOON)
        blind = replace(there, keeper=keeper)
        there.write("c.txt")
        await blind.walked()
        await keeper.aclose()
        assert set(await there.files()) == {*before, "c.txt"}


async def test_a_large_loss_pauses_until_somebody_agrees(tmp_path: Path) -> None:
    async with following(tmp_path) as there:
        for n in range(40):
            there.write(f"{n}.txt")
        await there.walked()
        await there.in_step()
        for n in range(30):
            (there.folder / f"{n}.txt").unlink()
        there.write("new.txt")
        mirror = await there.walked()
        assert (mirror.state, mirror.counts["gone"]) == ("paused", 30)
        assert "30 of 40" in (mirror.note or "")
        assert len(await there.files()) == 41  # what is new is taken all the same
        again = await there.walked()
        assert again.state == "paused"
        agreed = await there.walked(confirmed=True)
        assert (agreed.state, agreed.counts["removed"]) == ("mirrored", 30)
        assert len(await there.in_step()) == 11
        assert not (await there.keeper.state(agreed)).confirmed


@pytest.mark.parametrize("meanwhile", ["nothing", "another process", "the disk was away"])
async def test_what_is_taken_meanwhile_makes_no_loss_smaller(meanwhile: str, tmp_path: Path) -> None:
    async with following(tmp_path) as there:
        for n in range(40):
            there.write(f"{n}.txt")
        await there.walked()
        for n in range(30):
            (there.folder / f"{n}.txt").unlink()
        for n in range(60):
            there.write(f"new{n}.txt")
        mirror = await there.walked()
        assert (mirror.state, len(await there.files())) == ("paused", 100)
        if meanwhile == "another process":
            await there.asked_again(mirror)
        if meanwhile == "the disk was away":
            there.folder.rename(tmp_path / "away")
            await there.asked_again(mirror)
            (tmp_path / "away").rename(there.folder)
        after = await there.walked()
        assert (after.state, after.counts["gone"], after.counts["before"]) == ("paused", 30, 40)
        assert len(await there.files()) == 100
        agreed = await there.walked(confirmed=True)
        assert (agreed.state, agreed.counts.get("before"), len(await there.files())) == ("mirrored", None, 70)


async def test_a_paused_mirror_goes_on_by_itself_when_the_files_are_back(tmp_path: Path) -> None:
    async with following(tmp_path) as there:
        for n in range(30):
            there.write(f"d/{n}.txt")
        there.write("a.txt")
        await there.walked()
        before = await there.in_step()
        (there.folder / "d").rename(tmp_path / "d")
        assert (await there.walked()).state == "paused"
        (tmp_path / "d").rename(there.folder / "d")
        assert (await there.walked()).state == "mirrored"
        assert await there.ids() == {path: file.id for path, file in before.items()}


async def test_files_that_turn_up_elsewhere_in_time_are_renamed_and_nothing_pauses(tmp_path: Path) -> None:
    async with following(tmp_path, times=replace(SOON, patience=60)) as there:
        for n in range(30):
            there.write(f"d/{n}.txt")
        there.write("a.txt")
        await there.walked()
        before = await there.in_step()
        (there.folder / "d").rename(tmp_path / "d")
        mirror = await there.begin()

        async def waits() -> bool:
            return "gone" in (await there.keeper.state(mirror)).counts

        await there.until(waits)
        assert (await there.source()).walking
        assert len(await there.files()) == 31
        (tmp_path / "d").rename(there.folder / "moved")
        await there.walked()
        after = await there.settled()
        assert {f.id for f in after.values()} == {f.id for f in before.values()}
        assert sum(path.startswith("moved/") for path in after) == 30


@pytest.mark.parametrize(
    ("gone", "known", "waits"), [(FEW, FEW, False), (FEW + 1, FEW + 1, True), (50, 100, False), (51, 100, True)]
)
def test_more_than_half_and_more_than_twenty_need_consent(gone: int, known: int, waits: bool) -> None:
    assert too_many(gone, known) == waits


async def test_a_loss_in_small_pieces_is_the_same_loss(tmp_path: Path) -> None:
    async with following(tmp_path, watch=True) as there:
        for n in range(60):
            there.write(f"{n}.txt")
        mirror = await there.walked()
        await there.in_step()
        for first in range(0, 45, 15):
            for n in range(first, first + 15):
                (there.folder / f"{n}.txt").unlink()
            mirror = await there.walked()
        assert (mirror.state, mirror.counts["gone"], len(await there.files())) == ("paused", 15, 30)


async def test_patterns_keep_files_out_and_take_them_out(tmp_path: Path) -> None:
    async with following(tmp_path) as there:
        for name in ("a.txt", "drafts/b.txt", "drafts/keep.txt"):
            there.write(name)
        await there.walked()
        await there.in_step()
        (there.folder / ".vectorstoresignore").write_text("drafts/*\n!drafts/keep.txt\n")
        await there.walked()
        assert set(await there.files()) == {"a.txt", "drafts/keep.txt"}
        (there.folder / ".gitignore").write_text("a.txt\n")
        await there.walked()
        assert set(await there.files()) == {"drafts/keep.txt"}


async def test_a_file_that_was_named_by_itself_stays_while_it_is_there(tmp_path: Path) -> None:
    async with following(tmp_path) as there:
        there.write("a.txt")
        hidden = there.write("notes.log")
        alone = MachineIntake(tmp_path / "data", CRITERIA, [tmp_path])

        async def one() -> AsyncGenerator[Source]:
            async with alone.open(str(hidden), None) as source:
                yield source

        await there.engine.attach_sources(there.store, one(), AttachOptions())
        await there.walked()
        assert set(await there.files()) == {"a.txt", "notes.log"}
        hidden.unlink()
        await there.walked()
        assert set(await there.files()) == {"a.txt"}


async def test_a_path_is_relative_to_the_outermost_folder_that_is_followed(tmp_path: Path) -> None:
    async with following(tmp_path) as there:
        there.write("api/v1/a.txt")
        inner = there.folder / "api"
        await there.keeper.begin(there.store, [str(inner)], None, AttachOptions(), False)

        async def taken() -> bool:
            return set(await there.files()) == {"v1/a.txt"}

        await there.until(taken)
        await there.walked()
        assert set(await there.files()) == {"api/v1/a.txt"}


async def test_a_mirror_that_is_ended_leaves_its_files(tmp_path: Path) -> None:
    async with following(tmp_path) as there:
        there.write("a.txt")
        await there.walked()
        assert await there.keeper.end(there.store, [str(there.folder)], None) == 1
        assert await there.keeper.end(there.store, [str(there.folder)], None) == 0
        assert (await there.engine.retrieve_store(there.store)).sources is None
        assert set(await there.files()) == {"a.txt"}


async def test_what_lies_outside_the_roots_or_is_no_folder_cannot_be_followed(tmp_path: Path) -> None:
    async with following(tmp_path) as there:
        lone = there.write("a.txt")
        with pytest.raises(InvalidRequest, match="no folder"):
            await there.keeper.begin(there.store, [str(lone)], None, AttachOptions(), False)
        with pytest.raises(NotAllowed):
            await there.keeper.begin(there.store, ["/"], None, AttachOptions(), False)
        assert (await there.engine.retrieve_store(there.store)).sources is None


async def test_roots_of_a_client_narrow_and_never_widen_what_may_be_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, outside = tmp_path / "home", tmp_path / "outside"
    for folder in (home / "notes", outside):
        folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    intake = MachineIntake(tmp_path / "data", CRITERIA)
    assert await intake.mirror_root(str(home / "notes"), None) == str(home / "notes")
    assert await intake.mirror_root(str(home / "notes"), [home / "notes"]) == str(home / "notes")
    assert intake.may_follow(str(home / "notes"))
    assert not intake.may_follow(str(outside))
    for named, roots in ((home / "notes", [home / "other"]), (outside, [outside]), (outside, None)):
        with pytest.raises(NotAllowed):
            await intake.mirror_root(str(named), roots)


async def test_a_folder_that_no_process_may_read_says_so(tmp_path: Path) -> None:
    async with following(tmp_path) as there:
        there.write("a.txt")
        await there.walked()
        elsewhere = MachineIntake(tmp_path / "data", CRITERIA, [tmp_path / "other"])
        keeper = MirrorKeeper(there.engine, elsewhere, watch=True, times=SOON)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keeper.run)

            async def said() -> bool:
                return (await there.source()).state == "not allowed"

            await there.until(said)
            tasks.cancel_scope.cancel()
        await keeper.aclose()
        assert "VECTOR_STORES_FILE_ROOTS" in ((await there.source()).note or "")
        assert set(await there.files()) == {"a.txt"}


async def test_attributes_and_sizes_of_a_mirror_are_those_of_new_files_and_of_what_is_there(tmp_path: Path) -> None:
    async with following(tmp_path) as there:
        there.write("a.txt")
        await there.walked()
        await there.walked(attributes={"team": "red"})
        assert (await there.in_step())["a.txt"].attributes == {"team": "red"}
        await there.engine.update_store_file(there.store, (await there.files())["a.txt"].id, {"own": True})
        there.write("a.txt", "Something else.")
        there.write("b.txt")
        await there.walked()
        after = await there.in_step()
        assert (after["a.txt"].attributes, after["b.txt"].attributes) == ({"own": True}, {"team": "red"})


async def test_more_than_a_batch_is_taken_in_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vectorstores_server.mirrors.walking.MAX_FILES_IN_BATCH", 4)
    async with following(tmp_path) as there:
        for n in range(10):
            there.write(f"{n}.txt")
        mirror = await there.walked()
        assert mirror.counts["added"] == 10
        await there.in_step()
        with sqlite3.connect(tmp_path / "data/catalog.db") as db:
            sizes = [n for (n,) in db.execute("SELECT count(*) FROM batch_file GROUP BY batch_id ORDER BY 1")]
        assert sizes == [2, 4, 4]


def followed_file(db: sqlite3.Connection, store: str) -> str:
    file = add_file(db, sha256="5" * 64)
    attach(db, store, file)
    db.execute("UPDATE attachment SET source = '/d/a.txt', sha256 = ? WHERE file_id = ?", ("5" * 64, file))
    build(db)
    return file


def test_a_file_that_was_parted_with_goes_after_a_week_unless_something_uses_it() -> None:
    for used in (False, True):
        db = open_sqlite()
        store, other = make_store(db), make_store(db)
        file = followed_file(db, store)
        assert mirrored_files.take_out(db, store, ["/d/a.txt"], NOW) == 1
        if used:
            attach(db, other, file)
        expiry.expire(db, NOW + TOMBSTONE_SECONDS - 1)
        assert db.execute("SELECT count(*) FROM file").fetchone()[0] == 1
        assert (expiry.next_due(db) or 0) <= NOW + TOMBSTONE_SECONDS
        expiry.expire(db, NOW + TOMBSTONE_SECONDS)
        assert db.execute("SELECT count(*) FROM file").fetchone()[0] == int(used)
        assert db.execute("SELECT count(*) FROM parted").fetchone()[0] == 0


def test_what_a_store_parted_with_is_forgotten_with_the_store_or_the_file() -> None:
    db = open_sqlite()
    store = make_store(db)
    file = followed_file(db, store)
    mirrored_files.take_out(db, store, ["/d/a.txt"], NOW)
    db.execute("DELETE FROM file WHERE id = ?", (file,))
    assert db.execute("SELECT count(*) FROM parted").fetchone()[0] == 0

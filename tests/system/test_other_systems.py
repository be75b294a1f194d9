"""Other systems: what only POSIX has is done without, open files stay for a while, a name has many spellings."""

import inspect
import os
import signal
import stat
import threading
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath
from unicodedata import normalize

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.engine_calls import ingest
from support.examples import examples
from support.local import HASTY, Words, add, opened, search, settled, store, upload
from support.other_systems import elsewhere, kept_while_open, names_alike
from vectorstores_server.engines.local.catalog.places import path_below
from vectorstores_server.engines.local.files.blob_folder import BlobFolder
from vectorstores_server.engines.local.index import Index
from vectorstores_server.http.connections import MOST, most_connections
from vectorstores_server.intake.folders import FileCriteria, split_glob
from vectorstores_server.intake.local_intake import MachineIntake
from vectorstores_server.intake.paths import path_text
from vectorstores_server.system import posix
from vectorstores_server.system.machine_errors import is_in_use
from vectorstores_tools.contract.errors import InvalidRequest, Unavailable

pytestmark = pytest.mark.skipif(
    os.name != "posix" or not Path("/proc/self/fd").exists(), reason="Linux plays the others"
)
TYPES = FileCriteria(frozenset({".md", ".txt"}), 1_000_000)


# What only POSIX has


def no_signal(folder: Path) -> None:
    async def wait() -> list[signal.Signals]:
        with anyio.move_on_after(0.05):
            return [signum async for signum in posix.stop_signals()]
        return []

    before = signal.getsignal(signal.SIGTERM)
    assert anyio.run(wait) == []
    assert signal.getsignal(signal.SIGTERM) is before


def no_watch(folder: Path) -> None:
    read, write = os.pipe()
    try:
        threads = threading.active_count()
        posix.watch_hangup(read, lambda: None)
        assert threading.active_count() == threads
    finally:
        os.close(read)
        os.close(write)


def no_link_is_opened(folder: Path) -> None:
    (folder / "a.txt").write_text("a")
    (folder / "link.txt").symlink_to(folder / "a.txt")
    os.close(posix.open_carefully(folder / "a.txt"))
    with pytest.raises(OSError, match="symbolic links"):
        posix.open_carefully(folder / "link.txt")


def the_path_is_where_it_leads(folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "real" / "b.txt").write_text("b")
    (folder / "other").symlink_to(folder / "real")
    descriptor = os.open(folder / "other" / "b.txt", os.O_RDONLY)
    assert posix.real_path(descriptor, folder / "other" / "b.txt") == folder / "real" / "b.txt"
    os.close(descriptor)


def nobody_is_known_to_lock(folder: Path) -> None:
    (folder / "lock").write_text("")
    assert posix.lock_owner(folder / "lock") is None


def no_limit_of_descriptors(folder: Path) -> None:
    posix.raise_descriptor_limit()
    assert posix.descriptor_limit() is None
    assert most_connections(100) == MOST


def modes_are_left_alone(folder: Path) -> None:
    (folder / "open").mkdir()
    (folder / "open").chmod(0o755)  # whatever this process masks
    posix.private_directory(folder / "open")
    assert stat.S_IMODE((folder / "open").stat().st_mode) == 0o755
    posix.private_directory(folder / "new" / "deep")
    assert (folder / "new" / "deep").is_dir()


def nothing_happens(function: Callable[[], object]) -> Callable[[Path], None]:
    def check(folder: Path) -> None:
        assert function() is None

    return check


LESSER: dict[str, Callable[[Path], None]] = {
    "stop_signals": no_signal,
    "watch_hangup": no_watch,
    "open_carefully": no_link_is_opened,
    "real_path": the_path_is_where_it_leads,
    "lock_owner": nobody_is_known_to_lock,
    "raise_descriptor_limit": no_limit_of_descriptors,
    "descriptor_limit": no_limit_of_descriptors,
    "private_directory": modes_are_left_alone,
    "sync_directory": nothing_happens(lambda: posix.sync_directory(Path("/no/such/folder"))),
    "limit_self": nothing_happens(lambda: posix.limit_self(memory_bytes=1, cpu_seconds=0)),
    "flush_c_streams": nothing_happens(posix.flush_c_streams),
    "share_heaps": nothing_happens(posix.share_heaps),
    "trim_heaps": nothing_happens(posix.trim_heaps),
    "stand_back": nothing_happens(posix.stand_back),
    "free_memory": nothing_happens(lambda: posix.free_memory(Path("/no/such/facts"))),
    "end_with_parent": nothing_happens(lambda: posix.end_with_parent(-1)),
}
EVERYWHERE = {"diverted_input"}
"""What is the same on every system."""


def test_each_function_has_its_lesser_form_here() -> None:
    functions = {
        name
        for name, function in vars(posix).items()
        if inspect.isfunction(function) and function.__module__ == posix.__name__ and not name.startswith("_")
    }
    assert functions == LESSER.keys() | EVERYWHERE


@pytest.mark.parametrize("name", LESSER)
def test_a_lesser_form_does_without(name: str, tmp_path: Path) -> None:
    with elsewhere("win32"):
        LESSER[name](tmp_path)


@pytest.mark.parametrize("name", ["share_heaps", "stand_back", "end_with_parent"])
def test_what_only_linux_has_is_left_out_on_macos(name: str, tmp_path: Path) -> None:
    with elsewhere("darwin"):
        LESSER[name](tmp_path)


async def test_an_engine_works_without_any_of_it(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.md").write_text("Puffins dig.")
    with elsewhere("win32"):
        intake = MachineIntake(tmp_path / "data", TYPES, [tmp_path / "files"])
        async with opened(tmp_path / "data", Words()) as engine:
            id = await store(engine)
            [origin] = (await intake.survey([str(tmp_path / "files")], None)).origins
            async with intake.open(origin, None) as found:
                await ingest(engine, id, found)
            await settled(engine, id)
            [hit] = (await search(engine, id, "puffins")).data
            assert hit.filename == "a.md"
            await engine.delete_file(hit.file_id)
            assert (await search(engine, id, "puffins")).data == []


# Files that are open


async def test_a_file_that_is_read_while_it_is_deleted_leaves_the_disk_afterwards(tmp_path: Path) -> None:
    with kept_while_open() as refused:
        async with opened(tmp_path, Words(), pace=HASTY) as engine:
            id = await store(engine)
            file = await add(engine, id, "Puffins dig.")
            other = await add(engine, id, "Whales dive.", "b.txt")
            [blob] = [path for path in (tmp_path / "blobs").iterdir() if path.read_bytes() == b"Puffins dig."]
            async with engine.read_file(file) as content:
                await engine.delete_file(file)
                await engine.delete_file(other)
                with pytest.raises(Unavailable, match="somebody reads 1 of them"):
                    await engine.maintenance.purge()
                assert [path.name for path in (tmp_path / "blobs").iterdir()] == [blob.name], "the other is gone"
                assert b"".join([block async for block in content.stream]) == b"Puffins dig."
            await engine.maintenance.purge()
            assert list((tmp_path / "blobs").iterdir()) == []
    assert str(blob) in refused


async def test_bytes_that_are_read_can_be_uploaded_again(tmp_path: Path) -> None:
    with kept_while_open() as refused:
        async with opened(tmp_path) as engine:
            file = await upload(engine, "same")
            async with engine.read_file(file):
                again = await upload(engine, "same")
            async with engine.read_file(again) as content:
                assert b"".join([block async for block in content.stream]) == b"same"
    assert refused


async def test_a_text_that_is_read_is_written_again_only_if_it_is_another(tmp_path: Path) -> None:
    blobs, sha256 = BlobFolder(tmp_path), "0" * 64
    await blobs.write_text(sha256, b"text")
    with kept_while_open(), blobs.text_path(sha256).open("rb"):
        await blobs.write_text(sha256, b"text")
        with pytest.raises(Unavailable):
            await blobs.write_text(sha256, b"other text")
    assert [path.read_bytes() for path in (tmp_path / "text").iterdir()] == [b"text"], "and nothing else is left"


async def test_a_table_that_is_read_is_dropped_later_and_holds_nobody_up(tmp_path: Path) -> None:
    with kept_while_open() as refused:
        async with opened(tmp_path, Words(), pace=HASTY) as engine:
            id = await store(engine)
            await add(engine, id, "Puffins dig.")
            [folder] = (tmp_path / "index").glob("*.lance")
            [data, *_] = (folder / "data").iterdir()
            with data.open("rb"):
                await engine.delete_store(id)
                with pytest.raises(Unavailable, match=f"somebody reads {folder.stem}"):
                    await engine.maintenance.purge()
                assert data.exists()
                later = await store(engine, "later")
                await add(engine, later, "Whales dive.")
                assert len((await search(engine, later, "whales")).data) == 1
            await engine.maintenance.purge()
            assert not folder.exists()
    assert str(data) in refused


async def test_a_table_goes_to_the_trash_as_far_as_nobody_reads_it(tmp_path: Path) -> None:
    index = Index(tmp_path / "index")
    table = f"vs_{'0' * 24}_1"
    await index.create(table, None)
    files = [path for path in (tmp_path / "index" / f"{table}.lance").rglob("*") if path.is_file()]
    with kept_while_open(), files[0].open("rb"):
        await index.discard(table)
        assert [path for path in files if path.exists()] == files[:1]
        assert not await index.drop(table)
    assert await index.drop(table)
    assert not files[0].exists()
    await index.aclose()


def test_only_a_file_in_use_waits_and_no_lack_of_permission(tmp_path: Path) -> None:
    assert not is_in_use(PermissionError(13, "Permission denied"))
    assert not is_in_use(OSError(28, "No space left on device"))


# Paths of Windows

PARTS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)
DRIVES = st.sampled_from(["C:\\", "d:\\", "\\\\host\\share\\", "\\\\?\\C:\\"])
GLOBS = st.sampled_from(["*.md", "**", "a?", "[ab].txt"])


@given(DRIVES, st.lists(PARTS, max_size=4), st.lists(GLOBS | PARTS, max_size=3))
def test_a_glob_begins_at_the_same_part_on_every_system(drive: str, folder: list[str], rest: list[str]) -> None:
    there, pattern = split_glob(PureWindowsPath(drive, *folder, *rest))
    here, same = split_glob(PurePosixPath("/", *folder, *rest))
    assert pattern == same
    assert there.parts[1:] == here.parts[1:]
    assert there.anchor == PureWindowsPath(drive).anchor, "a drive holds no wildcard"


@given(DRIVES, st.lists(PARTS, max_size=3), st.lists(PARTS, min_size=1, max_size=3))
def test_a_source_has_the_same_path_below_its_folder_on_every_system(
    drive: str, top: list[str], below: list[str]
) -> None:
    folder = PureWindowsPath(drive, *top)
    source = PureWindowsPath(folder, *below)
    assert path_below(str(folder), str(source), PureWindowsPath) == "/".join(below)
    assert path_below(str(folder).swapcase(), str(source), PureWindowsPath) == "/".join(below), (
        "case does not count there"
    )
    assert path_below(None, str(source), PureWindowsPath) == below[-1]


@given(st.lists(PARTS, min_size=1, max_size=4))
def test_a_url_of_a_file_names_the_file_of_that_system(parts: list[str]) -> None:
    url = f"file:///{'/'.join(parts)}"
    assert path_text(url, windows=False) == str(PurePosixPath("/", *parts))
    path = PureWindowsPath("C:\\", *parts)
    assert PureWindowsPath(path_text(f"file:///C:/{'/'.join(parts)}", windows=True)) == path
    assert path_text(str(path), windows=True) == str(path)


def test_a_part_of_a_path_is_told_by_the_separators_of_the_system() -> None:
    long = "\\".join(["a" * 100] * 3)
    assert path_text(f"C:\\{long}", windows=True) == f"C:\\{long}"
    with pytest.raises(InvalidRequest, match="255 bytes"):
        path_text(f"/{long}", windows=False)


# Names that are alike

LETTERS = st.text("abEé\u00d1\u00e5z1 ", min_size=1, max_size=6).filter(lambda name: name == name.strip())
SPELLINGS: list[Callable[[str], str]] = [
    str.upper, str.lower, str.swapcase, lambda name: normalize("NFC", name), lambda name: normalize("NFD", name),
]  # fmt: skip


@given(folder=LETTERS, name=LETTERS, on_disk=st.sampled_from(SPELLINGS), named=st.sampled_from(SPELLINGS))
@settings(max_examples=examples(40), deadline=None)
def test_a_file_has_one_source_however_its_name_is_spelt(
    folder: str,
    name: str,
    on_disk: Callable[[str], str],
    named: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    root = tmp_path_factory.mktemp("root")
    path = root / on_disk(folder) / on_disk(f"{name}.md")
    path.parent.mkdir()
    path.write_text("words")
    intake = MachineIntake(root / "data", TYPES, [root])

    async def origins() -> set[str]:
        spelt = root / named(folder) / named(f"{name}.md")
        async with intake.open(str(spelt), None) as opened_file:
            return {
                opened_file.origin,
                *(await intake.survey([str(root)], None)).origins,
                *(await intake.survey([str(spelt.parent)], None)).origins,
                *(await intake.survey([str(spelt)], None)).origins,
            }

    with names_alike():
        assert anyio.run(origins) == {str(path)}


async def test_two_files_that_differ_in_case_alone_stay_two_where_case_counts(tmp_path: Path) -> None:
    for name in ("a.md", "A.md"):
        (tmp_path / name).write_text(name)
    intake = MachineIntake(tmp_path / "data", TYPES, [tmp_path])
    for name in ("a.md", "A.md"):
        assert (await intake.survey([str(tmp_path / name)], None)).origins == [str(tmp_path / name)]


async def test_a_file_that_is_named_in_two_ways_is_attached_once(tmp_path: Path) -> None:
    path = tmp_path / "files" / normalize("NFD", "Café.md")
    path.parent.mkdir()
    path.write_text("Puffins dig.")
    intake = MachineIntake(tmp_path / "data", TYPES, [path.parent])
    with names_alike():
        async with opened(tmp_path / "data", Words()) as engine:
            id = await store(engine)
            for spelt in (path.name, normalize("NFC", "Café.md"), normalize("NFC", "CAFÉ.MD")):
                async with intake.open(str(path.parent / spelt), None) as found:
                    await ingest(engine, id, found)
            assert len(await settled(engine, id)) == 1

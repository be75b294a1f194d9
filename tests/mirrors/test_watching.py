"""Folders that are watched: changes are taken by themselves, by one process at a time."""

import errno
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from support.following import CRITERIA, SOON, Following, following
from support.local import Words
from support.served import MODULE
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.intake import MachineIntake
from vectorstores_server.mirrors import MirrorKeeper, watches, watching
from vectorstores_server.mirrors.kept import KeeperTimes
from vectorstores_server.mirrors.listening import concerns
from vectorstores_server.settings import settings_from
from vectorstores_tools.contract.engine import AttachOptions


async def begun(there: Following, *names: str) -> None:
    for name in names:
        there.write(name)
    await there.begin()
    await there.in_step()


async def test_what_happens_in_a_watched_folder_happens_in_the_store(tmp_path: Path) -> None:
    async with following(tmp_path, watch=True) as there:
        await begun(there, "a.txt", "api/b.txt", "api/deep/c.txt")
        before = await there.files()
        there.write("new/folder/d.txt")
        await there.in_step()
        there.write("a.txt", "Other words.")
        await there.in_step()
        (there.folder / "api/b.txt").rename(there.folder / "new/b.txt")
        await there.in_step()
        (there.folder / "api").rename(there.folder / "web")
        after = await there.in_step()
        assert after["new/b.txt"].id == before["api/b.txt"].id
        assert after["web/deep/c.txt"].id == before["api/deep/c.txt"].id
        (there.folder / "new/folder/d.txt").unlink()
        await there.in_step()
        assert (await there.source()).watched == "events"


async def test_a_folder_that_is_put_in_the_place_of_the_watched_one_is_watched(tmp_path: Path) -> None:
    async with following(tmp_path, watch=True) as there:
        await begun(there, "a.txt")
        there.folder.rename(tmp_path / "away")

        async def missed() -> bool:
            return (await there.source()).state == "unreadable"

        await there.until(missed)
        assert set(await there.files()) == {"a.txt"}
        there.folder.mkdir()
        there.write("a.txt")
        there.write("b.txt")
        await there.in_step()
        there.write("c.txt")
        await there.in_step()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EMFILE])
async def test_where_the_system_gives_no_events_the_folder_is_polled_and_says_so(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more(folder: Path) -> None:
        raise OSError(number, os.strerror(number), str(folder))

    monkeypatch.setattr("vectorstores_server.mirrors.listening.WatchedFolder", no_more)
    async with following(tmp_path, watch=True) as there:
        await begun(there, "a.txt")
        there.write("b.txt")
        await there.in_step()
        assert (await there.source()).watched == "polled"


async def test_one_process_watches_and_another_goes_on_when_it_ends(tmp_path: Path) -> None:
    async with following(tmp_path, watch=True) as there:
        await begun(there, "a.txt")
        other = LocalEngine(tmp_path / "data", Words())
        second = MirrorKeeper(other, MachineIntake(tmp_path / "data", CRITERIA, [tmp_path]), watch=True, times=SOON)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(second.run)
                there.write("b.txt")
                await there.in_step()
                await there.keeper.aclose()
                there.write("c.txt")
                await replace(there, engine=other, keeper=second).in_step()
                tasks.cancel_scope.cancel()
        finally:
            await second.aclose()
            await other.aclose()


async def test_another_process_takes_over_from_one_that_is_killed(tmp_path: Path) -> None:
    async with following(tmp_path) as there:
        there.write("a.txt")
        await there.walked()
        await there.in_step()
        processes = [watcher(tmp_path) for _ in range(2)]
        try:
            there.write("b.txt")
            await there.in_step()
            holder = await lock_holder(tmp_path / "data", [process.pid for process in processes])
            (killed,) = [process for process in processes if process.pid == holder]
            killed.kill()
            killed.wait()
            (there.folder / "a.txt").rename(there.folder / "c.txt")
            there.write("d.txt")
            await there.in_step()
            left = [process for process in processes if process is not killed]
            assert await lock_holder(tmp_path / "data", [process.pid for process in left]) == left[0].pid
        finally:
            for process in processes:
                process.kill()
                process.wait()


async def test_sixty_folders_are_watched_and_leave_calls_their_threads(tmp_path: Path) -> None:
    async with following(tmp_path, watch=True) as there:
        folders = [there.folder / str(n) for n in range(60)]
        for folder in folders:
            folder.mkdir()
        mirrors = await there.keeper.begin(
            there.store, [str(folder) for folder in folders], None, AttachOptions(), False
        )

        async def watched() -> bool:
            sources = (await there.engine.retrieve_store(there.store)).sources or []
            return sum(source.watched == "events" and not source.walking for source in sources) == len(mirrors)

        await there.until(watched)
        assert anyio.to_thread.current_default_thread_limiter().borrowed_tokens <= 10
        for folder in folders:
            there.write(f"{folder.name}/a.txt")

        async def taken() -> bool:
            return (await there.engine.retrieve_store(there.store)).file_counts.completed == len(folders)

        await there.until(taken)


def test_another_process_goes_on_within_ten_seconds() -> None:
    times = KeeperTimes()
    assert times.first_look + times.takeover <= 10


def watcher(base: Path) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VECTOR_STORES_")}
    given = {"VECTOR_STORES_DATA": str(base / "data"), "VECTOR_STORES_FILE_ROOTS": str(base)}
    with (base / "watch.log").open("ab") as log:
        return subprocess.Popen(
            [*MODULE, "watch", "--embedder", "none"], env=environment | given, stdout=subprocess.DEVNULL, stderr=log
        )


async def lock_holder(data: Path, pids: list[int]) -> int:
    """The process that holds the lock of the one mirror, once one of these does."""
    script = (
        "import sys, pathlib; from vectorstores_server.system.posix import lock_owner;"
        "print(lock_owner(next(pathlib.Path(sys.argv[1]).glob('mirror-*.lock'))) or 0)"
    )
    with anyio.fail_after(60):
        while True:
            asked = await anyio.run_process([sys.executable, "-c", script, str(data)])
            if (pid := int(asked.stdout)) in pids:
                return pid


def test_places_to_look_in_are_the_outermost_folders_that_changed() -> None:
    folder = Path("/d")

    def places(*paths: str) -> list[str]:
        found = watching.places(folder, set(paths))
        return [str(place) for place in found]

    assert places("/d/api/a.txt", "/d/api/deep/b.txt", "/d/web/c.txt") == ["/d/api", "/d/web"]
    for whole in ("/d/a.txt", "/d", "/d/api/.gitignore", "/d/api/.vectorstoresignore"):
        assert places(whole, "/d/api/a.txt") == []
    assert places(*(f"/d/{n}/a.txt" for n in range(watching.MOST_PLACES + 1))) == []


def test_hidden_changes_concern_nobody_but_those_of_patterns() -> None:
    folder = Path("/d/.hidden/top")
    for path in ("a.txt", "api/a.txt", ".gitignore", "api/.vectorstoresignore"):
        assert concerns(folder, f"{folder}/{path}"), path
    for path in (".git/index", "api/.cache/a.txt", ".a.txt.swp"):
        assert not concerns(folder, f"{folder}/{path}"), path


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, True), ({"watch": "off"}, False), ({"read_only": True}, False), ({"watch": "OFF"}, False)],
)
def test_a_server_watches_unless_it_is_told_not_to_or_may_not_write(
    given: dict[str, object], expected: bool, tmp_path: Path
) -> None:
    assert watches(settings_from({"data": tmp_path, **given})) == expected

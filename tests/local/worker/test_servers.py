"""Several servers over one catalog: each file is built by one of them, and goes live once, whoever freezes or dies."""

import sys
from collections.abc import Generator
from pathlib import Path

import anyio
import pytest

from support.checkout import TESTS
from support.local import Gate, Words, add, search, settled, store, upload
from support.postgres import schema
from support.servers import assert_index_agrees, server
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_tools.contract.requests import FileAttach, PageRequest

FILES = 24
STEPS = ("created", "claimed", "parsed", "cut", "embedded", "added", "flipped", "dirty")


@pytest.fixture
def name() -> Generator[str]:
    with schema() as name:
        yield name


async def attached(engine: LocalEngine, id: str, words: list[str]) -> dict[str, str]:
    """Attach a file for each word as one batch; return the words by their files."""
    files = {await upload(engine, f"{word} walrus", f"{word}.txt"): word for word in words}
    await engine.create_batch(id, [FileAttach(file_id=file) for file in files])
    return files


async def assert_each_is_found_once(engine: LocalEngine, id: str, files: dict[str, str]) -> None:
    listed = await settled(engine, id)
    assert {file.status for file in listed if file.id in files} == {"completed"}
    assert {file.id for file in listed} >= files.keys()
    for file, word in files.items():
        hits = [hit for hit in (await search(engine, id, word)).data if word in hit.content[0].text.split()]
        assert [hit.file_id for hit in hits] == [file]


async def test_three_servers_build_each_file_of_a_batch_once(tmp_path: Path, name: str):
    embedders = [Words() for _ in range(3)]
    async with (
        server(name, tmp_path, "a", embedders[0]) as one,
        server(name, tmp_path, "b", embedders[1]) as two,
        server(name, tmp_path, "c", embedders[2]) as three,
    ):
        id = await store(one)
        for engine in (two, three):
            await engine.list_stores(PageRequest())
        files = await attached(one, id, [f"word{number}" for number in range(FILES)])
        await assert_each_is_found_once(two, id, files)
        await assert_each_is_found_once(three, id, files)
    assert sum(embedder.embedded for embedder in embedders) == FILES, "no passage was embedded twice"
    await assert_index_agrees(name, tmp_path)


async def test_what_one_server_wrote_the_others_find_at_once_and_read(tmp_path: Path, name: str):
    async with server(name, tmp_path, "a") as one, server(name, tmp_path, "b") as two:
        id = await store(one)
        for number in range(4):
            file = await add((one, two)[number % 2], id, f"seal{number} on the ice", f"{number}.txt")
            found = (await search((two, one)[number % 2], id, f"seal{number}")).data
            assert found[0].file_id == file


async def test_a_server_that_freezes_for_longer_than_its_lease_loses_its_files_to_others_and_buries_only_its_own_rows(
    tmp_path: Path, name: str
):
    gate = Gate()
    async with server(name, tmp_path, "frozen", gate, frozen=True) as frozen:
        id = await store(frozen)
        files = await attached(frozen, id, ["red", "green", "blue"])
        with anyio.fail_after(60):
            await gate.reached.wait()  # its claims are not renewed from here on
        async with server(name, tmp_path, "other") as other:
            await assert_each_is_found_once(other, id, files)
            gate.open.set()
            more = await attached(frozen, id, ["black"])  # it has caught up once this is done by either
            await assert_each_is_found_once(other, id, files | more)
            await assert_each_is_found_once(frozen, id, files | more)
    await assert_index_agrees(name, tmp_path)


async def test_what_a_server_leaves_at_its_end_is_built_by_another_at_once(tmp_path: Path, name: str):
    gate = Gate()
    async with server(name, tmp_path, "ends", gate) as ends:
        id = await store(ends)
        files = await attached(ends, id, ["red", "green"])
        with anyio.fail_after(60):
            await gate.reached.wait()
    async with server(name, tmp_path, "other") as other:
        await assert_each_is_found_once(other, id, files)
    await assert_index_agrees(name, tmp_path)


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("step", STEPS)
async def test_a_server_that_is_killed_at_any_step_leaves_every_acknowledged_file_to_the_others(
    tmp_path: Path, name: str, step: str
):
    async with server(name, tmp_path, "stays") as stays:
        id = await store(stays)
        await stays.aclose()
    with anyio.fail_after(90):
        ended = await anyio.run_process(
            [sys.executable, "-m", "support.crash_child", str(tmp_path), step, "0", name],
            check=False, stderr=None, cwd=TESTS,
        )  # fmt: skip
    assert ended.returncode == -9, f"the step '{step}' was never reached"
    lines = [line.split()[1:] for line in ended.stdout.decode().splitlines() if line.startswith("acknowledged")]
    assert lines
    async with server(name, tmp_path, "again") as again:
        states = {file.id: file.status for file in await settled(again, id)}
        assert {states[file] for file, _ in lines} == {"completed"}
        for file, word in lines:
            hits = [hit for hit in (await search(again, id, word)).data if word in hit.content[0].text]
            assert {hit.file_id for hit in hits} == {file}
            assert len({hit.chars for hit in hits}) == len(hits)
    await assert_index_agrees(name, tmp_path)

"""`doctor --check` finds each kind of damage, and `--repair` mends what can be mended."""

import shutil
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from support.local import Words, add, opened, search, settled, store
from support.waiting import moment
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_tools.contract.errors import Unavailable
from vectorstores_tools.contract.maintenance import Finding
from vectorstores_tools.contract.requests import PageRequest

FRESH_LOOPS = True

pytestmark = pytest.mark.process

Run = Callable[..., tuple[int, str, str]]
FOX = "The quick brown fox jumps over the lazy dog."
PLACES = {
    "blob": "blobs/*", "text": "text/*.vs-*", "data file": "index/*.lance/data/*.lance",
    "index file": "index/*.lance/_indices/*/*.*", "manifests": "index/*.lance/_versions/*.manifest",
}  # fmt: skip
HOW = ("missing", "truncated", "flipped")
KINDS = [
    *[(what, how) for what in ("blob", "text", "data file", "index file") for how in HOW],
    ("manifests", "missing"), ("table", "missing"),
]  # fmt: skip


def damage(data: Path, what: str, how: str) -> None:
    if what == "table":
        [table] = (data / "index").glob("*.lance")
        shutil.rmtree(table)
        return
    paths = sorted(data.glob(PLACES[what]))
    assert paths
    for path in paths:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        match how:
            case "missing":
                path.unlink()
            case "truncated":
                path.write_bytes(content[: len(content) // 2])
            case _:
                path.write_bytes(content)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with one file, to be copied."""
    data = tmp_path_factory.mktemp("sound")
    anyio.run(fill, data)
    return data


async def fill(data: Path) -> None:
    async with opened(data, Words()) as engine:
        await add(engine, await store(engine), FOX, "fox.txt")
        with anyio.fail_after(30):  # until the worker has nothing else to do: then it takes the hashes
            while not list((data / "index").glob("*.sums")):
                await moment()


def set_aside(data: Path) -> int:
    return sum(path.is_file() for folder in data.glob("aside-*") for path in folder.rglob("*"))


async def found(engine: LocalEngine) -> list[Finding]:
    return [finding async for finding in engine.maintenance.check(lambda count: None)]


@pytest.mark.parametrize(("what", "how"), KINDS, ids=[f"{what} {how}" for what, how in KINDS])
async def test_each_kind_of_damage_is_found_named_and_mended(sound: Path, tmp_path: Path, what: str, how: str):
    shutil.copytree(sound, tmp_path, dirs_exist_ok=True)
    async with opened(tmp_path, Words()) as engine:
        [id] = [store.id for store in (await engine.list_stores(PageRequest())).data]
        assert await found(engine) == []
    damage(tmp_path, what, how)
    async with opened(tmp_path, Words()) as engine:
        findings = await found(engine)
        parts = {finding.part for finding in findings}
        assert parts == {what if what in ("blob", "text") else "table"}
        if what in ("blob", "text"):
            assert "fox.txt" in str(findings[0])
        left = await engine.maintenance.repair(findings)
        if what == "blob":
            assert left == findings, "only its owner has the bytes"
            assert "upload the file again" in str(left[0])
            assert set_aside(tmp_path) == (0 if how == "missing" else 1)
            return
        assert left == []
        await settled(engine, id)
        assert await found(engine) == []
        assert [hit.filename for hit in (await search(engine, id, "fox")).data] == ["fox.txt"]


async def read_all(engine: LocalEngine, file: str, into: list[bytes]) -> None:
    async with engine.read_file(file) as content:
        async for block in content.stream:
            into += [block]


@pytest.mark.slow
async def test_bytes_of_the_wrong_size_are_refused_before_the_first_and_wrong_ones_before_the_last(tmp_path: Path):
    async with opened(tmp_path, Words()) as engine:
        file = await add(engine, await store(engine), FOX * 100_000)
        [blob] = (tmp_path / "blobs").iterdir()
        whole = blob.read_bytes()
        blob.write_bytes(whole[:-1])
        with pytest.raises(Unavailable, match="damaged"):
            await read_all(engine, file, [])
        blob.write_bytes(b"X" + whole[1:])
        got: list[bytes] = []
        with pytest.raises(Unavailable, match="damaged"):
            await read_all(engine, file, got)
        assert sum(map(len, got)) < len(whole)


def test_the_command_tells_what_is_damaged_by_its_exit_code(run: Run, tmp_path: Path):
    (tmp_path / "a.md").write_text("The moon moves the tides.")
    run("add", "--store", "sea", tmp_path / "a.md")
    assert run("doctor", "--check")[:2] == (0, "All is sound.\n")
    [text] = (tmp_path / "data" / "text").iterdir()
    text.write_bytes(b"gone")
    code, out, _ = run("doctor", "--check")
    assert (code, "a.md" in out, "parsed again" in out) == (1, True, True)
    code, out, _ = run("doctor", "--repair", "--yes")
    assert (code, "Mended 1; 0 left." in out) == (0, True)
    assert run("doctor", "--check")[0] == 0

import sys
from pathlib import Path

import anyio
import pytest

from support.checkout import TESTS
from support.crash_child import FILES
from support.local import Words, opened, search, settled
from vectorstores_server.engines.local.catalog import reconciliation
from vectorstores_server.engines.local.catalog.database import SqliteCatalog
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.engines.local.index import Index
from vectorstores_tools.contract.requests import PageRequest

pytestmark = [pytest.mark.process, pytest.mark.slow]

CHAINS = (
    ("created", "claimed", "parsed", "kept", "cut", "embedded"),
    ("added", "flipped", "refused", "dirty", "reconciled"),
)
"""Crashes one after the other in a directory; the directories stand side by side."""


async def crash(directory: Path, step: str, run: int) -> dict[str, str]:
    """Let a process end at the step; return the file id and the word of what it acknowledged before."""
    with anyio.fail_after(60):
        ended = await anyio.run_process(
            [sys.executable, "-m", "support.crash_child", str(directory), step, str(run)],
            check=False,
            stderr=None,
            cwd=TESTS,
        )
    assert ended.returncode == -9, f"the step '{step}' was never reached"
    return dict(line.split()[1:] for line in ended.stdout.decode().splitlines() if line.startswith("acknowledged"))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("steps", CHAINS, ids="-".join)
async def test_after_a_crash_at_any_step_every_acknowledged_file_is_there_once(tmp_path: Path, steps: tuple[str, ...]):
    words: dict[str, str] = {}
    found: set[str] = set()
    for run, step in enumerate(steps):
        words |= await crash(tmp_path, step, run)
        found |= await assert_all_that_was_found_still_is(tmp_path, words, found)
    async with opened(tmp_path, Words()) as engine:
        [id] = [s.id for s in (await engine.list_stores(PageRequest())).data]
        states = {file.id: file.status for file in await settled(engine, id)}
        assert {states[file] for file in words} == {"completed"}
        assert sorted(states.values()).count("failed") == steps.count("refused")
        for file, word in words.items():
            hits = [hit for hit in (await search(engine, id, word)).data if word in hit.content[0].text]
            assert {hit.file_id for hit in hits} == {file}
            assert len({hit.chars for hit in hits}) == len(hits)
    assert len(words) >= FILES * (len(set(steps) - {"dirty", "reconciled"}))
    await assert_index_agrees(tmp_path)


async def assert_all_that_was_found_still_is(directory: Path, words: dict[str, str], found: set[str]) -> set[str]:
    """Search what the crash left, before anybody repairs it: a file is there once or, if it never was, not at all."""
    engine = LocalEngine(directory, Words(), read_only=True)
    [id] = [s.id for s in (await engine.list_stores(PageRequest())).data]
    now: set[str] = set()
    for file, word in words.items():
        hits = [hit for hit in (await search(engine, id, word)).data if word in hit.content[0].text]
        assert {hit.file_id for hit in hits} <= {file}
        assert len({hit.chars for hit in hits}) == len(hits)
        assert hits or file not in found
        now |= {hit.file_id for hit in hits}
    await engine.aclose()
    return now


async def assert_index_agrees(directory: Path) -> None:
    """Every live revision has its rows, once, and nobody else has any."""
    catalog, index = SqliteCatalog(directory), Index(directory / "index")
    [table] = await index.tables()
    rows = await index.revs(table)
    expected = await catalog.read(reconciliation.live_rows, table)
    buried = await catalog.read(reconciliation.buried_revs, table)
    await catalog.aclose()
    await index.aclose()
    assert {rev: count for rev, count in rows.items() if rev in expected} == expected
    assert rows.keys() <= buried | expected.keys()

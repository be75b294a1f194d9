"""One large file must not hold up the others, a wish to stop, or the end."""

import re
import signal
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from support.cutting import cut
from support.local import Words, add, opened, store, upload
from support.prepared_files import prepared
from support.served import MODULE
from vectorstores_server.engines.local.chunking.passages import SEEN, PassageLimits, cut_stepwise
from vectorstores_server.engines.local.embedding.tokenizer import TokenCounter
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.engines.local.ingest.scheduler import GROUP, HUGE, PassageScheduler, take
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_tools.contract.requests import FileAttach
from vectorstores_tools.progress.following import built

pytestmark = pytest.mark.process

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

SENTENCE = "The tide turns twice a day, and harbour {} turns with it. "
SOON = 15.0
"""Far less than the large file takes; the rest is for a machine that is busy with other tests."""


def text(characters: int) -> str:
    return "".join(SENTENCE.format(number) for number in range(characters // len(SENTENCE)))


class Steps:
    """The worker's steps; `wait` until one has been taken so many times."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self._moved = anyio.Event()

    def __call__(self, step: str) -> None:
        self.taken.append(step)
        self._moved.set()
        self._moved = anyio.Event()

    async def wait(self, step: str, times: int = 1) -> None:
        with anyio.fail_after(60):
            while self.taken.count(step) < times:
                await self._moved.wait()


async def attach(engine: LocalEngine, store_id: str, content: str, filename: str = "large.txt") -> str:
    file_id = await upload(engine, content, filename)
    await engine.attach_file(store_id, FileAttach(file_id=file_id))
    return file_id


class Slow(Words):
    """Words, two hundred texts a second."""

    async def embed_documents(
        self, texts: Sequence[str], *, stop: Callable[[], bool] | None = None
    ) -> "NDArray[float32]":
        await anyio.sleep(len(texts) / 200)
        return await super().embed_documents(texts, stop=stop)


# Cutting


def test_a_text_longer_than_what_is_seen_is_cut_as_evenly_as_a_short_one():
    document = Document(text(2 * SEEN))
    passages = cut(document, TokenCounter(), PassageLimits(150, 150))
    assert [p.ordinal for p in passages] == list(range(len(passages)))
    assert min(p.tokens for p in passages) > 70
    assert max(p.tokens for p in passages) <= 150
    assert all(document.text[p.end - 1] == "." for p in passages)
    assert all(not document.text[a.end : b.start].strip() for a, b in pairwise(passages))


def test_a_text_is_cut_in_many_steps():
    document = Document(text(2 * SEEN))
    steps = [len(step) for step in cut_stepwise(document, TokenCounter(), PassageLimits(150, 150))]
    assert len(steps) > 20
    assert max(steps) < sum(steps) / 2


# Which passages are embedded next


def test_however_many_long_files_wait_a_short_one_goes_with_the_next_group():
    files = [prepared(0, 5_000), prepared(1, 5_000), prepared(2, 400), prepared(3, 20)]
    shares = {p.file.work.rev: p.last - p.first for p in take(files, GROUP)}
    assert shares[3] == 20
    assert sum(shares.values()) == GROUP
    assert min(shares.values()) >= 20


def test_a_longer_file_passes_two_huge_ones():
    scheduler = PassageScheduler()
    for rev in range(3):
        scheduler.claim(prepared(rev, 1).work)
        scheduler.put(prepared(rev, HUGE + 1))
    scheduler.claim(prepared(3, 1).work)
    scheduler.put(prepared(3, GROUP + 1))
    assert {p.file.work.rev for p in scheduler.next_group()} == {0, 1, 3}


def test_a_file_that_was_put_back_is_not_prepared_again_before_there_is_room():
    scheduler = PassageScheduler()
    for rev in range(3):
        scheduler.claim(prepared(rev, 1).work)
        scheduler.put(prepared(rev, HUGE + 1))
    scheduler.claim(prepared(9, 1).work)
    scheduler.let_go(9)
    assert 2 in scheduler.revs
    scheduler.let_go(0)
    assert 2 not in scheduler.revs
    assert not scheduler.put_back(prepared(2, 1).work)


# In the engine


async def test_a_small_file_passes_a_large_one_that_is_being_prepared(tmp_path: Path):
    steps = Steps()
    async with opened(tmp_path, Words(), steps) as engine:
        slow, quick = await store(engine, "slow"), await store(engine, "quick")
        await attach(engine, slow, text(3_000_000))
        await steps.wait("claimed")
        with anyio.fail_after(SOON):
            await add(engine, quick, "A small note.")
        assert (await engine.retrieve_store(slow)).file_counts.in_progress == 1


@pytest.mark.slow
async def test_small_files_pass_two_huge_ones_that_are_being_embedded(tmp_path: Path):
    steps = Steps()
    async with opened(tmp_path, Slow(), steps) as engine:
        slow, quick = await store(engine, "slow"), await store(engine, "quick")
        for name in ("one.txt", "two.txt", "three.txt"):
            await attach(engine, slow, text(1_500_000) + name, name)
        await steps.wait("cut", 2)
        with anyio.fail_after(SOON):
            await add(engine, quick, "A small note.")
        assert (await engine.retrieve_store(slow)).file_counts.in_progress == 3


@pytest.mark.parametrize(
    "end", ["delete the store", *(pytest.param(end, marks=pytest.mark.slow) for end in ("detach", "cancel the batch"))]
)
async def test_what_nobody_wants_any_more_is_not_prepared_to_its_end(tmp_path: Path, end: str):
    steps = Steps()
    async with opened(tmp_path, Words(), steps) as engine:
        id = await store(engine)
        file = await upload(engine, text(12_000_000), "large.txt")
        batch = await engine.create_batch(id, [FileAttach(file_id=file)])
        await steps.wait("kept")
        match end:
            case "detach":
                await engine.detach_file(id, file)
            case "cancel the batch":
                await engine.cancel_batch(id, batch.id)
            case _:
                await engine.delete_store(id)
        with anyio.fail_after(SOON):
            await steps.wait("clean")
        assert "cut" not in steps.taken


async def test_an_engine_closes_while_it_prepares_a_large_file(tmp_path: Path):
    steps = Steps()
    async with opened(tmp_path, Words(), steps) as engine:
        await attach(engine, await store(engine), text(12_000_000))
        await steps.wait("kept")
        with anyio.fail_after(SOON):
            await engine.aclose()
        assert "cut" not in steps.taken


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
async def test_ctrl_c_ends_an_add_of_a_large_file(tmp_path: Path):
    large = tmp_path / "large.txt"
    large.write_text(text(6_000_000), encoding="utf-8")
    command = [*MODULE, "add", "--data", str(tmp_path / "data"), "--embedder", "none", "--store", "s", str(large)]
    async with await anyio.open_process(command) as process:
        await kept(tmp_path / "data")
        process.send_signal(signal.SIGINT)
        with anyio.fail_after(SOON):
            assert await process.wait() == 130
        assert process.stderr is not None
        assert b"Interrupted." in b"".join([chunk async for chunk in process.stderr])


async def test_a_search_elsewhere_ends_while_a_large_file_is_pending(tmp_path: Path):
    data = tmp_path / "data"
    steps = Steps()
    async with opened(data, None, steps) as engine:
        id = await store(engine, "s")
        await add(engine, id, "A small note about puffins.")
        await attach(engine, id, text(12_000_000))
        await steps.wait("kept", 2)
    command = [*MODULE, "search", "--data", str(data), "--embedder", "none", "--store", "s", "puffins"]
    with anyio.fail_after(2 * SOON):
        result = await anyio.run_process(command)
    assert b"puffins" in result.stdout
    assert b"still in progress" in result.stdout


async def kept(data: Path) -> None:
    """Wait until a text was parsed and kept."""
    with anyio.fail_after(60):
        while not list(data.glob("text/*.vs-*")):  # noqa: ASYNC110, ASYNC240 the other process tells nobody
            await anyio.sleep(0.05)


async def test_how_far_a_long_file_is_can_be_seen_from_every_process(tmp_path: Path):
    async with opened(tmp_path, Slow()) as engine, opened(tmp_path, None) as other:
        id = await store(engine)
        file_id = await attach(engine, id, text(700_000))
        share, seen, mark = 0.0, "", 0
        with anyio.fail_after(60):
            while not seen:
                mark = await other.changed(mark)
                share, seen = built(await other.retrieve_store_file(id, file_id))
        assert 0 < share < 1
        assert re.fullmatch(r"large\.txt: [\d,]+ of 1,\d{3} passages", seen)

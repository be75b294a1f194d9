from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import psutil
import pytest

from support.local import HASTY, SMALL_CHUNKS, Gate, Words, add, opened, search, settled, store, upload
from support.prepared_files import prepared
from support.processes import gone
from support.waiting import moment
from vectorstores_server.engines.local.catalog import reconciliation
from vectorstores_server.engines.local.catalog.database import SqliteCatalog
from vectorstores_server.engines.local.embedding import EmbeddingFailure
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.engines.local.ingest.scheduler import GROUP, PassageScheduler, take
from vectorstores_server.engines.local.leader.file_lock import WorkerLock
from vectorstores_tools.contract.errors import Unavailable
from vectorstores_tools.contract.requests import FileAttach, StoreFilesRequest

FRESH_LOOPS = True

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

FOX = "The quick brown fox jumps over the lazy dog."


class Broken(Words):
    async def embed_documents(
        self, texts: Sequence[str], *, stop: Callable[[], bool] | None = None
    ) -> "NDArray[float32]":
        raise EmbeddingFailure("The embedding service does not answer.", "Try again later.")


# The lock


def test_only_one_holds_the_lock(tmp_path: Path):
    first, second = WorkerLock(tmp_path), WorkerLock(tmp_path)
    assert first.take()
    assert not second.take()
    assert first.take(), "the holder has it already"
    first.release()
    assert second.take()
    second.close()
    assert first.take()
    first.close()


# What is embedded next


def test_a_lock_that_cannot_be_opened_names_the_directory(tmp_path: Path):
    with pytest.raises(Unavailable, match=str(tmp_path / "gone")):
        WorkerLock(tmp_path / "gone").take()


def test_small_files_go_together():
    files = [prepared(rev, 10) for rev in range(5)]
    assert [(p.file.work.rev, p.first, p.last) for p in take(files, 35)] == [
        (0, 0, 10),
        (1, 0, 10),
        (2, 0, 10),
        (3, 0, 5),
    ]
    assert [(p.file.work.rev, p.first, p.last) for p in take(files, 35)] == [(3, 5, 10), (4, 0, 10)]


def test_a_huge_file_leaves_half_of_each_group_to_others():
    files = [prepared(0, 1000), prepared(1, 20)]
    assert [(p.file.work.rev, p.last - p.first) for p in take(files, 100)] == [(0, 80), (1, 20)]
    assert [(p.file.work.rev, p.last - p.first) for p in take(files, 100)] == [(0, 100)]


def test_what_presses_more_goes_first():
    files = [prepared(0, 60, priority=1), prepared(1, 60)]
    assert [(p.file.work.rev, p.last - p.first) for p in take(files, 100)] == [(1, 60), (0, 40)]


def test_a_third_huge_file_is_put_back_until_another_is_done():
    scheduler = PassageScheduler()
    for rev in range(3):
        scheduler.claim(prepared(rev, 1).work)
        scheduler.put(prepared(rev, GROUP * 2))
    assert {p.file.work.rev for p in scheduler.next_group()} == {0, 1}
    assert scheduler.revs == {0, 1, 2}, "it is not fetched again at once"
    scheduler.let_go(0)
    assert scheduler.revs == {1}


# A file's way


async def test_files_of_a_batch_are_searchable_and_counted(local_engine: LocalEngine):
    id = await store(local_engine)
    files = [FileAttach(file_id=await upload(local_engine, f"Number {i}. {FOX}", f"{i}.txt")) for i in range(30)]
    batch = await local_engine.create_batch(id, files)
    await settled(local_engine, id)
    batch = await local_engine.retrieve_batch(id, batch.id)
    assert (batch.status, batch.file_counts.completed) == ("completed", 30)
    assert (await search(local_engine, id, "number 17")).data[0].filename == "17.txt"


async def test_a_file_without_text_fails_with_a_sentence_and_the_next_goes_on(local_engine: LocalEngine):
    id = await store(local_engine)
    noise = await upload(local_engine, b"\x00\x01\x02" * 99, "noise.txt")
    await local_engine.attach_file(id, FileAttach(file_id=noise))
    good = await local_engine.retrieve_store_file(id, await add(local_engine, id, FOX))
    bad = await local_engine.retrieve_store_file(id, noise)
    assert (good.status, bad.status) == ("completed", "failed")
    assert bad.last_error is not None
    assert "noise.txt" in bad.last_error.message


async def test_an_embedder_that_gives_up_fails_the_file_with_its_sentence(tmp_path: Path):
    async with opened(tmp_path, Broken()) as engine:
        id = await store(engine)
        await add(engine, id, FOX)
        [file] = (await engine.list_store_files(id, StoreFilesRequest())).data
        assert file.status == "failed"
        assert file.last_error is not None
        assert (file.last_error.code, file.last_error.message) == (
            "server_error",
            "The embedding service does not answer. Try again later.",
        )


async def test_other_sizes_build_a_file_anew_and_the_old_version_is_found_until_then(tmp_path: Path):
    text = "\n\n".join(f"Item{i} is one of many things. " * 12 for i in range(6))
    gate = Gate()
    gate.open.set()
    async with opened(tmp_path, gate) as engine:
        id = await store(engine)
        file = await add(engine, id, text)
        before = (await search(engine, id, "item2")).data
        gate.reached, gate.open = anyio.Event(), anyio.Event()
        attached = await engine.attach_file(id, FileAttach(file_id=file, chunking_strategy=SMALL_CHUNKS))
        assert attached.status == "in_progress"
        await gate.reached.wait()
        assert (await search(engine, id, "item2")).data == before
        gate.open.set()
        await settled(engine, id)
        after = (await search(engine, id, "item2")).data
        assert len(after) > len(before)
        assert len({(h.chars, h.file_id) for h in after}) == len(after)


async def test_a_file_that_is_cancelled_while_it_is_embedded_is_never_found(tmp_path: Path):
    gate = Gate()
    async with opened(tmp_path, gate) as engine:
        id = await store(engine)
        batch = await engine.create_batch(id, [FileAttach(file_id=await upload(engine, FOX))])
        await gate.reached.wait()
        await engine.cancel_batch(id, batch.id)
        gate.open.set()
        await add(engine, id, "Something else.", "other.txt")
        assert [h.filename for h in (await search(engine, id, "fox")).data] == ["other.txt"]
        assert (await engine.retrieve_batch(id, batch.id)).file_counts.cancelled == 1


# Life


async def test_closing_while_embedding_takes_less_than_a_second_and_the_file_is_done_later(tmp_path: Path):
    gate = Gate()
    async with opened(tmp_path, gate) as engine:
        id = await store(engine)
        await engine.attach_file(id, FileAttach(file_id=await upload(engine, FOX)))
        await gate.reached.wait()
        with anyio.fail_after(2):
            await engine.aclose()
    async with opened(tmp_path, Words()) as engine:
        assert [f.status for f in await settled(engine, id)] == ["completed"]
        assert len((await search(engine, id, "fox")).data) == 1


@pytest.mark.parametrize("step", ["claimed", "kept", "embedded", "created", "added", "flipped"])
async def test_work_goes_on_by_itself_after_the_disk_was_full(tmp_path: Path, step: str):
    failures = [OSError(28, "No space left on device")]

    def checkpoint(reached: str) -> None:
        if reached == step and failures:
            raise failures.pop()

    async with opened(tmp_path, Words(), checkpoint, HASTY) as engine:
        id = await store(engine)
        for number in range(8):  # enough that each stage waits for the next
            text = f"File{number} tells of foxes and dogs. " * 300
            await engine.attach_file(id, FileAttach(file_id=await upload(engine, text, f"{number}.txt")))
        assert {file.status for file in await settled(engine, id)} == {"completed"}
        assert len({hit.file_id for hit in (await search(engine, id, "fox", max_num_results=50)).data}) == 8
    assert not failures


async def test_a_clean_end_is_noted_so_that_nothing_is_compared_at_the_next_start(tmp_path: Path):
    async with opened(tmp_path, Words()) as engine:
        await add(engine, await store(engine), FOX)
    catalog = SqliteCatalog(tmp_path)
    clean, boot = await catalog.read(reconciliation.worker_row)
    await catalog.aclose()
    assert clean
    assert boot


async def test_the_parsers_process_ends_with_the_work(tmp_path: Path):
    others = set(psutil.Process().children())
    async with opened(tmp_path, Words(), pace=HASTY) as engine:
        await add(engine, await store(engine), FOX)
        [parser] = set(psutil.Process().children()) - others
        with anyio.fail_after(30):
            await gone(parser)


async def test_the_lock_is_free_again_after_the_work(tmp_path: Path):
    steps: list[str] = []
    freed = anyio.Event()

    def checkpoint(step: str) -> None:
        steps.append(step)
        if step == "clean":
            freed.set()

    async with opened(tmp_path, Words(), checkpoint, HASTY) as engine:
        await add(engine, await store(engine), FOX)
        with anyio.fail_after(30):
            await freed.wait()
        lock = WorkerLock(tmp_path)
        with anyio.fail_after(20):
            while not lock.take():
                await moment()
        lock.close()
    # On a busy machine a file is fetched again while it is parsed, and the lock is taken twice.
    assert list(dict.fromkeys(steps)) == [
        "reconciled", "dirty", "claimed", "parsed", "kept", "cut", "embedded", "created", "added", "flipped",
        "optimized", "clean",
    ]  # fmt: skip


async def test_a_second_engine_on_the_directory_searches_what_the_first_builds(tmp_path: Path):
    async with opened(tmp_path, Words()) as one, opened(tmp_path, Words()) as other:
        id = await store(one)
        file = await upload(other, FOX)
        await other.attach_file(id, FileAttach(file_id=file))
        await settled(one, id)
        for engine in (one, other):
            assert [h.file_id for h in (await search(engine, id, "fox")).data] == [file]


async def test_work_for_an_embedder_that_this_process_lacks_stays_queued(tmp_path: Path):
    async with opened(tmp_path, Words(16)) as engine:
        id = await store(engine)
    async with opened(tmp_path, Words(32)) as other:
        await other.attach_file(id, FileAttach(file_id=await upload(other, FOX)))
        await add(other, await store(other), FOX)
        assert (await other.retrieve_store(id)).file_counts.in_progress == 1
    async with opened(tmp_path, Words(16)) as engine:
        assert [f.status for f in await settled(engine, id)] == ["completed"]

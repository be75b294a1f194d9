"""One bad file, one unreadable cache, one unforeseen error stops nobody: the worker goes on with the next."""

import logging
import re
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from support.local import HASTY, SMALL_CHUNKS, Words, add, opened, search, settled, store, upload
from support.prepared_files import ListSource, queued_work
from support.samples import pdf_bytes
from support.scans import program
from support.waiting import moment
from vectorstores_server.engines.local import failpoints
from vectorstores_server.engines.local.catalog import expiry, work_queue
from vectorstores_server.engines.local.catalog.database import SqliteCatalog
from vectorstores_server.engines.local.catalog.enqueue import BATCHED, attach
from vectorstores_server.engines.local.catalog.files import insert_file
from vectorstores_server.engines.local.catalog.ids import clock
from vectorstores_server.engines.local.catalog.stores import insert_store
from vectorstores_server.engines.local.catalog.work_queue import QueuedRevision
from vectorstores_server.engines.local.chunking.passages import Passage
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.engines.local.index import Index
from vectorstores_server.engines.local.ingest.pipeline import IngestPipeline, is_of_one_file
from vectorstores_server.engines.local.ingest.preparation import FilePreparer, PreparedFile
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.tesseract import Recognition
from vectorstores_tools.contract.engine import TextRequest
from vectorstores_tools.contract.errors import DiskFull
from vectorstores_tools.contract.models import File
from vectorstores_tools.contract.requests import FileAttach, StoreCreate, StoreFilesRequest

pytestmark = pytest.mark.process

LOCAL = Path(failpoints.__file__).parent
STEPS = sorted(
    {step for path in LOCAL.rglob("*.py") for step in re.findall(r'failpoints\.reached\("(\w+)"\)', path.read_text())}
)
FOX = "The quick brown fox jumps over the lazy dog."


class UnforeseenError(Exception):
    """An error that no line of the code names."""


def raising(step: str, error: Exception, times: int = 1) -> tuple[Callable[[str], None], list[str]]:
    """Return a hook that raises at a step, so many times, and the steps that it has seen."""
    seen: list[str] = []

    def hook(reached: str) -> None:
        seen.append(reached)
        if reached == step and seen.count(step) <= times:
            raise error

    return hook, seen


def test_the_steps_of_the_worker_are_counted() -> None:
    assert len(STEPS) == 18, STEPS


async def exercise(engine: LocalEngine) -> str:
    """Do everything that the worker does: files, one that is refused, a scan, a deletion, a rebuild."""
    id = await store(engine)
    await engine.attach_file(id, FileAttach(file_id=await upload(engine, pdf_bytes(["a page", ""]), "scan.pdf")))
    doomed = await upload(engine, "soon gone", "gone.txt")
    for number in range(3):
        file = await upload(engine, f"{FOX} number {number}", f"{number}.txt")
        await engine.attach_file(id, FileAttach(file_id=file))
    await engine.attach_file(id, FileAttach(file_id=doomed))
    await engine.attach_file(id, FileAttach(file_id=await upload(engine, b"\x00\x01\x02" * 99, "noise.txt")))
    await settled(engine, id)
    await engine.delete_file(doomed)
    await engine.maintenance.reindex(None)
    mark = 0
    while await engine.maintenance.rebuilding():
        mark = await engine.changed(mark)
    return id


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
async def test_an_unforeseen_error_at_any_step_stops_nobody(
    tmp_path: Path, step: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(expiry, "GRACE", 0)
    pace = replace(HASTY, disk=1.0) if step == "orphans_removed" else HASTY
    hook, seen = raising(step, UnforeseenError(step))
    with caplog.at_level(logging.ERROR), anyio.fail_after(90):
        recognition = Recognition(program=program(tmp_path / "tesseract", "cat >/dev/null; echo words"))
        async with opened(tmp_path / "data", Words(), hook, pace, recognition) as engine:
            if step == "reconciled":  # what the last process left makes this one look
                catalog = SqliteCatalog(tmp_path / "data")
                await catalog.write(lambda db: db.execute("UPDATE worker SET clean = 0") and None)
                await catalog.aclose()
            id = await exercise(engine)
            later = await add(engine, id, "a later heron", "later.txt")
            assert (await search(engine, id, "heron")).data[0].file_id == later
            files = (await engine.list_store_files(id, StoreFilesRequest(limit=100))).data
            failed = [file for file in files if file.status == "failed"]
            assert {file.status for file in files} <= {"completed", "failed"}
            assert len(failed) <= 2, "the noise, and at most the one file that met the error"
            for file in failed:
                assert file.last_error is not None
                assert file.last_error.message
            mark = 0
            while step not in seen or not await working(engine):
                with anyio.move_on_after(HASTY.quiet):  # that the worker works again changes nothing that is kept
                    mark = await engine.changed(mark)
    assert step in seen
    if step != "refused":
        assert any(getattr(record, "event", "").startswith("unforeseen_") for record in caplog.records)


async def working(engine: LocalEngine) -> bool:
    return (await engine.health()).checks["worker"].ok


async def test_a_file_that_always_meets_an_error_fails_with_a_sentence_and_the_others_complete(tmp_path: Path):
    hook, _ = raising("cut", UnforeseenError("poison"))
    async with opened(tmp_path, Words(), hook, HASTY) as engine:
        id = await store(engine)
        ids = [await upload(engine, f"{FOX} {number}", f"{number}.txt") for number in range(4)]
        await engine.create_batch(id, [FileAttach(file_id=file) for file in ids])
        files = await settled(engine, id)
    [failed] = [file for file in files if file.status == "failed"]
    assert failed.last_error is not None
    assert failed.last_error.code == "server_error"
    assert "Attach it again" in failed.last_error.message
    assert [file.status for file in files].count("completed") == 3


@pytest.mark.parametrize("damage", [b"", b"not a document", b'{"title":1}\n', None])
async def test_an_unreadable_cached_text_is_made_again_wherever_it_is_met(tmp_path: Path, damage: bytes | None):
    async with opened(tmp_path, Words()) as engine:
        id, other = await store(engine), await store(engine, "other")
        file = await add(engine, id, FOX)
    [text] = (tmp_path / "text").glob("*.vs-*")
    whole = text.read_bytes()

    def damage_it() -> None:
        text.write_bytes(damage) if damage is not None else text.unlink()

    async with opened(tmp_path, Words()) as engine:
        damage_it()
        [hit] = (await search(engine, id, "fox")).data
        assert hit.content[0].text == FOX
        assert text.read_bytes() == whole
        damage_it()
        assert (await engine.read_text(TextRequest(file, id))).text == FOX
        damage_it()
        await engine.attach_file(id, FileAttach(file_id=file, chunking_strategy=SMALL_CHUNKS))
        await engine.attach_file(other, FileAttach(file_id=file))
        assert [f.status for f in await settled(engine, id) + await settled(engine, other)] == ["completed"] * 2
        damage_it()
        await engine.maintenance.reindex(None)
        mark = 0
        with anyio.fail_after(60):
            while await engine.maintenance.rebuilding():
                mark = await engine.changed(mark)
        assert len((await search(engine, id, "fox")).data) == 1


async def test_a_worker_that_cannot_live_says_so_where_health_is_asked(tmp_path: Path):
    hook, seen = raising("dirty", UnforeseenError("never"), times=10_000)
    async with opened(tmp_path, Words(), hook, HASTY) as engine:
        id = await store(engine)
        await engine.attach_file(id, FileAttach(file_id=await upload(engine, FOX)))
        with anyio.fail_after(30):
            while await working(engine):
                await moment()
        check = (await engine.health()).checks["worker"]
        assert "UnforeseenError" in check.state
    assert seen.count("dirty") >= 1


@pytest.mark.parametrize(
    ("error", "blamed"),
    [
        (UnforeseenError(), True),
        (ValueError(), True),
        (ExceptionGroup("g", [UnforeseenError()]), True),
        (OSError(24, "Too many open files"), False),
        (MemoryError(), False),
        (DiskFull("x"), False),
        (ExceptionGroup("g", [UnforeseenError(), OSError(28, "full")]), False),
    ],
)
def test_an_error_of_the_machine_is_blamed_on_no_file(error: Exception, blamed: bool):
    assert is_of_one_file(error) is blamed


# Fairness


def queued(db: sqlite3.Connection, stores: int, files: int) -> None:
    """Queue so many files of the first store, and one of each other."""
    for number in range(stores):
        insert_store(db, StoreCreate(name=str(number)), None, None, 1_000 + number)
    names = [row["id"] for row in db.execute("SELECT id FROM store ORDER BY created_at")]
    for number in range(files + stores - 1):
        file = File(id=f"file-{number}", bytes=10, created_at=1, filename="a.txt", purpose="assistants")
        insert_file(db, file, f"{number:064d}")
        attach(db, names[max(0, number - files + 1)], FileAttach(file_id=file.id), 1, BATCHED)


async def test_stores_take_turns_however_long_the_queue_of_one_is(tmp_path: Path):
    catalog = SqliteCatalog(tmp_path)
    await catalog.write(queued, 3, 500)
    works = await catalog.read(work_queue.next_work, (), clock(), limit=6)
    assert len({work.store_id for work in works[:3]}) == 3
    more = await catalog.read(work_queue.next_work, (), clock(), limit=2, besides={works[0].rev})
    assert works[0].store_id not in {work.store_id for work in more[:2]}
    everything = await catalog.read(work_queue.next_work, (), clock(), limit=1_000)
    assert len(everything) == 502
    await catalog.aclose()


class SlowPreparer(FilePreparer):
    """Prepares a file whose name begins with `slow` when it is let, and others at once."""

    def __init__(self) -> None:
        self.let = anyio.Event()

    async def prepare_run(self, works: Sequence[QueuedRevision]) -> dict[int, PreparedFile]:
        return {}

    async def prepare(self, work: QueuedRevision) -> PreparedFile:
        if work.filename.startswith("slow"):
            await self.let.wait()
        return PreparedFile(work, Document(FOX), [Passage(0, 0, len(FOX), 9, None, ())], [(0, len(FOX))])


async def test_a_small_file_passes_small_files_that_take_long(tmp_path: Path):
    preparer = SlowPreparer()
    source = ListSource([queued_work(number, "slow") for number in range(4)] + [queued_work(4, "quick")])
    index = Index(tmp_path / "index")

    async def nothing(tables: object) -> None: ...

    async def added(tables: object) -> None:
        if source.finished == [4]:
            preparer.let.set()

    pipeline = IngestPipeline([source], preparer, None, index, before_add=nothing, after_add=added, slow_seconds=0.01)
    with anyio.fail_after(60):
        await pipeline.run()
    await index.aclose()
    assert source.finished[0] == 4
    assert sorted(source.finished) == [0, 1, 2, 3, 4]

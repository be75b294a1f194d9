"""Small files go through their ways in runs: with the same outcome as one by one, and one of them spoils no other."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.engine_calls import ingest, source
from support.local import held, opened, store
from support.prepared_files import ListSource, queued_work
from vectorstores_server.engines.local.catalog.work_queue import QueuedRevision
from vectorstores_server.engines.local.chunking.passages import Passage
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.engines.local.files.blob_folder import BlobFolder
from vectorstores_server.engines.local.files.taking import RUN
from vectorstores_server.engines.local.index import Index
from vectorstores_server.engines.local.ingest.documents import DocumentMaker
from vectorstores_server.engines.local.ingest.pipeline import IngestPipeline
from vectorstores_server.engines.local.ingest.preparation import PLAIN_BYTES, FilePreparer, PreparedFile
from vectorstores_server.engines.local.parsing import EXTENSIONS, NAMES, ParseFailure, is_plain_text
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.parser_process import ParserProcess
from vectorstores_tools.contract.engine import AttachOptions
from vectorstores_tools.contract.intake import Source
from vectorstores_tools.contract.requests import StoreFilesRequest

FOX = "The quick brown fox jumps over the lazy dog."
TEXT = f"# Animals\n\n{FOX}\n\n## Birds\n\nA heron stands | in the reeds.\n" * 9

TEXTS = ("", "apple", "pear")

# On the way in


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    with start_blocking_portal() as portal:
        yield portal


@pytest.fixture(scope="module")
def idle(portal: BlockingPortal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    """An engine in which nothing is worked on."""
    directory = tmp_path_factory.mktemp("idle")
    with held(directory), portal.wrap_async_context_manager(opened(directory)) as engine:
        yield engine


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    calls=st.lists(
        st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(TEXTS), st.booleans()), max_size=6),
        min_size=1,
        max_size=3,
    ),
    attributes=st.sampled_from((None, {"k": 1})),
)
def test_sources_at_hand_are_attached_as_others_are(
    portal: BlockingPortal,
    idle: LocalEngine,
    calls: list[list[tuple[str, str, bool]]],
    attributes: dict[str, int] | None,
) -> None:
    async def attached(*, at_hand: bool) -> list[object]:
        id, seen = await store(idle), list[object]()
        for call in calls:
            sources = [replace(source(f"/d/{name}.txt", text), at_hand=at_hand and maybe) for name, text, maybe in call]
            done = await ingest(idle, id, *sources, attributes=attributes)
            names = [(await idle.retrieve_file(file)).filename for file in done.file_ids]
            seen.append((done.uploaded, done.unchanged, done.again, sorted(names), sorted(done.notes)))
        page = await idle.list_store_files(id, StoreFilesRequest(limit=100))
        seen.append([(file.filename, file.status, file.usage_bytes, file.attributes) for file in page.data])
        return seen

    async def both() -> None:
        assert await attached(at_hand=True) == await attached(at_hand=False)

    portal.call(both)


async def test_a_run_of_any_length_is_attached_whole_with_its_bytes(tmp_path: Path) -> None:
    with held(tmp_path):
        async with opened(tmp_path) as engine:
            id = await store(engine)
            many = [
                replace(source(f"/d/{number}.txt", f"text {number}"), at_hand=True) for number in range(2 * RUN + 3)
            ]
            done = await ingest(engine, id, *many)
            assert done.uploaded == len(many)
            assert done.batch is not None
            assert done.batch.file_counts.total == len(many)
            names = [(await engine.retrieve_file(file)).filename for file in done.file_ids]
            assert names == [small.filename for small in many]
    assert len(list((tmp_path / "blobs").iterdir())) == len(many), "and no temporary name"


async def test_sources_at_hand_are_attached_though_the_next_one_fails(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[Source]:
        yield replace(source("/d/a.txt", "apple"), at_hand=True)
        yield replace(source("/d/b.txt", "pear"), at_hand=True)
        raise ConnectionError

    with held(tmp_path):
        async with opened(tmp_path) as engine:
            id = await store(engine)
            with pytest.raises(ConnectionError):
                await engine.attach_sources(id, broken(), AttachOptions())
            assert (await engine.retrieve_store(id)).file_counts.total == 2


# To passages


@pytest.fixture
async def preparer(tmp_path: Path) -> AsyncIterator[tuple[FilePreparer, BlobFolder]]:
    blobs = BlobFolder(tmp_path)
    documents = DocumentMaker(blobs, ParserProcess(), ParserProcess())
    yield FilePreparer(blobs, documents, None, Index(tmp_path / "index")), blobs
    await documents.rest()


def queued(blobs: BlobFolder, contents: Sequence[tuple[str, bytes]]) -> list[QueuedRevision]:
    """Revisions of files with these names and bytes, which are on disk under made-up hashes."""
    blobs.blobs.mkdir(exist_ok=True)
    works: list[QueuedRevision] = []
    for number, (name, data) in enumerate(contents, 1):
        sha256 = f"{number:064x}"
        blobs.path(sha256).write_bytes(data)
        table = f"vs_{'0' * 24}_1"
        works.append(
            QueuedRevision(number, number, "vs_1", f"f{number}", name, sha256, len(data), table, None, None, 800, 400)
        )
    return works


@pytest.mark.process
async def test_a_run_prepares_every_type_of_text_as_each_alone(preparer: tuple[FilePreparer, BlobFolder]) -> None:
    prepare, blobs = preparer
    names = [f"a{ending}" for ending in sorted(EXTENSIONS)] + sorted(NAMES) + ["a.unknown"]
    contents = [(name, TEXT.encode()) for name in names]
    contents += [
        ("blank.txt", b" \n "),
        ("noise.txt", b"\x00\x01\x02" * 99),
        ("latin.txt", "für Öl ß".encode("cp1252")),
    ]
    contents += [
        ("large.txt", b"word " * PLAIN_BYTES),
        ("broken.json", b'{"a": '),
        ("front.md", b"---\ntitle: x\n---\nA"),
    ]
    works = queued(blobs, contents)
    together = await prepare.prepare_run(works)
    texts = {path.name: path.read_bytes() for path in blobs.texts.iterdir()}
    for path in blobs.texts.iterdir():
        path.unlink()
    assert {work.filename for work in works if work.rev in together} >= {name for name in names if is_plain_text(name)}
    alone = {work.rev: await prepare.prepare(work) for work in works if work.rev in together}
    assert together == alone
    kept = {path.name: path.read_bytes() for path in blobs.texts.iterdir()}
    assert texts == kept
    assert {work.filename for work in works if work.rev not in together} >= {
        "blank.txt",
        "noise.txt",
        "large.txt",
        "a.pdf",
    }


@pytest.mark.process
async def test_a_file_that_cannot_be_read_leaves_the_others_of_its_run(
    preparer: tuple[FilePreparer, BlobFolder],
) -> None:
    prepare, blobs = preparer
    works = queued(blobs, [(f"{number}.txt", FOX.encode()) for number in range(4)])
    blobs.path(works[2].sha256).unlink()
    assert set(await prepare.prepare_run(works)) == {1, 2, 4}
    with pytest.raises(ParseFailure, match="missing"):
        await prepare.prepare(works[2])


class Ended(ParserProcess):
    """A parser whose child has ended with each run."""

    async def parse_run(self, files: Sequence[tuple[Path, str]]) -> list[bytes | None]:
        return [None] * len(files)


@pytest.mark.process
async def test_files_of_a_run_whose_parser_ended_are_prepared_alone(tmp_path: Path) -> None:
    blobs = BlobFolder(tmp_path)
    documents = DocumentMaker(blobs, Ended(), ParserProcess())
    prepare = FilePreparer(blobs, documents, None, Index(tmp_path / "index"))
    works = queued(blobs, [(f"{number}.txt", FOX.encode()) for number in range(3)])
    assert await prepare.prepare_run(works) == {}
    assert [len((await prepare.prepare(work)).passages) for work in works] == [1, 1, 1]
    await documents.rest()


# Whatever a run meets


class RunPreparer(FilePreparer):
    """Prepares each file at once, and a run as `together` does."""

    def __init__(self, together: Callable[[], Awaitable[None]]) -> None:
        self._together = together
        self.alone: list[int] = []

    async def prepare_run(self, works: Sequence[QueuedRevision]) -> dict[int, PreparedFile]:
        await self._together()
        return {work.rev: made(work) for work in works[1:]}

    async def prepare(self, work: QueuedRevision) -> PreparedFile:
        self.alone.append(work.rev)
        return made(work)


def made(work: QueuedRevision) -> PreparedFile:
    return PreparedFile(work, Document(FOX), [Passage(0, 0, len(FOX), 9, None, ())], [(0, len(FOX))])


async def at_once() -> None:
    await anyio.lowlevel.checkpoint()


async def broken() -> None:
    raise ValueError("an error that nobody had foreseen")


@pytest.mark.parametrize(("together", "alone"), [(at_once, [0]), (anyio.sleep_forever, [0, 1, 2]), (broken, [0, 1, 2])])
async def test_files_are_prepared_alone_that_could_not_be_in_a_run(
    tmp_path: Path, together: Callable[[], Awaitable[None]], alone: list[int]
) -> None:
    preparer = RunPreparer(together)
    files = ListSource([queued_work(number, "note") for number in range(3)])
    index = Index(tmp_path / "index")

    async def nothing(_: object) -> None: ...

    pipeline = IngestPipeline([files], preparer, None, index, before_add=nothing, after_add=nothing, slow_seconds=0.05)
    with anyio.fail_after(60):
        await pipeline.run()
    await index.aclose()
    assert preparer.alone == alone
    assert sorted(files.finished) == [0, 1, 2]


async def test_a_full_disk_in_a_run_pauses_the_work(tmp_path: Path) -> None:
    async def full() -> None:
        raise OSError(28, "No space left on device")

    files = ListSource([queued_work(number, "note") for number in range(3)])
    index = Index(tmp_path / "index")

    async def nothing(_: object) -> None: ...

    pipeline = IngestPipeline([files], RunPreparer(full), None, index, before_add=nothing, after_add=nothing)
    with anyio.fail_after(60), pytest.raises(ExceptionGroup) as caught:
        await pipeline.run()
    await index.aclose()
    assert caught.group_contains(OSError)
    assert not files.finished

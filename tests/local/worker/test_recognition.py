"""Pictures of text in stores: read page by page when nothing else is to be done, kept as they are done."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import psutil
import pytest

from support import samples, scans
from support.engine_calls import until
from support.local import HASTY, add, search, settled, store, upload
from support.processes import gone
from support.upgrading import execute
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.engines.local.failpoints import hooked
from vectorstores_server.engines.local.files.blob_folder import BlobFolder
from vectorstores_server.engines.local.files.recognised_pages import RecognisedPages
from vectorstores_server.engines.local.parsing.tesseract import Recognition
from vectorstores_tools.contract.engine import TextRequest
from vectorstores_tools.contract.models import PassageProgress, SearchHit, VectorStoreFile
from vectorstores_tools.contract.requests import FileAttach, StoreFilesRequest

MIXED = samples.pdf_bytes(["The first page is about tides.", "", "", "The last page is about gulls."])
COUNTING = 'cat >/dev/null; echo x >>{log}; echo "Recognised lanterns number $(wc -l <{log})"'


def counting(directory: Path) -> tuple[str, Path]:
    """A tesseract that says of each page which it is, and the file that has a line for each."""
    log = directory / "pages.log"
    log.touch()
    return scans.program(directory / "tesseract", COUNTING.format(log=log)), log


@asynccontextmanager
async def reading(
    directory: Path, program: str, pages: int = 200, checkpoint: Callable[[str], None] = lambda _: None
) -> AsyncGenerator[LocalEngine]:
    engine = LocalEngine(directory / "data", None, pace=HASTY, recognition=Recognition(pages, program=program))
    try:
        with hooked(checkpoint):
            yield engine
    finally:
        await engine.aclose()


async def found_by(engine: LocalEngine, store_id: str, words: str, hits: int = 1) -> list[SearchHit]:
    """Wait until the words are found so often; the first search begins the work."""

    async def done() -> bool:
        return len((await search(engine, store_id, words)).data) >= hits

    await until(engine, done)
    return (await search(engine, store_id, words)).data


async def number_in(path: Path) -> int:
    """Wait until a script has written a number into a file, of which no event tells."""
    written = anyio.Path(path)
    with anyio.fail_after(30):
        while not (await written.exists() and (await written.read_text()).endswith("\n")):  # noqa: ASYNC110
            await anyio.sleep(0.02)
    return int(await written.read_text())


async def only_file(engine: LocalEngine, store_id: str) -> VectorStoreFile:
    [file] = (await engine.list_store_files(store_id, StoreFilesRequest())).data
    return file


async def test_a_scan_is_searched_by_the_words_of_its_pictures_and_cited_by_its_page(tmp_path: Path) -> None:
    program, log = counting(tmp_path)
    async with reading(tmp_path, program) as engine:
        id = await store(engine)
        file = await add(engine, id, samples.pdf_bytes(["", ""]), "scan.pdf")
        hit = (await search(engine, id, "lanterns 2")).data[0]
        assert (hit.file_id, hit.page) == (file, 2)
        assert (await engine.read_text(TextRequest(file, page=2))).text.strip() == "Recognised lanterns number 2"
        assert (await only_file(engine, id)).notes == ["pages 1-2 were read from pictures by tesseract"]
    assert log.read_text() == "x\nx\n"


async def test_a_file_that_has_text_too_is_searched_before_its_pictures_are_read(tmp_path: Path) -> None:
    program, _ = counting(tmp_path)
    seen: list[str] = []

    def look(step: str) -> None:
        if step == "page_read":
            seen.append(step)

    async with reading(tmp_path, program, checkpoint=look) as engine:
        id = await store(engine)
        await engine.attach_file(id, FileAttach(file_id=await upload(engine, MIXED, "mixed.pdf")))
        found = await found_by(engine, id, "gulls")
        first = await only_file(engine, id)
        await settled(engine, id)
        assert found[0].page == 4
        assert first.notes == ["pages 2-3 hold no text (scanned?); they are read when there is time"] or seen
        assert (await search(engine, id, "lanterns")).data[0].page == 2
        assert (await search(engine, id, "gulls")).data[0].page == 4
        assert seen == ["page_read"] * 2


@pytest.mark.parametrize("kind", ["png", "jpeg", "tiff", "webp"])
async def test_pictures_are_read(tmp_path: Path, kind: str) -> None:
    program, _ = counting(tmp_path)
    async with reading(tmp_path, program) as engine:
        id = await store(engine)
        await add(engine, id, scans.as_file(scans.picture("words", dots=40), kind.upper()), f"a.{kind}")
        assert (await search(engine, id, "lanterns")).data[0].filename == f"a.{kind}"


async def test_whatever_else_comes_is_built_between_two_pages(tmp_path: Path) -> None:
    program, _ = counting(tmp_path)
    order: list[str] = []
    begun = anyio.Event()

    def look(step: str) -> None:
        order.append(step)
        if step == "page_read":
            begun.set()

    async with reading(tmp_path, program, checkpoint=look) as engine:
        id = await store(engine)
        scan, note = await upload(engine, samples.pdf_bytes([""] * 5), "scan.pdf"), await upload(engine, "Herrings.")
        await engine.attach_file(id, FileAttach(file_id=scan))
        await begun.wait()
        await engine.attach_file(id, FileAttach(file_id=note))
        await settled(engine, id)
    pages = [i for i, step in enumerate(order) if step == "page_read"]
    flips = [i for i, step in enumerate(order) if step == "flipped"]
    assert len(pages) == 5
    assert len([i for i in pages if i < flips[0]]) < 5, "the note went before the last pages"


async def test_a_file_says_how_many_of_its_pages_have_been_read(tmp_path: Path) -> None:
    waiting = 'cat >/dev/null; until [ -e {go} ]; do sleep 0.02; done; echo "Recognised lanterns"'
    program = scans.program(tmp_path / "tesseract", waiting.format(go=tmp_path / "go"))
    noted: list[tuple[object, ...]] = []

    def look(step: str) -> None:
        if step == "page_read":
            noted.extend(execute(tmp_path / "data", "SELECT built, to_build FROM attachment"))

    async with reading(tmp_path, program, checkpoint=look) as engine:
        id = await store(engine)
        await engine.attach_file(id, FileAttach(file_id=await upload(engine, samples.pdf_bytes([""] * 4), "scan.pdf")))

        async def begun() -> bool:
            return (await only_file(engine, id)).progress is not None

        await until(engine, begun)
        first = await only_file(engine, id)
        assert first.progress == PassageProgress(done=0, of=4, unit="pages")
        assert first.standing == "in_progress, 0 of 4 pages read"
        (tmp_path / "go").touch()
        await settled(engine, id)
        assert (await only_file(engine, id)).standing == "completed"
    assert noted == [(0, 4), (1, 4), (2, 4), (3, 4)]


async def test_a_restart_goes_on_with_the_page_that_was_next(tmp_path: Path) -> None:
    program, log = counting(tmp_path)
    scan = samples.pdf_bytes([""] * 4)
    enough = anyio.Event()
    count = 0

    def look(step: str) -> None:
        nonlocal count
        count += step == "page_read"
        if count == 3:  # so that the second page is kept
            enough.set()

    async with reading(tmp_path, program, checkpoint=look) as engine:
        id = await store(engine)
        file = await upload(engine, scan, "scan.pdf")
        await engine.attach_file(id, FileAttach(file_id=file))
        await enough.wait()
    before = len(log.read_text().split())
    async with reading(tmp_path, program) as engine:
        await search(engine, id, "lanterns")  # by which the work begins
        await settled(engine, id)
        text = (await engine.read_text(TextRequest(file))).text
        assert "number 1\n" in text
        assert "number 2\n" in text
    assert len(log.read_text().split()) - before <= 2, "the pages that were kept are not read again"


async def test_no_more_pages_of_a_file_are_read_than_the_setting_says(tmp_path: Path) -> None:
    program, log = counting(tmp_path)
    async with reading(tmp_path, program, pages=2) as engine:
        id = await store(engine)
        await add(engine, id, samples.pdf_bytes([""] * 5), "scan.pdf")
        assert (await only_file(engine, id)).notes == [
            "pages 1-2 were read from pictures by tesseract",
            "pages 3-5 hold no text (scanned?)",
        ]
    assert log.read_text() == "x\nx\n"


async def test_a_page_on_which_tesseract_fails_is_noted_and_the_others_are_read(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()
    body = f"cat >/dev/null; echo x >>{log}; [ $(wc -l <{log}) = 1 ] && exit 1; echo lanterns"
    async with reading(tmp_path, scans.program(tmp_path / "tesseract", body)) as engine:
        id = await store(engine)
        await add(engine, id, samples.pdf_bytes(["", ""]), "scan.pdf")
        assert (await search(engine, id, "lanterns")).data[0].page == 2
        assert (await only_file(engine, id)).notes == [
            "page 2 was read from pictures by tesseract",
            "page 1 was not read: tesseract failed",
        ]


async def test_a_scan_in_which_nothing_is_found_fails_with_a_sentence(tmp_path: Path) -> None:
    async with reading(tmp_path, scans.program(tmp_path / "tesseract", "cat >/dev/null")) as engine:
        id = await store(engine)
        await add(engine, id, samples.pdf_bytes([""]), "scan.pdf")
        file = await only_file(engine, id)
        assert file.status == "failed"
        assert file.last_error is not None
        assert "tesseract found none in its pictures" in file.last_error.message


async def test_without_tesseract_files_say_how_to_get_it_and_are_read_once_it_is_there(tmp_path: Path) -> None:
    async with reading(tmp_path, str(tmp_path / "tesseract")) as engine:
        id = await store(engine)
        await add(engine, id, MIXED, "mixed.pdf")
        assert (await only_file(engine, id)).notes == [
            "pages 2-3 hold no text (scanned?); install tesseract to read them"
        ]
        await add(engine, id, samples.pdf_bytes([""]), "scan.pdf")
        states = {file.filename: file for file in (await engine.list_store_files(id, StoreFilesRequest())).data}
        error = states["scan.pdf"].last_error
        assert error is not None
        assert "install tesseract" in error.message
        assert ".png" not in engine.capabilities.extensions
    counting(tmp_path)
    async with reading(tmp_path, str(tmp_path / "tesseract")) as engine:
        assert ".png" in engine.capabilities.extensions
        found = await found_by(engine, id, "lanterns", 2)
        await settled(engine, id)
        assert {hit.filename for hit in found} == {"mixed.pdf", "scan.pdf"}


async def test_files_that_wait_for_a_tesseract_that_is_gone_are_built_without_it(tmp_path: Path) -> None:
    program = scans.program(tmp_path / "tesseract", "exec sleep 600")
    async with reading(tmp_path, program) as engine:
        id = await store(engine)
        await engine.attach_file(id, FileAttach(file_id=await upload(engine, MIXED, "mixed.pdf")))
        await found_by(engine, id, "gulls")
    (tmp_path / "tesseract").unlink()
    async with reading(tmp_path, program) as engine:
        await search(engine, id, "lanterns")  # by which the work begins
        await settled(engine, id)
        assert (await only_file(engine, id)).notes == [
            "pages 2-3 hold no text (scanned?); install tesseract to read them"
        ]


@pytest.mark.parametrize("how", ["deleted", "closed"])
async def test_the_page_in_hand_is_given_up_when_nobody_wants_it(tmp_path: Path, how: str) -> None:
    started = tmp_path / "started"
    program = scans.program(tmp_path / "tesseract", f"echo $$ >{started}; exec sleep 600")
    async with reading(tmp_path, program) as engine:
        id = await store(engine)
        file = await upload(engine, samples.pdf_bytes([""]), "scan.pdf")
        await engine.attach_file(id, FileAttach(file_id=file))
        process = psutil.Process(await number_in(started))
        if how == "deleted":
            await engine.delete_file(file)
            with anyio.fail_after(10):
                await gone(process)
    with anyio.fail_after(10):
        await gone(process)


async def test_deleted_files_leave_nothing_of_their_pages_on_the_disk(tmp_path: Path) -> None:
    program, _ = counting(tmp_path)
    async with reading(tmp_path, program) as engine:
        id = await store(engine)
        file = await add(engine, id, samples.pdf_bytes(["", ""]), "scan.pdf")
        kept = list((tmp_path / "data" / "text").iterdir())
        assert len(kept) == 2
        await engine.delete_file(file)
        await engine.maintenance.purge()
        assert not list((tmp_path / "data" / "text").iterdir())


async def test_a_line_that_was_cut_off_is_a_page_that_is_read_again(tmp_path: Path) -> None:
    blobs = BlobFolder(tmp_path)
    pages = RecognisedPages(blobs)
    assert await pages.load("0" * 64) is None
    await pages.begin("0" * 64, [1, 2, 3])
    await pages.add("0" * 64, 1, "one")
    await pages.add("0" * 64, 2, "two")
    path = blobs.texts / f"{'0' * 64}.pages-1"
    whole = path.read_bytes()
    for length in range(len(whole.split(b"]}")[0]) + 3, len(whole)):
        path.write_bytes(whole[:length])
        read = await pages.load("0" * 64)
        assert read is not None
        assert set(read.texts.items()) <= {(1, "one"), (2, "two")}
        await pages.add("0" * 64, 3, None)
        read = await pages.load("0" * 64)
        assert read is not None
        assert read.texts[3] is None
        assert read.left == [page for page in (1, 2) if page not in read.texts]
    assert whole

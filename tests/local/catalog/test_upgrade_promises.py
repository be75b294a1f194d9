"""What an upgrade keeps: addresses, live versions, the money of who pays for a remote embedder, room, and order."""

from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest

from support.local import HASTY, Words, add, held, opened, search, settled, store, upload
from support.upgrading import TEXTS, execute, made_before, upgraded
from support.waiting import moment
from vectorstores_server.engines.local.catalog.index_tables import TABLE_FORMAT
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.engines.local.index.folder_tables import has_room
from vectorstores_server.engines.local.parsing import VERSION
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_tools.contract.engine import TextRequest
from vectorstores_tools.contract.requests import FileAttach, PageRequest


class Remote(Words):
    """An embedder that costs money."""

    def __init__(self) -> None:
        super().__init__()
        self.identity = "openai:words/32"


def aged(directory: Path, ids: Sequence[str]) -> None:
    """Call the tables of these stores those of an older format."""
    for id in ids:
        execute(directory, "UPDATE store_table SET format = 1 WHERE store_id = ? AND state = 'live'", id)


def text_of_before(directory: Path, sha256: object, text: str) -> None:
    """Keep a text as older parsers made it of these bytes, the one that the live rows were cut from."""
    (directory / "text" / f"{sha256}.vs-1").write_bytes(Document(text).dumps())
    execute(
        directory,
        "UPDATE attachment SET text_version = 1 WHERE file_id IN (SELECT id FROM file WHERE sha256 = ?)",
        sha256,
    )


async def brought_up_to_date(directory: Path) -> None:
    with anyio.fail_after(60):
        while execute(directory, "SELECT 1 FROM store_table WHERE format < ? AND state = 'live'", TABLE_FORMAT):
            await moment()


async def test_an_address_is_read_from_the_text_that_its_hits_stand_in(tmp_path: Path):
    """Another store may have had the same bytes parsed anew."""
    async with opened(tmp_path) as engine:
        id = await store(engine)
        file = await add(engine, id, "The fox is quick.", "fox.txt")
        [(sha256,)] = execute(tmp_path, "SELECT sha256 FROM file")
        text_of_before(tmp_path, sha256, "Some words that parsers of today leave out. The fox is quick.")
        piece = await engine.read_text(TextRequest(file, id, start=44, end=61))
        assert piece.text == "The fox is quick."
        assert (await engine.read_text(TextRequest(file, start=0, end=17))).text == "The fox is quick.", "of the File"


@pytest.mark.parametrize("embedder", [Words(), None], ids=["vectors", "words"])
async def test_a_file_that_the_new_parsers_refuse_is_found_and_read_as_before(tmp_path: Path, embedder: Words | None):
    id = await made_before(tmp_path, embedder)
    [(sha256, file)] = execute(tmp_path, "SELECT sha256, id FROM file WHERE filename = '7.txt'")
    (tmp_path / "text" / f"{sha256}.vs-{VERSION}").unlink()
    text_of_before(tmp_path, sha256, TEXTS[7])
    execute(tmp_path, "UPDATE file SET filename = '7.doc' WHERE id = ?", file)
    async with opened(tmp_path, embedder) as engine:
        await upgraded(engine, tmp_path, id)
        hit = (await search(engine, id, "landlord item7")).data[0]
        assert (hit.filename, hit.content[0].text) == ("7.doc", TEXTS[7])
        assert (await engine.retrieve_store_file(id, hit.file_id)).status == "completed"
        assert (await engine.read_text(TextRequest(hit.file_id, id))).text == TEXTS[7]


async def test_it_stays_when_the_embedder_is_another_too(tmp_path: Path):
    async with opened(tmp_path, Words()) as engine:
        id = await store(engine)
        await add(engine, id, TEXTS[7], "7.txt")
    [(sha256,)] = execute(tmp_path, "SELECT sha256 FROM file")
    (tmp_path / "text" / f"{sha256}.vs-{VERSION}").unlink()
    text_of_before(tmp_path, sha256, TEXTS[7])
    execute(tmp_path, "UPDATE file SET filename = '7.doc'")
    other = Words(48)
    async with opened(tmp_path, other) as engine:
        assert await engine.maintenance.reindex() == 1
        with anyio.fail_after(60):
            while execute(tmp_path, "SELECT embedder FROM store") != [(other.identity,)]:
                await moment()
        [hit] = (await search(engine, id, "landlord item7")).data
        assert (hit.content[0].text, other.embedded) == (TEXTS[7], 1)


async def refused_before(directory: Path, embedder: Words | None) -> tuple[str, str]:
    """A file that parsers of before refused, and those of today read."""
    async with opened(directory, embedder) as engine:
        id = await store(engine)
        file = await add(engine, id, "The fox is quick.", "fox.doc")
        assert (await engine.retrieve_store_file(id, file)).status == "failed"
    execute(directory, "UPDATE attachment SET refused_by = 1")
    execute(directory, "UPDATE file SET filename = 'fox.txt'")
    return id, file


async def test_a_file_that_was_refused_is_read_once_parsers_can(tmp_path: Path):
    id, file = await refused_before(tmp_path, Words())
    async with opened(tmp_path, Words()) as engine:
        await engine.list_stores(PageRequest())
        with anyio.fail_after(30):
            while (await engine.retrieve_store_file(id, file)).status != "completed":
                await moment()


async def test_no_remote_embedder_is_called_for_files_that_were_refused(tmp_path: Path):
    id, file = await refused_before(tmp_path, Remote())
    embedder = Remote()
    async with opened(tmp_path, embedder) as engine:
        await add(engine, await store(engine), "Work that somebody asked for.")
        assert (await engine.retrieve_store_file(id, file)).status == "failed"
        assert embedder.embedded == 1
        await engine.attach_file(id, FileAttach(file_id=file))
        await settled(engine, id)
        assert (await engine.retrieve_store_file(id, file)).status == "completed", "asked for by hand it is read"


async def two_stores(directory: Path) -> list[str]:
    async with opened(directory, Words()) as engine:
        ids = [await store(engine), await store(engine)]
        for id in ids:
            for number in range(3):
                await add(engine, id, TEXTS[number], f"{number}.txt")
    return ids


async def test_one_store_at_a_time_is_built_anew_after_what_was_asked_for(tmp_path: Path):
    aged(tmp_path, ids := await two_stores(tmp_path))
    building: list[object] = []
    waiting: list[object] = []

    def look(step: str) -> None:
        if step in ("rebuild_begun", "added", "switched"):
            building.append(execute(tmp_path, "SELECT count(*) FROM store_table WHERE state = 'building'")[0][0])
        if step == "switched":
            waiting.append(execute(tmp_path, "SELECT count(*) FROM attachment WHERE want_rev IS NOT NULL")[0][0])

    async with opened(tmp_path, Words(), look) as engine:
        with held(tmp_path):
            for number in range(5):
                file = await upload(engine, f"Asked for {number}.", f"new{number}.txt")
                await engine.attach_file(ids[0], FileAttach(file_id=file))
        await brought_up_to_date(tmp_path)
    assert {1} <= set(building) <= {0, 1}
    assert waiting == [0, 0]


def grown(directory: Path, tables: Sequence[str]) -> list[Path]:
    """Make the tables larger than any disk, by a file with holes in each."""
    fillers = [next(directory.rglob(f"{table}.lance")) / "filler" for table in tables]
    for filler in fillers:
        with filler.open("wb") as sparse:
            sparse.truncate(1 << 42)
    return fillers


async def test_an_upgrade_waits_for_room_on_the_disk(tmp_path: Path):
    aged(tmp_path, await two_stores(tmp_path))
    tables = [str(name) for (name,) in execute(tmp_path, "SELECT name FROM store_table WHERE format = 1")]
    fillers = grown(tmp_path, tables)
    assert not has_room(fillers[0].parent.parent, tables[0])
    async with opened(tmp_path, Words(), pace=HASTY) as engine:
        await add(engine, await store(engine), "Work that needs no second table.")
        assert execute(tmp_path, "SELECT count(*) FROM store_table WHERE state = 'building'") == [(0,)]
        for filler in fillers:
            filler.unlink()
        await engine.list_stores(PageRequest())
        await brought_up_to_date(tmp_path)


async def noted(engine: LocalEngine, id: str) -> list[str]:
    listed = [one for one in (await engine.list_stores(PageRequest())).data if one.id == id]
    assert [one.notes for one in listed] == [(await engine.retrieve_store(id)).notes]
    return listed[0].notes or []


async def test_a_store_says_how_far_it_is_until_it_is_done(tmp_path: Path):
    ids = await two_stores(tmp_path)
    aged(tmp_path, ids)
    async with opened(tmp_path, Words()) as engine:
        with held(tmp_path):
            assert [note.partition(",")[0] for note in await noted(engine, ids[0])] == [
                "It is being brought up to date"
            ]
            assert "0 of 3 files" in (await noted(engine, ids[0]))[0]
            assert (await engine.health()).numbers["tables_outdated"] == 2
        await brought_up_to_date(tmp_path)
        assert await noted(engine, ids[0]) == []

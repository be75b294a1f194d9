"""Addresses that were handed out before a text was made anew: they quote what they quoted, or say that they do not."""

import hashlib
import random
from pathlib import Path

import pytest
from mcp.types import TextResourceContents

from support.clients import Caller, connected, resource_text, unfenced
from support.local import SMALL_CHUNKS, Words, opened, search, settled, store, upload
from support.upgrading import brought_up_to_date, execute
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.engines.local.parsing import VERSION
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_tools.contract import uris
from vectorstores_tools.contract.engine import TextRequest
from vectorstores_tools.contract.requests import FileAttach

DOCUMENTS = 8
WORDS = [f"word{number}" for number in range(60)]


def paragraphs(chance: random.Random) -> list[str]:
    return [" ".join(chance.choices(WORDS, k=chance.randint(5, 60))) + "." for _ in range(chance.randint(1, 8))]


def as_older_parsers_read(chance: random.Random, text: list[str]) -> str:
    """The same document with parts lost, parts that nobody reads today, and another order."""
    read = [part for part in text if chance.random() < 0.8] or text[:1]
    if chance.random() < 0.5:
        chance.shuffle(read)
    return "\n".join([*["What older parsers left in."] * chance.randint(0, 2), *read])


async def attached(engine: LocalEngine, directory: Path, id: str, name: str, text: str, before: str) -> str:
    """Attach a text as an older version of the parsers has it."""
    file = await upload(engine, text, name)
    digest = hashlib.sha256(text.encode()).hexdigest()
    (directory / "text").mkdir(exist_ok=True)
    (directory / "text" / f"{digest}.vs-{VERSION}").write_bytes(Document(before).dumps())
    await engine.attach_file(id, FileAttach.model_validate({"file_id": file, "chunking_strategy": SMALL_CHUNKS}))
    await settled(engine, id)
    return file


def left_behind(directory: Path) -> None:
    """Call all that is there the work of an older version."""
    for text in (directory / "text").glob(f"*.vs-{VERSION}"):
        text.rename(text.with_suffix(".vs-1"))
    execute(directory, "UPDATE attachment SET text_version = 1")
    execute(directory, "UPDATE store_table SET format = 1 WHERE state = 'live'")


async def handed_out(directory: Path, chance: random.Random) -> tuple[str, dict[str, str]]:
    """Fill a store; return it, and what each address of its hits quotes."""
    async with opened(directory, Words()) as engine:
        id = await store(engine)
        for number in range(DOCUMENTS):
            parts = paragraphs(chance)
            before = as_older_parsers_read(chance, parts)
            await attached(engine, directory, id, f"{number}.txt", "\n\n".join(parts), before)
        found = [await search(engine, id, word, max_num_results=50) for word in WORDS[:12]]
        quoted = {
            uris.file(id, hit.file_id, *(hit.chars or ()), text_id=hit.text_id): hit.text
            for page in found
            for hit in page.data
        }
    return id, quoted


@pytest.mark.parametrize("seed", range(3))
async def test_every_address_from_before_an_upgrade_quotes_what_it_quoted(tmp_path: Path, seed: int) -> None:
    id, quoted = await handed_out(tmp_path / "data", random.Random(seed))
    assert len(quoted) > DOCUMENTS
    left_behind(tmp_path / "data")
    async with opened(tmp_path / "data", Words()) as engine, connected(engine, "auto", tmp_path / "files") as caller:
        await brought_up_to_date(engine, tmp_path / "data", id)
        assert {uri: await read(caller, uri) for uri in quoted} == quoted
        assert {uri: await resource(caller, uri) for uri in quoted} == quoted
        today = {uri: await characters(engine, uri) for uri in quoted}
        assert today != quoted, "or the test says nothing: the same characters of today's text are others"
        again = await search(engine, id, *WORDS[:4], max_num_results=50)
        assert again.data
        assert {hit.file_id: hit.text for hit in again.data} == {
            hit.file_id: await read(caller, uris.file(id, hit.file_id, *(hit.chars or ()), text_id=hit.text_id))
            for hit in again.data
        }


async def read(caller: Caller, uri: str) -> str:
    """What `read` quotes at an address, all of it."""
    piece = await caller.call("read", uri=uri)
    assert "superseded_by" not in piece
    return unfenced(piece["text"])


async def resource(caller: Caller, uri: str) -> str:
    (content,) = (await caller.client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    said = "[The text of this file has been made again since this address was given; this is the older one, "
    return resource_text(content.text.partition("\n")[2] if content.text.startswith(said) else content.text)


async def characters(engine: LocalEngine, uri: str) -> str:
    """The characters at an address in the text of today, as an address without an id has them."""
    named = uris.parse_uri(uri)
    whole = await engine.read_text(TextRequest(named.file_id or "", named.store_id))
    return whole.text[named.start : named.end]


async def test_an_address_whose_text_is_not_kept_says_so_and_quotes_no_other_words(tmp_path: Path) -> None:
    id, quoted = await handed_out(tmp_path / "data", random.Random(9))
    left_behind(tmp_path / "data")
    async with opened(tmp_path / "data", Words()) as engine, connected(engine, "auto", tmp_path / "files") as caller:
        await brought_up_to_date(engine, tmp_path / "data", id)
        for text in (tmp_path / "data" / "text").glob("*.vs-1"):
            text.unlink()
        silent, starts = list[str](), set[int]()
        for uri in quoted:
            (content,) = (await caller.client.read_resource(uri)).contents
            if "the older one is not kept" not in await caller.text("read", uri=uri) or "not kept" not in str(content):
                silent.append(uri)
            starts.add((await caller.call("read", uri=uri))["start"])
        assert (silent, starts) == ([], {0})


async def test_the_rest_of_an_older_text_is_read_from_the_older_text(tmp_path: Path) -> None:
    before = "\n".join(f"Line {number} as it was read before." for number in range(400))
    async with opened(tmp_path / "data", Words()) as engine:
        id = await store(engine)
        file = await attached(engine, tmp_path / "data", id, "a.txt", "Read better now. " * 900, before)
    left_behind(tmp_path / "data")
    async with opened(tmp_path / "data", Words()) as engine, connected(engine, "auto", tmp_path / "files") as caller:
        await brought_up_to_date(engine, tmp_path / "data", id)
        uri = uris.file(id, file, 0, len(before), text_id=uris.text_id(before))
        collected = ""
        while uri:
            piece = await caller.call("read", uri=uri, max_tokens=1000)
            collected += unfenced(piece["text"])
            uri = piece.get("next", "").removeprefix("read(uri='").removesuffix("')")
        assert collected == before
        assert unfenced((await caller.call("read", file_id=file, end=16))["text"]) == "Read better now."


async def test_addresses_without_a_text_are_read_in_the_text_of_today(tmp_path: Path) -> None:
    async with opened(tmp_path / "data", Words()) as engine, connected(engine, "auto", tmp_path / "files") as caller:
        id = await store(engine)
        file = await attached(engine, tmp_path / "data", id, "a.txt", "The fox is quick.", "The fox is quick.")
        assert await read(caller, f"{uris.file(id, file)}?start=4&end=7") == "fox"
        assert await resource(caller, f"{uris.file(id, file)}?start=4&end=7") == "fox"
        assert await resource(caller, uris.file(id, file)) == "The fox is quick."

"""What a document says of itself becomes attributes where the caller gave none: searchable, kept, and only data."""

import sqlite3
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.clients import Caller
from support.local import Words, add, opened, search, store
from support.memory_catalog import add_file, make_store, open_sqlite, queued
from support.memory_catalog import attach as attach_row
from support.samples import pdf_bytes, write_epub, write_pptx, write_zip
from support.waiting import moment
from vectorstores_server.engines.local.catalog import attachments, index_tables
from vectorstores_server.engines.local.catalog.outcomes import flip
from vectorstores_server.engines.local.catalog.revisions import BuiltRevision
from vectorstores_server.engines.local.parsing.dispatch import read_document
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.document_builder import clean
from vectorstores_server.engines.local.parsing.markdown import markdown
from vectorstores_server.engines.local.parsing.properties import day, properties

NOTE = """---
title: "Harbour plan"
author: Ann Lee
date: 2024-05-01
tags: [harbour, 'winter work']
draft: true
---

# Another heading

The pier is closed in winter.
"""
SAID = {"author": "Ann Lee", "date": "2024-05-01", "tags": "harbour, winter work"}
NOW = 1_800_000_000


def stated_by(path: Path, name: str) -> dict[str, str]:
    return dict(read_document(path, name).properties)


# What is read


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("author: Ann\ndate: 2024-05-01", {"author": "Ann", "date": "2024-05-01"}),
        ("authors:\n  - Ann\n  - Bob", {"author": "Ann, Bob"}),
        ("author:\n  - name: Ann\n    email: a@example.org", {"author": "Ann"}),
        ("tags: [a, \"b c\", 'd']", {"tags": "a, b c, d"}),
        ("tags:\n- a\n- b", {"tags": "a, b"}),
        ("tags: a b", {"tags": "a b"}),
        ("keywords: [x]\ntags: [y, x]", {"tags": "x, y"}),
        ("date: 2024-05-01T10:00:00+02:00", {"date": "2024-05-01"}),
        ("date: 1 May", {"date": "1 May"}),
        ("date: 2024-02-31", {}),
        ("Author: 'Ann' # the elder", {"author": "'Ann'"}),
        ("author: &anchor Ann\ntags: !!python/object x\ndate: |", {}),
        ("other: x", {}),
    ],
)
def test_front_matter_says_author_date_and_tags(tmp_path: Path, block: str, expected: dict[str, str]) -> None:
    path = tmp_path / "stored"
    path.write_text(f"---\n{block}\n---\n\nText.\n", encoding="utf-8")
    assert stated_by(path, "a.md") == expected


def test_front_matter_gives_the_title_in_both_of_its_forms(tmp_path: Path) -> None:
    path = tmp_path / "stored"
    for text in (NOTE, NOTE.replace("---", "+++").replace(": ", " = ")):
        path.write_text(text, encoding="utf-8")
        document = read_document(path, "a.md")
        assert (document.title, dict(document.properties)) == ("Harbour plan", SAID)
    path.write_text("# A heading\n\n---\nauthor: Ann\n---\n", encoding="utf-8")
    assert stated_by(path, "a.md") == {}, "it stands at the begin"


@given(st.text(max_size=300), st.text(max_size=2_000))
def test_hostile_front_matter_is_data(name: str, rest: str) -> None:
    found = dict(markdown(clean(f"---\nauthor: {name}\ntags: [{rest}]\n{rest}\n---\nText.")).properties)
    assert found.keys() <= {"author", "date", "tags"}
    assert all(0 < len(value) <= 512 and value.isprintable() for value in found.values() if value.isascii())


def with_core(data: Any, author: str) -> None:
    import datetime

    data.author = author
    data.created = datetime.datetime(2023, 3, 4, 5, 6, tzinfo=datetime.UTC)


def word(path: Path) -> None:
    import docx

    document = docx.Document()
    document.add_paragraph("Words.")
    with_core(document.core_properties, "Ann Lee")
    document.save(str(path))


def slides(path: Path) -> None:
    import pptx

    deck = pptx.Presentation(str(write_pptx(path)))
    with_core(deck.core_properties, "Ann Lee")
    deck.save(str(path))


def workbook(path: Path) -> None:
    import datetime

    from openpyxl import Workbook

    book = Workbook()
    book.create_sheet("a").append(["x", 1])
    book.properties.creator = "Ann Lee"
    book.properties.created = datetime.datetime(2023, 3, 4)  # openpyxl takes no zone
    book.save(path)


def open_text(path: Path) -> None:
    office = 'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
    text = 'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    meta = (
        f'<office:document-meta {office} xmlns:meta="urn:oasis:names:tc:opendocument:xmlns:meta:1.0"><office:meta>'
        "<meta:initial-creator>Ann Lee</meta:initial-creator>"
        "<meta:creation-date>2023-03-04T05:06:07</meta:creation-date>"
        "</office:meta></office:document-meta>"
    )
    content = (
        f"<office:document-content {office} {text}><office:body><office:text><text:p>Words.</text:p></office:text>"
        "</office:body></office:document-content>"
    )
    write_zip(path, {"META-INF/manifest.xml": "<manifest/>", "content.xml": content, "meta.xml": meta})


def book(path: Path) -> None:
    import zipfile

    write_epub(path)
    with zipfile.ZipFile(path) as made:
        parts: dict[str, str | bytes] = {name: made.read(name) for name in made.namelist()}
    package = parts["OPS/book.opf"]
    assert isinstance(package, bytes)
    stated = b"<dc:creator>Ann Lee</dc:creator><dc:date>2023-03-04</dc:date></metadata>"
    write_zip(path, parts | {"OPS/book.opf": package.replace(b"</metadata>", stated)})


def mail(path: Path) -> None:
    message = EmailMessage()
    message["From"] = "Ann Lee <ann@example.org>"
    message["Date"] = "Sat, 04 Mar 2023 05:06:07 +0100"
    message.set_content("Words.")
    path.write_bytes(message.as_bytes())


def page(path: Path) -> None:
    head = '<meta name="author" content="Ann Lee"><meta content="2023-03-04T05:06" property="article:published_time">'
    path.write_text(f"<html><head><title>T</title>{head}</head><body><p>Words.</p></body></html>", encoding="utf-8")


def pdf(path: Path) -> None:
    data = pdf_bytes(["Words."], title="T) /Author (Ann Lee) /CreationDate (D:20230304050607+01'00'")
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.pdf", pdf), ("a.docx", word), ("a.pptx", slides), ("a.xlsx", workbook), ("a.odt", open_text),
        ("a.epub", book), ("a.eml", mail), ("a.html", page),
    ],
)  # fmt: skip
def test_each_format_says_its_author_and_its_date(tmp_path: Path, name: str, write: Any) -> None:
    path = tmp_path / "stored"
    write(path)
    document = read_document(path, name)
    assert dict(document.properties) == {"author": "Ann Lee", "date": "2023-03-04"}
    assert Document.loads(document.dumps()) == document


def test_what_nothing_says_is_no_attribute(tmp_path: Path) -> None:
    path = tmp_path / "stored"
    path.write_bytes(pdf_bytes(["Words."]))
    assert stated_by(path, "a.pdf") == {}
    path.write_text("Words.", encoding="utf-8")
    assert stated_by(path, "a.md") == {}


@given(st.text())
def test_a_date_is_a_day_or_stays_as_it_is_written(written: str) -> None:
    assert isinstance(day(written), str)
    for _, value in properties([written], written, [written]):
        assert len(value) <= 512


# As attributes


async def test_they_are_attributes_that_filters_find(caller: Caller) -> None:
    into = await caller.store()
    file = await caller.add(into, NOTE, "plan.md")
    await caller.add(into, "The pier is open.", "other.md")
    item = await caller.call("retrieve", vector_store_id=into, file_id=file)
    assert item["attributes"] == SAID
    assert item["found_attributes"] == ["author", "date", "tags"]
    for key, value in SAID.items():
        wanted = {"type": "eq", "key": key, "value": value}
        hits = (await caller.call("search", vector_store_id=into, query="pier", filters=wanted))["data"]
        assert [hit["file_id"] for hit in hits] == [file]
        assert hits[0]["attributes"] == SAID


async def test_what_a_call_gives_wins_key_by_key(caller: Caller) -> None:
    into = await caller.store()
    file = await caller.add(into, NOTE, "plan.md", attributes={"author": "The office", "team": "red"})
    item = await caller.call("retrieve", vector_store_id=into, file_id=file)
    assert item["attributes"] == {**SAID, "author": "The office", "team": "red"}
    wanted = {"type": "eq", "key": "author", "value": "Ann Lee"}
    assert (await caller.call("search", vector_store_id=into, query="pier", filters=wanted))["data"] == []


async def test_a_map_that_was_replaced_is_its_callers_alone(caller: Caller) -> None:
    into = await caller.store()
    file = await caller.add(into, NOTE, "plan.md")
    changed = await caller.call("update", vector_store_id=into, file_id=file, attributes={"team": "red"})
    assert changed["attributes"] == {"team": "red"}
    sizes = {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 0}}
    await caller.call("upload_file", file_id=file, vector_store_id=into, chunking_strategy=sizes, wait_seconds=50)
    item = await caller.call("retrieve", vector_store_id=into, file_id=file)
    assert item["attributes"] == {"team": "red"}


async def test_a_new_version_keeps_what_was_given_and_says_its_own(caller: Caller) -> None:
    into = await caller.store()
    path = caller.write("plan.md", NOTE)
    given = {"vector_store_id": into, "paths": [path], "wait_seconds": 50}
    await caller.call("batch_attach", **given, attributes={"team": "red"})
    caller.write("plan.md", NOTE.replace("Ann Lee", "Bob").replace("tags: [harbour, 'winter work']\n", ""))
    await caller.call("batch_attach", **given)
    (item,) = (await caller.call("list", vector_store_id=into))["data"]
    assert item["attributes"] == {"team": "red", "author": "Bob", "date": "2024-05-01"}


async def test_they_survive_a_rebuild(tmp_path: Path) -> None:
    async with opened(tmp_path, Words()) as engine:
        id = await store(engine)
        file = await add(engine, id, NOTE, "plan.md")
    async with opened(tmp_path, Words(16)) as engine:
        await engine.maintenance.reindex()
        with anyio.fail_after(60):
            while await engine.maintenance.rebuilding():
                await moment()
        assert (await engine.retrieve_store_file(id, file)).attributes == SAID
        assert (await search(engine, id, "pier")).data[0].attributes == SAID


@pytest.fixture
def db() -> sqlite3.Connection:
    return open_sqlite()


@given(st.integers(0, 16))
def test_there_are_never_more_than_sixteen(count: int) -> None:
    db = open_sqlite()
    into, file = make_store(db), add_file(db)
    attach_row(db, into, file, attributes={f"key{n}": n for n in range(count)})
    flip(db, [BuiltRevision(work.rev, work.table, 1, 1, found=SAID) for work in queued(db, ("e",))], NOW)
    shown = attachments.retrieve_store_file(db, into, file).attributes or {}
    assert len(shown) == min(16, count + len(SAID))
    assert {f"key{n}" for n in range(count)} <= shown.keys()
    entered = {row["key"] for row in db.execute("SELECT key FROM attribute")}
    assert entered == shown.keys()


def test_a_table_of_before_gets_what_the_texts_say(db: sqlite3.Connection) -> None:
    into, file = make_store(db), add_file(db)
    attach_row(db, into, file, attributes={"team": "red"})
    flip(db, [BuiltRevision(work.rev, work.table, 1, 1) for work in queued(db, ("e",))], NOW)
    new = index_tables.begin_table(db, into, "e", 3)
    (live,) = index_tables.live_files(db, into, (), 10)
    index_tables.note_rebuilt(db, new, [BuiltRevision(live.rev, new, 1, 1, 2, (), SAID)])
    assert index_tables.switch_table(db, into, new, index_tables.rebuilt(db, new), NOW) == []
    assert attachments.retrieve_store_file(db, into, file).attributes == {"team": "red", **SAID}
    assert {row["rev"] for row in db.execute("SELECT rev FROM attribute")} == {live.rev}

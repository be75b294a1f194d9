"""Books, notebooks, pages and tables read whole, with the names of their columns and without what is no text."""

import base64
import json
import random
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from support import samples
from support.reading import read
from support.telling_words import Words, case
from vectorstores_server.engines.local.parsing import EXTENSIONS
from vectorstores_server.engines.local.parsing.dispatch import read_document


@pytest.mark.parametrize(
    ("name", "phrases"),
    [
        ("missing_file.epub", ["Chapter one", "Text of one about the kakapo."]),
        ("dangling_ref.epub", ["Chapter one", "Text of one about the kakapo."]),
        ("case_differs.epub", ["Chapter one", "Text of one about the kakapo."]),
        ("svg_spine.epub", ["Svg words"]),
        ("entity.epub", ["Acme", "café"]),
        ("headless.epub", ["The First Chapter", "Words."]),
        ("nb4.ipynb", ["meanprice 4711", "could not convert platypus", "stream words", "raw words"]),
        ("nb3.ipynb", ["Old heading", "old markdown", "print(1)"]),
        ("pandas.csv", ["column 1: 1 | name: Alan | born: 1912 | city: Maida Vale"]),
        ("years.csv", ["Country: Sweden | 2019: 10.2 | 2020: 10.3 | 2021: 10.4"]),
        ("preamble.csv", ["Sales report 2024", "Region: South | Product: Tables | Units: 7 | Revenue: 990.00"]),
        ("sep.csv", ["Name: Alan | Born: 1912 | City: Maida Vale"]),
        ("comment.csv", ["# exported 2024-01-01", "Name: Alan | Born: 1912 | City: Maida Vale, London"]),
        ("faq.html", ["How long does quokka delivery take?", "Returning a wombat", "A chart of marmot population"]),
        ("faq.html", ["Name: Ada | Born: 1815", "E=mc2", "Until found numbat", "Axolotl diagram"]),
        ("gdoc.md", ["The board met in Tromsø."]),
    ],
)
def test_what_stands_in_a_file_is_read(name: str, phrases: list[str]) -> None:
    text = case(name).text
    for phrase in phrases:
        assert text.count(phrase) == 1


def test_a_chapter_that_is_missing_is_a_note() -> None:
    assert case("missing_file.epub").notes == ("chapter 2 (b.xhtml) could not be read",)
    assert case("headless.epub").heading_path_at(0) == ("The First Chapter",)


def test_a_question_in_a_button_is_the_heading_of_its_answer() -> None:
    document = case("faq.html")
    path = document.heading_path_at(document.text.index("Two days"))
    assert path == ("Shipping", "How long does quokka delivery take?")


@pytest.mark.parametrize("seed", range(5))
def test_every_word_of_a_page_is_told_once(tmp_path: Path, seed: int) -> None:
    words = Words(seed)
    shapes = [
        "<h2><button>{}</button></h2>",
        "<h3><a class='anchor' href='#x'>{}</a></h3>",
        "<p>{}<img alt='{}'></p>",
        "<details><summary>{}</summary>{}</details>",
        "<dl><dt><button>{}</button></dt><dd>{}</dd></dl>",
        "<table><tr><td>{}</td><td>{}</td></tr></table>",
        "<table><tr><td colspan=2 rowspan=2>{}</td><td>{}</td></tr><tr><td>{}</td></tr></table>",
        "<ul><li>{}<ul><li>{}</li></ul></li></ul>",
        "<svg><text>{}</text></svg><textarea>{}</textarea>",
        "<figure><img alt='{}'><figcaption>{}</figcaption></figure>",
    ]
    words.random.shuffle(shapes)
    page = "".join(shape.format(*(words.some(40) for _ in range(shape.count("{}")))) for shape in shapes)
    words.check(read(tmp_path, "a.html", f"<html><body><main>{page}</main></body></html>"))


@pytest.mark.parametrize("nbformat", [2, 3, 4])
def test_every_word_of_a_notebook_is_told_once(tmp_path: Path, nbformat: int) -> None:
    words = Words(nbformat)
    source, data = ("source", "data") if nbformat == 4 else ("input", "")
    outputs: list[dict[str, Any]] = [
        {"output_type": "stream", "text": [words.some(), "\n"]},
        {"output_type": "execute_result", data: {"text/plain": words.some()}}
        if data
        else {"output_type": "pyout", "text": words.some()},
        {"output_type": "error", "ename": words.one(), "evalue": words.some(), "traceback": []},
    ]
    cells: list[dict[str, Any]] = [
        {"cell_type": "markdown", "source": f"# {words.some(9)}\n{words.some()}"},
        {"cell_type": "code", source: [words.some()], "outputs": outputs},
    ]
    content: dict[str, Any] = {"nbformat": nbformat} | (
        {"cells": cells} if nbformat == 4 else {"worksheets": [{"cells": cells}]}
    )
    words.check(read(tmp_path, "n.ipynb", json.dumps(content)))


@pytest.mark.parametrize("titles", range(4))
@pytest.mark.parametrize("names", ["name,born,city", ",born,city", "a,a,b", "name,2019,2020", "x" * 90 + ",b,c"])
def test_every_row_carries_the_names_of_its_columns(tmp_path: Path, titles: int, names: str) -> None:
    above = "".join(f"Title {number}\n" for number in range(titles))
    rows = "".join(f"w{number},{number}.5,v{number}\n" for number in range(20))
    lines = read(tmp_path, "a.csv", f"{above}{names}\n{rows}").text.splitlines()
    assert len(lines) == titles + 1 + 20
    for number, line in enumerate(lines[titles + 1 :]):
        cells = [pair.rpartition(": ") for pair in line.split(" | ")]
        assert [cell[2] for cell in cells] == [f"w{number}", f"{number}.5", f"v{number}"]
        assert len({cell[0] for cell in cells} - {""}) == 3


@pytest.mark.parametrize("shape", ["![x]({})", "<p>words<img src='{}'></p>", "key: {}", "[image1]: <{}>"])
@pytest.mark.parametrize("name", ["a.md", "a.html", "a.txt", "a.json", "a.yaml"])
def test_no_run_of_base64_is_in_the_text(tmp_path: Path, shape: str, name: str) -> None:
    run = base64.b64encode(random.Random(name).randbytes(900)).decode()
    wrapped = "\n".join(run[at : at + 76] for at in range(0, len(run), 76))
    for written in (shape.format(f"data:image/png;base64,{run}"), f"{run}\n", f"before\n{wrapped}\nafter\n"):
        text = read(tmp_path, name, f"kept words\n{written}\nmore words\n").text
        assert "kept words" in text
        assert "more words" in text
        assert not any(run[at : at + 40] in text for at in range(0, len(run) - 40, 20))


def test_a_mail_is_its_decoded_headers_and_body() -> None:
    document = case("mbox.eml")
    assert "Subject: Zamówienie numbat" in document.text
    assert "Łukasz" in document.text
    assert "the delivery of the café furniture is on Monday" in document.text
    assert document.title == "Zamówienie numbat"


def test_attachments_of_a_mail_are_notes_and_mails_in_it_are_read(tmp_path: Path) -> None:
    inner, outer = EmailMessage(), EmailMessage()
    inner["Subject"] = "Inner numbat"
    inner.set_content("inner words")
    outer["Subject"] = "Outer"
    outer.set_content("outer words")
    outer.add_attachment(b"\x00" * 900, maintype="image", subtype="png", filename="picture.png")
    outer.add_attachment(inner)
    document = read(tmp_path, "a.eml", outer.as_bytes())
    assert document.notes == ("attachment not read: picture.png",)
    for phrase in ("outer words", "Subject: Inner numbat", "inner words"):
        assert document.text.count(phrase) == 1


def mail_of(words: Words, depth: int = 0) -> EmailMessage:
    """A mail of texts between pictures, of alternatives, and of mails."""
    mail = EmailMessage()
    mail["Subject"] = words.one()
    mail.set_content(words.some())
    if words.random.random() < 0.5:
        mail.add_alternative("<p>said once more</p>", subtype="html")
    mail.make_mixed()
    for _ in range(words.random.randint(1, 4)):
        kind = words.random.choice(["plain", "html", "picture", "mail"])
        if kind == "picture":
            mail.add_attachment(b"\x00" * 99, maintype="image", subtype="png", filename="picture.png")
        elif kind == "mail" and depth < 2:
            mail.add_attachment(mail_of(words, depth + 1))
        else:
            part = EmailMessage()
            page = kind == "html"
            part.set_content(f"<p>{words.some()}</p>" if page else words.some(), subtype="html" if page else "plain")
            if words.random.random() < 0.5:
                part["Content-Disposition"] = 'inline; filename="part.txt"'
            mail.attach(part)
    return mail


@pytest.mark.parametrize("seed", range(8))
def test_every_word_of_a_mail_is_told_once_and_in_its_order(tmp_path: Path, seed: int) -> None:
    words = Words(seed)
    document = read(tmp_path, "a.eml", mail_of(words).as_bytes())
    words.check(document)
    assert "said once more" not in document.text
    places = [document.text.index(word) for word in words.given]
    assert places == sorted(places)


@pytest.mark.parametrize("seed", range(4))
def test_every_word_of_rich_text_is_told_once(tmp_path: Path, seed: int) -> None:
    words = Words(seed)
    head = words.one()

    def note(mark: str) -> str:
        return f"{{{mark}\\pard\\plain {{\\super\\chftn}} {words.some(5)}}}"

    def paragraph() -> str:
        beside = words.random.choice([r"\footnote", r"\footnote\ftnalt", r"\*\annotation", r"\footerl"])
        box = f"{{\\shp{{\\*\\shpinst{{\\sp{{\\sn a}}{{\\sv b}}}}{{\\shptxt {words.one()}{note(beside)}}}}}}}"
        return f"{words.some(5)}{note(beside)} {words.one()}{box}\\par\n"

    header = f"{{\\header {head}\\par}}"
    body = "".join(header + paragraph() for _ in range(6))
    words.check(read(tmp_path, "a.rtf", f"{{\\rtf1\\ansi\\ansicpg1252{{\\fonttbl{{\\f0 Arial;}}}}{body}}}"))


def test_a_footnote_of_rich_text_divides_no_sentence(tmp_path: Path) -> None:
    text = read(tmp_path, "a.rtf", r"{\rtf1\ansi One sentence{\footnote\pard A note.} goes on.\par Another.}").text
    assert "One sentence goes on." in text
    assert text.index("Another.") < text.index("A note.")


def test_rich_text_is_read_without_its_marks(tmp_path: Path) -> None:
    text = read(tmp_path, "a.rtf", r"{\rtf1\ansi\ansicpg1252 Caf\'e9 {\b bold} numbat\par second line}").text
    assert text.split() == ["Café", "bold", "numbat", "second", "line"]


OPEN = (
    " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "text", "table"))
    + ' xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"'
)


@pytest.mark.parametrize("name", ["a.odt", "a.ods", "a.odp"])
def test_every_word_of_an_open_document_is_told_once(tmp_path: Path, name: str) -> None:
    words = Words(len(name))
    rows = "".join(
        f"<table:table-row><table:table-cell><text:p>{words.one()}</text:p></table:table-cell></table:table-row>"
        for _ in range(4)
    )
    body = (
        f'<text:h text:outline-level="2">{words.some()}</text:h><text:p>{words.one()}<text:s/>'
        f"<text:span>{words.one()}</text:span><text:line-break/>{words.one()}</text:p>"
        f"<text:list><text:list-item><text:p>{words.some()}</text:p></text:list-item></text:list>"
        f"<table:table>{rows}</table:table>"
        f"<draw:page><draw:frame><draw:text-box><text:p>{words.some()}</text:p></draw:text-box></draw:frame></draw:page>"
    )
    content = f"<office:document-content {OPEN}><office:body><office:text>{body}</office:text></office:body>"
    parts = {"content.xml": f"{content}</office:document-content>", "META-INF/manifest.xml": "<manifest/>"}
    words.check(read_document(samples.write_zip(tmp_path / "o", parts), name))


def test_subtitles_are_read_and_taken_from_folders() -> None:
    assert "The wombat enters the" in case("subs.srt").text
    assert {".srt", ".vtt", ".eml", ".odt", ".xls", ".rtf", ".bib", ".ics", ".po", ".svg"} <= EXTENSIONS

"""Pages that are pictures: their text put into a document, and what notes say of them."""

import shutil
from itertools import pairwise
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import scans
from vectorstores_server.engines.local.parsing import HOW_TO_READ_PICTURES, ParseFailure
from vectorstores_server.engines.local.parsing.dispatch import read_document
from vectorstores_server.engines.local.parsing.document import Document, Heading
from vectorstores_server.engines.local.parsing.parser_process import PAGE_LIMITS, ParseLimits, ParserProcess
from vectorstores_server.engines.local.parsing.recognised import blank_pages, with_advice, with_recognised
from vectorstores_server.engines.local.parsing.tesseract import Recognition, Tesseract
from vectorstores_tools.contract.characters import short_notes

WORDS = st.text("abc äöü", min_size=1).filter(str.strip)
HASTY = ParseLimits(cpu_seconds=0.6, cpu_seconds_per_megabyte=0, budget=2)


def document_of(pages: list[str | None]) -> Document:
    """A document whose pages begin with a heading; None is a page without text."""
    pieces = ["\n" if page is None else f"{page}\n" for page in pages]
    starts = [sum(map(len, pieces[:number])) for number in range(len(pieces))]
    headings = [Heading(start, 1, f"{n}") for n, (start, page) in enumerate(zip(starts, pages, strict=True)) if page]
    return Document("".join(pieces), page_starts=tuple(starts), headings=tuple(headings))


@given(st.lists(st.none() | WORDS, min_size=1), st.lists(st.none() | WORDS))
def test_each_recognised_page_stands_in_its_place_and_nothing_else_moves(
    pages: list[str | None], read: list[str | None]
) -> None:
    before = document_of(pages)
    blank = blank_pages(before)
    assert blank == [number for number, page in enumerate(pages, 1) if page is None]
    texts = dict(zip(blank, read, strict=False))
    made = with_recognised(before, texts)
    found = [made.text[start:end].strip() for start, end in pairwise((*made.page_starts, len(made.text)))]
    assert found == [(page if page is not None else texts.get(n) or "").strip() for n, page in enumerate(pages, 1)]
    assert [made.page_at(heading.start) for heading in made.headings] == [
        before.page_at(heading.start) for heading in before.headings
    ]


@given(st.lists(st.integers(1, 99_999), min_size=1, unique=True).map(sorted))
def test_a_note_always_has_room_for_what_can_be_done(pages: list[int]) -> None:
    [note] = short_notes(with_advice(Document("x"), pages, f"{HOW_TO_READ_PICTURES} to read them").notes)
    assert note.endswith("; install tesseract to read them")


def test_files_of_pictures_say_what_they_need(tmp_path: Path) -> None:
    page = scans.picture("A page of words.")
    files = {"a.pdf": scans.scanned_pdf(page, page)} | {
        f"a.{kind}": scans.as_file(page, kind.upper()) for kind in ("png", "jpeg", "tiff", "webp")
    }
    for name, data in files.items():
        (tmp_path / "stored").write_bytes(data)
        with pytest.raises(ParseFailure, match=HOW_TO_READ_PICTURES) as caught:
            read_document(tmp_path / "stored", name)
        assert caught.value.code == "unsupported_file"
        blank = read_document(tmp_path / "stored", name, blank=True)
        assert blank_pages(blank) == list(range(1, 3 if name == "a.pdf" else 2))
    assert files


def test_a_damaged_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "stored").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99))
    with pytest.raises(ParseFailure, match="damaged or not a picture"):
        read_document(tmp_path / "stored", "a.png", blank=True)


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")
@pytest.mark.slow
async def test_five_pages_in_three_languages_are_read_with_spaces_and_umlauts(tmp_path: Path) -> None:
    command = await Tesseract(Recognition(languages="deu+eng+fra")).command()
    assert command is not None, "tesseract has no German or French: install tesseract-ocr-deu and tesseract-ocr-fra"
    reader = ParserProcess(PAGE_LIMITS)
    rates: dict[str, float] = {}
    for name, text in scans.PAGES.items():
        (tmp_path / name).write_bytes(scans.scanned_pdf(scans.picture(text, dots=200)))
        found = await reader.recognise(tmp_path / name, "scan.pdf", 1, command)
        rates[name] = scans.error_rate(text, found)
    await reader.end_child()
    assert len(rates) == 5
    assert max(rates.values()) <= 0.03, rates


# A tesseract that fails


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("exit 1", "broke off"),
        ("kill -SEGV $$", "broke off"),
        ("cat >/dev/null; echo words; exit 3", "broke off"),
        ("exec sleep 60", "took too long"),
        ("while :; do :; done", "took too long"),
        ("cat >/dev/null; head -c 99999 /dev/urandom", "made no text"),
        ("yes nonsense", "too long"),
    ],
)
async def test_a_page_on_which_tesseract_fails_has_a_sentence(tmp_path: Path, body: str, sentence: str) -> None:
    command = await Tesseract(Recognition(program=scans.program(tmp_path / "tesseract", body))).command()
    assert command is not None
    (tmp_path / "stored").write_bytes(scans.as_file(scans.picture("words", dots=40), "PNG"))
    reader = ParserProcess(HASTY)
    await reader.parse(tmp_path / "stored", "a.png", blank=True)  # the child has started
    with pytest.raises(ParseFailure, match=sentence), anyio.fail_after(10):
        await reader.recognise(tmp_path / "stored", "a.png", 1, command)
    await reader.end_child()


async def test_a_page_on_which_nothing_stands_costs_no_recognition(tmp_path: Path) -> None:
    (tmp_path / "stored").write_bytes(scans.as_file(scans.picture("", dots=40).point(lambda _: 255), "PNG"))
    reader = ParserProcess()
    assert await reader.recognise(tmp_path / "stored", "a.png", 1, ("/nowhere",)) == ""
    await reader.end_child()


# Which languages


@pytest.mark.parametrize(
    ("installed", "asked", "used"),
    [
        (("deu", "eng", "osd"), "", "eng+deu"),
        (("deu", "eng", "osd"), "deu", "deu"),
        ((*"abcdefg", "eng"), "", "eng"),
        (("eng",), "kor", None),
        ((), "", None),
        (("osd",), "", None),
    ],
)
async def test_the_languages_are_those_asked_for_or_those_that_are_there(
    tmp_path: Path, installed: tuple[str, ...], asked: str, used: str | None
) -> None:
    program = scans.program(tmp_path / "tesseract", "exit 0", installed)
    tesseract = Tesseract(Recognition(languages=asked, program=program))
    command = await tesseract.command()
    assert (command[command.index("-l") + 1] if command else None) == used
    assert HOW_TO_READ_PICTURES in tesseract.advice


async def test_a_program_that_is_not_there_or_says_nothing_reads_nothing(tmp_path: Path) -> None:
    silent = tmp_path / "tesseract"
    assert await Tesseract(Recognition(program=str(silent))).command() is None
    silent.write_text("no program")
    silent.chmod(0o755)
    assert await Tesseract(Recognition(program=str(silent))).command() is None

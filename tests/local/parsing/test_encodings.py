"""Text in the code pages that people still have is read as it was written."""

# ruff: noqa: RUF001  # letters of other scripts are the point

import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from support.code_pages import LANGUAGES, Sample, small_files
from vectorstores_server.engines.local.parsing import ParseFailure
from vectorstores_server.engines.local.parsing.charset import decode
from vectorstores_server.engines.local.parsing.dispatch import read_document

POLISH = "Zażółć gęślą jaźń. Mieszkańcy Łodzi spędzają święta nad rzeką."
JAPANESE = "一二三の文字がここにある。一番よい。\n"


def _as_written(text: str) -> str:
    """`text` with two of Romania's letters as most code pages have them."""
    return unicodedata.normalize("NFC", text).translate(str.maketrans("șȘțȚ", "şŞţŢ"))


def test_nineteen_of_twenty_small_files_in_each_language_are_read_as_they_were_written() -> None:
    samples = list(small_files())
    wrong = [sample for sample in samples if _as_written(decode(sample.data).text) != sample.text]
    assert len(LANGUAGES) >= 20
    assert len(wrong) <= 0.02 * len(samples), _named(wrong)
    by_language = Counter(sample.language for sample in samples)
    assert all(count <= 0.1 * by_language[name] for name, count in Counter(s.language for s in wrong).items())


def _named(samples: list[Sample]) -> list[str]:
    return [f"{sample.language} {sample.encoding} {sample.name}" for sample in samples]


@pytest.mark.parametrize(
    "words",
    [
        "© 2020 Acme",
        "25 °C",
        "a – b",
        "“quoted”",
        "it’s",
        "5 µm",
        "£5",
        "5 €",
        "½",
        "naïve",
        "Müller",
        "José",
        "•",
        "™",
    ],
)
def test_a_word_or_two_outside_ascii_are_western(words: str) -> None:
    for text in (f"The report was sent on Monday.\n{words}\nAnd so on.\n", f"id,name\n1,{words}\n2,other\n"):
        assert decode(text.encode("cp1252")).text == text


def test_two_words_that_no_western_language_writes_are_not_western() -> None:
    table = "id;nazwa;kwota\n1;Łódź;12,50\n2;Kraków;13,00\n"
    assert decode(table.encode("cp1250")).text == table


def test_a_guess_is_noted_and_what_is_known_is_not(tmp_path: Path) -> None:
    path = tmp_path / "stored"
    for encoding, notes in (("cp1250", ("read as windows-1250",)), ("utf-8", ()), ("utf-16", ())):
        path.write_bytes(POLISH.encode(encoding))
        assert read_document(path, "a.txt").notes == notes


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", [JAPANESE, POLISH, "Съешь ещё этих булок.\n", "plain words\n", "名前\t一九七〇\r\n"])
def test_wide_characters_need_no_mark(encoding: str, text: str) -> None:
    assert decode(text.encode(encoding)).text == text


@pytest.mark.parametrize("encoding", ["iso2022_jp", "hz", "iso2022_kr"])
def test_encodings_of_seven_bits_are_known_by_their_escapes(encoding: str) -> None:
    text = {"hz": "北京 is 首都\n", "iso2022_kr": "서울 is 수도\n"}.get(encoding, JAPANESE)
    assert decode(text.encode(encoding)).text == text


def test_source_code_that_shows_escapes_is_left_as_it_is() -> None:
    source = 'echo -e "\\x1b$HOME" ~{a,b} ~/x\nprint("\x1b$(tput sgr0)")\n'
    assert decode(source.encode()).text == source


@pytest.mark.parametrize(
    "first", ["# -*- coding: {} -*-", "#!/usr/bin/python\n# vim: set fileencoding={} :", "% !TeX encoding={}"]
)
def test_a_comment_that_names_the_encoding_is_believed(first: str) -> None:
    source = first.format("iso-8859-2") + "\nname = 'Łódź'\n"
    decoded = decode(source.encode("iso8859-2"))
    assert (decoded.text, decoded.notes) == (source, ())


def test_a_comment_that_names_no_encoding_for_text_is_not_believed() -> None:
    for name in ("hex", "nonsense", "utf-16"):
        source = f"# coding: {name}\nMüller\n"
        assert decode(source.encode("cp1252")).text == source


def test_bytes_of_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "stored"
    for content in (bytes(range(256)) * 20, b"\x00\x01\x00\x02" * 50):
        path.write_bytes(content)
        with pytest.raises(ParseFailure, match="not text"):
            read_document(path, "a.txt")

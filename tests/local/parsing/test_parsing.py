"""What the parsers make of each kind of file."""

import datetime
from pathlib import Path

import pytest

from support import samples, source_samples
from support.reading import read
from vectorstores_server.engines.local.parsing import EXTENSIONS, ParseFailure
from vectorstores_server.engines.local.parsing.dispatch import read_document
from vectorstores_server.engines.local.parsing.document import MAX_CHARACTERS, Document


def refusal(folder: Path, name: str, content: str | bytes) -> ParseFailure:
    with pytest.raises(ParseFailure) as caught:
        read(folder, name, content)
    assert name in caught.value.message
    return caught.value


def outline(document: Document) -> list[tuple[int, str]]:
    for heading in document.headings:
        assert heading.start == 0 or document.text[heading.start - 1] == "\n"
    return [(heading.level, heading.title) for heading in document.headings]


def paths(document: Document, *phrases: str) -> list[tuple[str, ...]]:
    return [document.heading_path_at(document.text.index(phrase)) for phrase in phrases]


# Which files


def test_all_of_openais_types_but_doc_are_supported_and_ours_beside_them() -> None:
    openai = ".c .cpp .cs .css .docx .go .html .java .js .json .md .pdf .php .pptx .py .rb .sh .tex .ts .txt"
    ours = ".csv .xlsx .jsonl .epub .rst .toml .yaml .xml .rs .kt .sql"
    assert frozenset(f"{openai} {ours}".split()) <= EXTENSIONS
    assert ".doc" not in EXTENSIONS


@pytest.mark.parametrize(("name", "step"), [("old.doc", "Save it as .docx"), ("a.PPT", ".pptx"), ("a.msg", ".eml")])
def test_an_old_format_is_refused_with_the_one_to_save_it_as(tmp_path: Path, name: str, step: str) -> None:
    failure = refusal(tmp_path, name, b"\xd0\xcf\x11\xe0" + bytes(600))
    assert failure.code == "unsupported_file"
    assert step in failure.message


def test_text_with_an_unknown_extension_is_read_as_text(tmp_path: Path) -> None:
    assert read(tmp_path, "notes.xyz", "plain words").text == "plain words"


@pytest.mark.parametrize("content", ["", " \n\t\n", "\x00\x00", "\ufeff\n"])
def test_a_file_without_text_is_unsupported(tmp_path: Path, content: str) -> None:
    assert refusal(tmp_path, "blank.txt", content).code == "unsupported_file"


def test_text_above_the_limit_is_invalid(tmp_path: Path) -> None:
    failure = refusal(tmp_path, "huge.txt", b"a" * (MAX_CHARACTERS + 1))
    assert failure.code == "invalid_file"
    assert "20,000,000" in failure.message


def test_a_name_stands_on_one_line_of_the_sentence(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"\x00\x01\x02")
    with pytest.raises(ParseFailure) as caught:
        read_document(path, "a\nb\x1b[31m.txt")
    assert caught.value.message.startswith("a b[31m.txt is a binary file")


def test_a_missing_file_is_no_fault_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(ParseFailure) as caught:
        read_document(tmp_path / "gone", "gone.txt")
    assert caught.value.code == "server_error"


# Decoding

JAPANESE = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n" * 20
RUSSIAN = "Искусственный интеллект это свойство систем выполнять функции, присущие человеку.\n" * 20
WESTERN = "The naïve café owner’s résumé – “quoted” text costs 5 €.\n" * 5 + "plain\n" * 200  # noqa: RUF001  # as in Word


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(JAPANESE, encoding) for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be")]
    + [(JAPANESE, "cp932"), (JAPANESE, "euc_jp"), (JAPANESE, "iso2022_jp"), (JAPANESE, "gb18030")]
    + [(RUSSIAN, "cp1251"), (RUSSIAN, "koi8_r"), (RUSSIAN, "utf-16-le"), (WESTERN, "cp1252"), (WESTERN, "utf-16-be")],
)
def test_text_is_decoded_whatever_its_encoding(tmp_path: Path, text: str, encoding: str) -> None:
    assert read(tmp_path, "a.txt", text.encode(encoding)).text == text


def test_a_few_damaged_bytes_do_not_change_the_encoding(tmp_path: Path) -> None:
    assert read(tmp_path, "a.txt", RUSSIAN.encode()[:-2] + b"\xff end").text.endswith("\ufffd end")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (bytes(range(256)) * 20, "binary"),
        (b"\x7fELF\x02\x01\x01" + bytes(100), "program"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "image"),
        (b"PK\x03\x04" + bytes(100), "ZIP"),
        (b"\x01\x02\x03\x04 few letters", "binary"),
    ],
)
def test_binary_content_is_unsupported_and_named(tmp_path: Path, content: bytes, kind: str) -> None:
    failure = refusal(tmp_path, "data.txt", content)
    assert failure.code == "unsupported_file"
    assert kind in failure.message


def test_line_ends_and_control_characters_are_normalised(tmp_path: Path) -> None:
    document = read(tmp_path, "a.txt", "one\r\ntwo\rthree\x08\x1b\tfour\n\x0cnext page\x0cinline")
    assert document.text == "one\ntwo\nthree\tfour\nnext page\ninline"


def test_html_is_decoded_as_it_declares(tmp_path: Path) -> None:
    page = '<html><head><meta charset="windows-1251"></head><body>Привет</body></html>'
    assert read(tmp_path, "a.html", page.encode("cp1251")).text == "Привет\n"


# Text with structure


def test_markdown_has_atx_and_setext_headings_outside_of_code(tmp_path: Path) -> None:
    text = (
        "---\ntitle: 'A Guide'\n---\n# Intro #\n\n```sh\n# no heading\n```\n\nSetup\n-----\n\n"
        "### **Bold** [link](x) `code`\n~~~\n## neither\n```\n~~~\n- item\n---\n#hashtag\n"
    )
    document = read(tmp_path, "a.md", text)
    assert document.text == text
    assert document.title == "A Guide"
    assert outline(document) == [(1, "Intro"), (2, "Setup"), (3, "Bold link code")]


def test_a_markdown_heading_of_nothing_but_brackets_is_read_at_once(tmp_path: Path) -> None:
    assert len(read(tmp_path, "a.md", "# " + "[" * 300_000).headings) == 1


def test_restructured_text_takes_levels_from_the_order_of_the_styles(tmp_path: Path) -> None:
    title, part, detail = "=====\nTitle\n=====\n\n", "Part\n====\n\ntext\n\n", "Detail\n------\n\nx\n\n"
    text = f"{title}{part}{detail}Next\n====\n\nno title -\n----\n====  ====\n"
    document = read(tmp_path, "a.rst", text)
    assert outline(document) == [(1, "Title"), (2, "Part"), (3, "Detail"), (2, "Next")]
    assert document.title == "Title"
    assert document.headings[0].start == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.adoc", "= Top\n\n----\n== no\n----\n\n== Inner\n"),
        ("a.org", "* Top\n** TODO Inner\ntext * no\n"),
        ("a.tex", "\\title{Top}\n% \\section{no}\n\\part{Top}\n\\chapter*{Inner}\n"),
        ("a.html", "<h1>Top</h1><h2>In<b>ner</b></h2>"),
    ],
)
def test_other_markup_has_its_headings(tmp_path: Path, name: str, text: str) -> None:
    document = read(tmp_path, name, text)
    assert outline(document) == [(1, "Top"), (2, "Inner")]
    assert document.title == "Top"


def test_html_is_running_text_without_what_is_no_content(tmp_path: Path) -> None:
    page = """<html><head><title>Page &amp; more</title><style>b{}</style></head><body>
    <nav>Home</nav><script>x()</script><div hidden>secret</div>
    <h1>Fruit<a class="headerlink" href="#f">¶</a></h1>
    <p>Apples  and
    <b>pe</b>ars<br>grow.</p><ul><li>one</li><li><p>two</p></li></ul>
    <pre>a
      b</pre>
    <table><tr><th>Name</th><th>Price</th></tr><tr><td><p>Fig</p></td><td>3</td></tr></table>
    <table><tr><td><h2>Framed</h2>inside</td></tr></table></body></html>"""
    document = read(tmp_path, "a.html", page)
    assert document.title == "Page & more"
    assert document.text == (
        "Fruit\n\nApples and pears\ngrow.\n\n- one\n- two\n\na\n      b\n\n"
        "Name | Price\nName: Fig | Price: 3\n\nFramed\n\ninside\n"
    )
    assert outline(document) == [(1, "Fruit"), (2, "Framed")]


def test_python_has_its_classes_and_functions_and_no_others(tmp_path: Path) -> None:
    text = '''"""def not_this(): pass"""
@wrapped
class Engine:
    size = 1

    def start(self):
        def inner(): pass

    LIMIT = 3

async def main(): ...

if __name__ == "__main__":
    run()
'''
    document = read(tmp_path, "a.py", text)
    assert outline(document) == [
        (1, "class Engine"), (2, "def start"), (2, ""), (1, "def main"), (1, ""),
    ]  # fmt: skip
    assert paths(document, "@wrapped", "inner", "LIMIT", "run()") == [
        ("class Engine",), ("class Engine", "def start"), ("class Engine",), (),
    ]  # fmt: skip
    assert document.title is None


@pytest.mark.parametrize("name", source_samples.BY_NAME)
def test_source_code_has_its_definitions_as_headings(tmp_path: Path, name: str) -> None:
    sample = source_samples.BY_NAME[name]
    document = read(tmp_path, name, sample.text)
    assert document.text == sample.text
    assert [(heading.level, heading.title) for heading in document.headings] == sample.outline


def test_json_shows_the_letters_behind_its_escapes(tmp_path: Path) -> None:
    text = r'{"a": "caf\u00e9 \ud83d\ude00 \\u00e9 \u0022 \ud83d \n"}'
    assert read(tmp_path, "a.jsonl", text).text == '{"a": "café 😀 \\\\u00e9 \\u0022 \\ud83d \\n"}'


def test_a_notebook_is_its_cells_and_what_they_printed(tmp_path: Path) -> None:
    document = read_document(samples.write_notebook(tmp_path / "n"), "n.ipynb")
    assert document.text.startswith("# Fitting\nA line through points.\n\nfit(x, y)\n\nslope 2.5\n")
    assert outline(document) == [(1, "Fitting"), (2, "Residuals")]


# Tables


def test_a_csv_row_says_what_its_values_are(tmp_path: Path) -> None:
    text = 'Name;Born;Note\nAda;1815;"two\nlines; quoted"\n;;\nAlan;1912;\n'
    assert read(tmp_path, "a.csv", text).text == (
        "Name | Born | Note\nName: Ada | Born: 1815 | Note: two lines; quoted\nName: Alan | Born: 1912\n"
    )


def test_a_first_row_of_values_names_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "a.tsv", "Ada\t1815\nAlan\t1912\n").text == "Ada | 1815\nAlan | 1912\n"


def test_a_csv_of_one_column_stays_as_it_is(tmp_path: Path) -> None:
    assert read(tmp_path, "a.csv", "words\nmore words\n").text == "words\nmore words\n"


def test_a_quote_that_nobody_closes_does_not_swallow_the_rows(tmp_path: Path) -> None:
    document = read(tmp_path, "a.csv", 'id,size\n1,"5 inch\n' + "2,6\n" * 2000)
    assert document.text.count("id: 2 | size: 6\n") == 2000


def test_a_workbook_has_a_section_for_each_sheet_with_content(tmp_path: Path) -> None:
    day = datetime.datetime(2026, 3, 1)  # a workbook knows no time zones
    path = samples.write_xlsx(
        tmp_path / "w",
        {
            "People": [["Name", "Since", "Share"], ["Ada", day, 2.0], ["Bob", None, 0.5]],
            "Empty": [],
            "Raw": [[1, True]],
        },
    )
    document = read_document(path, "w.xlsx")
    assert document.text == (
        "People\nName | Since | Share\nName: Ada | Since: 2026-03-01 | Share: 2\nName: Bob | Share: 0.5\n\n"
        "Raw\n1 | TRUE\n"
    )
    assert outline(document) == [(1, "People"), (1, "Raw")]
    assert document.title is None


# Office documents, books, PDF


def test_a_word_document_gives_all_its_text_in_order(tmp_path: Path) -> None:
    document = read_document(samples.write_docx(tmp_path / "w"), "w.docx")
    assert document.text == (
        "Overview\n\nRevenue grew by nine percent.\n\nRegions\n\n- North\n- South\n\n"
        "Region | Sales\nRegion: North | Sales: 4200\n\n"
        "Changes\n\nKept and inserted\n\nIn a content control\n\nIn a text box\n"
    )
    assert outline(document) == [(1, "Overview"), (2, "Regions"), (1, "Changes")]
    assert document.title == "Annual Report"
    assert document.page_starts == ()


def test_slides_are_pages_with_their_notes(tmp_path: Path) -> None:
    document = read_document(samples.write_pptx(tmp_path / "p"), "p.pptx")
    assert document.title == "Roadmap"
    second = document.page_starts[1]
    assert document.text[:second] == "Where we are\n\nThe beta is out\n\nNotes: Mention the pilot customers\n\n"
    assert document.text[second:] == "Quarter | Goal\nQuarter: Q3 | Goal: Launch\n\nInside a group\n"
    assert paths(document, "beta", "Launch") == [("Where we are",), ()]


def test_a_book_follows_its_spine(tmp_path: Path) -> None:
    document = read_document(samples.write_epub(tmp_path / "b"), "b.epub")
    assert document.text == "Departure\n\nThe anchor rose.\n\nAn epilogue.\n"
    assert document.title == "The Voyage"
    assert paths(document, "anchor", "epilogue") == [("Departure",), ()]


def test_a_pdf_has_pages_and_its_bookmarks_as_sections(tmp_path: Path) -> None:
    pages = ["First page\nsecond line", "", "Before it\n3.1 Methods\nWe measured", "Café"]
    content = samples.pdf_bytes(
        pages, title="Microsoft Word - draft.doc", bookmarks=[("Introduction", 0), ("Methods", 2)]
    )
    document = read(tmp_path, "a.pdf", content)
    assert [document.page_at(document.text.index(word)) for word in ("second", "Before", "measured", "Caf")] == [
        1,
        3,
        3,
        4,
    ]
    assert paths(document, "second", "Before", "measured", "Caf") == [
        ("Introduction",), ("Introduction",), ("Methods",), ("Methods",),
    ]  # fmt: skip
    assert document.text[document.headings[1].start :].startswith("3.1 Methods\n")
    assert document.title == "Introduction"
    assert "\r" not in document.text


def test_a_pdf_has_the_title_that_it_states(tmp_path: Path) -> None:
    assert read(tmp_path, "a.pdf", samples.pdf_bytes(["text"], title="On Lines")).title == "On Lines"


def test_a_scanned_pdf_is_unsupported_and_asks_for_ocr(tmp_path: Path) -> None:
    failure = refusal(tmp_path, "scan.pdf", samples.pdf_bytes(["", ""]))
    assert failure.code == "unsupported_file"
    assert "OCR" in failure.message


def test_encrypted_files_are_invalid_and_ask_for_one_without_password(tmp_path: Path) -> None:
    locked = {
        "a.pdf": samples.pdf_bytes(["text"], locked=True),
        "a.docx": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000),
        "a.epub": samples.write_epub(tmp_path / "e", locked=True).read_bytes(),
    }
    for name, content in locked.items():
        failure = refusal(tmp_path, name, content)
        assert failure.code == "invalid_file"
        assert "password" in failure.message


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    bomb = samples.write_bomb(tmp_path / "bomb")
    for name in ("b.docx", "b.pptx", "b.xlsx", "b.epub"):
        with pytest.raises(ParseFailure, match="would unpack to 30 MB") as caught:
            read_document(bomb, name)
        assert caught.value.code == "invalid_file"


def test_truncated_and_foreign_content_is_invalid(tmp_path: Path) -> None:
    whole = {
        "a.docx": samples.write_docx(tmp_path / "w"),
        "a.pptx": samples.write_pptx(tmp_path / "p"),
        "a.xlsx": samples.write_xlsx(tmp_path / "x", {"S": [["a", "b"]]}),
        "a.epub": samples.write_epub(tmp_path / "e"),
    }
    contents = [(name, path.read_bytes()[: path.stat().st_size // 2]) for name, path in whole.items()]
    contents += [(name, b"not what the name says") for name in ("b.docx", "b.pptx", "b.xlsx", "b.epub", "b.pdf")]
    contents += [("c.docx", whole["a.epub"].read_bytes()), ("c.xlsx", whole["a.epub"].read_bytes())]
    contents += [("d.pdf", samples.pdf_bytes(["text"])[:300]), ("d.ipynb", b'{"cells": 3}')]
    for name, content in contents:
        failure = refusal(tmp_path, name, content)
        assert failure.code == "invalid_file", failure
        assert "upload it again" in failure.message


def test_damage_anywhere_ends_in_a_document_or_a_refusal(tmp_path: Path) -> None:
    made = {
        "a.docx": samples.write_docx(tmp_path / "w").read_bytes(),
        "a.pptx": samples.write_pptx(tmp_path / "p").read_bytes(),
        "a.epub": samples.write_epub(tmp_path / "e").read_bytes(),
        "a.pdf": samples.pdf_bytes(["One page", "Two pages"], bookmarks=[("One", 0)]),
    }
    for name, content in made.items():
        for place in range(7, len(content), len(content) // 12):
            damaged = bytearray(content)
            damaged[place : place + 4] = b"\xff\x00<&"
            try:
                document = read(tmp_path, name, bytes(damaged))
            except ParseFailure as failure:
                assert failure.code != "server_error", failure  # noqa: PT017  # both ends are right
            else:
                assert Document.loads(document.dumps()) == document

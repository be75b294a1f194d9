"""Office files read whole: no word is lost or told twice, and one odd part does not cost the file."""

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from support import samples
from support.old_workbooks import Sheets, xls, xlsb
from support.telling_words import Words, case
from vectorstores_server.engines.local.parsing.dispatch import read_document
from vectorstores_server.engines.local.parsing.number_formats import shown_number


def changed(path: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """Write the package at `path` again with other parts; a part that becomes empty goes."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: change(name, archive.read(name)) for name in archive.namelist()}
    return samples.write_zip(path, {name: content for name, content in parts.items() if content})


# Cases


@pytest.mark.parametrize(
    ("name", "phrases"),
    [
        ("heads.docx", ["landlord for the pangolin year.", "okapi figure", "ZX-4711", "Confidential quagga", "E=mc2"]),
        ("title.pptx", ["Last line: bandicoot", "Gharial revenue by region", "East | Revenue: 19.2"]),
        ("alternate.pptx", ["echidna constant", "Plain shape"]),
        ("slideshow_type.pptx", ["Numbat deck"]),
        ("title_picture.pptx", ["Quarterly results", "Revenue rose by nine per cent"]),
        ("strict.docx", ["The numbat trial begins in May."]),
        ("style_without_type.docx", ["The numbat trial begins in May."]),
        ("template_type.docx", ["The numbat trial begins in May."]),
        ("strict.xlsx", ["Name: Ada | Born: 1815"]),
        ("odd_style.xlsx", ["Name: Ada | Born: 1815"]),
        ("book.xlsx", ["Item: Rent | Jan: 25%", "Country: Norway | 2019: 5.3 | 2020: 5.4", "Value: 1 | Value 2: 2"]),
        ("book.xlsx", ["Tapir says: includes heating", "Household budget 2024", "Paid | Jan: 2024-03-01"]),
        ("numbered.docx", ["Article 1 Rent", "1.1 Amount", "1.2 Payment", "Article 2 Notice", "2.1 Form"]),
    ],
)
def test_what_stands_in_an_office_file_is_read(name: str, phrases: list[str]) -> None:
    text = case(name).text
    for phrase in phrases:
        assert phrase in text
        assert text.count(phrase) == 1


def test_the_label_of_a_long_heading_is_short_and_its_text_whole() -> None:
    document = case("heads.docx")
    assert all(len(heading.title) <= 200 for heading in document.headings)
    assert document.heading_path_at(document.text.index("pangolin"))[0] == "Lease agreement"


# Every word once


@pytest.mark.parametrize("seed", range(6))
def test_every_word_of_a_word_document_is_told_once(tmp_path: Path, seed: int) -> None:
    import docx
    from docx.oxml import parse_xml

    words = Words(seed)
    word = docx.Document()
    kinds = list(range(9)) * 2
    words.random.shuffle(kinds)
    for kind in kinds:
        if kind == 0:
            word.add_heading(words.some(), words.random.randint(1, 9))
        elif kind == 1:
            word.add_paragraph(
                words.some(), style=words.random.choice(["List Bullet", "List Number", "Title", "Quote"])
            )
        elif kind == 2:
            run: Any = word.add_paragraph(words.some()).add_run(words.one())
            word.add_comment(run, text=words.some(), author=words.one(), initials="x")
        elif kind == 3:
            table = word.add_table(rows=1, cols=3)
            for cell in table.rows[0].cells:
                cell.text = words.some(5)
            table.rows[0].cells[1].add_table(1, 2).rows[0].cells[0].text = words.one()
        elif kind == 4:
            frame = word.add_table(rows=1, cols=1)
            frame.rows[0].cells[0].text = words.some()
        else:
            body = cast("Any", word.element).body
            body.insert(len(body) - 1, parse_xml(_markup(kind, words)))
    section = word.sections[0]
    section.header.paragraphs[0].text = words.some()
    section.footer.paragraphs[0].text = words.some()
    word.save(str(tmp_path / "w.docx"))
    words.check(read_document(tmp_path / "w.docx", "w.docx"))


def _markup(kind: int, words: Words) -> str:
    spaces = (
        f'{samples.W} xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
        'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
        'xmlns:v="urn:schemas-microsoft-com:vml"'
    )
    text = f"<w:r><w:t>{words.some()}</w:t></w:r>"
    if kind == 5:
        halves = f"<m:num><m:r><m:t>{words.one()}</m:t></m:r></m:num><m:den><m:r><m:t>{words.one()}</m:t></m:r></m:den>"
        return f"<w:p {spaces}>{text}<m:oMath><m:f>{halves}</m:f></m:oMath></w:p>"
    if kind == 6:
        box = f"<w:txbxContent><w:p><w:r><w:t>{words.some()}</w:t></w:r></w:p></w:txbxContent>"
        both = f'<mc:Choice Requires="wps">{box}</mc:Choice><mc:Fallback><w:pict>{box}</w:pict></mc:Fallback>'
        return f"<w:p {spaces}>{text}<w:r><mc:AlternateContent>{both}</mc:AlternateContent></w:r></w:p>"
    if kind == 7:
        cell = f"<w:tc><w:sdt><w:sdtContent><w:p>{text}</w:p></w:sdtContent></w:sdt></w:tc>"
        return f"<w:tbl {spaces}><w:ins><w:tr>{cell}<w:tc><w:p/></w:tc></w:tr></w:ins></w:tbl>"
    art = f'<w:pict><v:shape><v:textpath string="{words.one()}"/></v:shape></w:pict>'
    return f"<w:sdt {spaces}><w:sdtContent><w:p><w:ins>{text}</w:ins><w:r>{art}</w:r></w:p></w:sdtContent></w:sdt>"


@pytest.mark.parametrize("seed", range(4))
def test_every_word_of_a_presentation_is_told_once(tmp_path: Path, seed: int) -> None:
    import pptx
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE
    from pptx.util import Inches

    words = Words(seed)
    deck = pptx.Presentation()
    place = (Inches(1), Inches(1), Inches(4), Inches(3))
    for _ in range(4):
        slide: Any = deck.slides.add_slide(deck.slide_layouts[words.random.choice([1, 5, 6])])
        if slide.shapes.title is not None:
            slide.shapes.title.text = "\n".join(words.some(30) for _ in range(3))
        group = slide.shapes.add_group_shape()
        group.shapes.add_textbox(*place).text_frame.text = words.some()
        table = slide.shapes.add_table(2, 2, *place).table
        table.cell(0, 0).text, table.cell(1, 1).text = words.some(), words.one()
        table.cell(0, 0).merge(table.cell(0, 1))
        data: Any = CategoryChartData()
        data.categories = [words.one(), words.one()]
        data.add_series(name := words.one(), (1.5, 2.5))
        chart = slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *place, data).chart
        chart.has_title = True
        chart.chart_title.text_frame.text = words.some(5)
        slide.notes_slide.notes_text_frame.text = words.some()
        words.given.append(name)  # the series names both of its values
    deck.save(str(tmp_path / "p.pptx"))
    document = read_document(tmp_path / "p.pptx", "p.pptx")
    assert len(document.page_starts) == 4
    words.check(document)


@pytest.mark.parametrize("seed", range(3))
def test_every_word_of_a_workbook_is_told(tmp_path: Path, seed: int) -> None:
    from openpyxl import Workbook
    from openpyxl.chart import BarChart, Reference
    from openpyxl.comments import Comment

    words = Words(seed)
    book = Workbook()
    for number in range(3):
        sheet = book.create_sheet(words.one())
        for row in range(1, 20):
            for column in range(1, 5):
                if words.random.random() < 0.6:
                    sheet.cell(row, column, words.some(3))
        sheet.cell(30, 2, words.one()).comment = Comment(words.some(), words.one())
        chart: Any = BarChart()
        chart.title = words.one()
        chart.add_data(Reference(sheet, 1, 1, 1, 5))
        sheet.add_chart(chart, "F9")
        assert number < 3
    book.save(tmp_path / "x.xlsx")
    text = read_document(tmp_path / "x.xlsx", "x.xlsx").text
    assert {word for word in words.given if word not in text} == set()


# One odd part


def test_a_slide_that_is_broken_is_a_note_and_the_others_keep_their_pages(tmp_path: Path) -> None:
    path = samples.write_pptx(tmp_path / "p.pptx")
    changed(path, lambda name, data: data[:300] if name == "ppt/slides/slide1.xml" else data)
    document = read_document(path, "p.pptx")
    assert document.notes == ("slide 1 could not be read",)
    assert document.page_at(document.text.index("Inside a group")) == 2


def test_a_sheet_that_is_gone_is_a_note(tmp_path: Path) -> None:
    path = samples.write_xlsx(tmp_path / "x.xlsx", {"One": [["a", "b"]], "Two": [["kept", "words"]]})
    changed(path, lambda name, data: b"" if name == "xl/worksheets/sheet1.xml" else data)
    document = read_document(path, "x.xlsx")
    assert "kept | words" in document.text
    assert any("One" in note for note in document.notes)


@pytest.mark.parametrize("gone", ["word/styles.xml", "word/numbering.xml", "[Content_Types].xml", "docProps/core.xml"])
def test_a_word_document_is_read_without_the_parts_that_hold_no_text(tmp_path: Path, gone: str) -> None:
    path = changed(samples.write_docx(tmp_path / "w.docx"), lambda name, data: b"" if name == gone else data)
    assert "Revenue grew by nine percent." in read_document(path, "w.docx").text


@pytest.mark.parametrize("extension", ["docm", "dotx", "dotm", "ppsx", "pptm", "potx", "xltx", "xlsm"])
def test_templates_slideshows_and_files_with_macros_are_read(tmp_path: Path, extension: str) -> None:
    make: dict[str, Callable[[Path], Path]] = {"d": samples.write_docx, "p": samples.write_pptx}
    path = tmp_path / f"a.{extension}"
    if extension[0] == "x":
        samples.write_xlsx(path, {"One": [["a", "b"]]})
    else:
        make[extension[0]](path)
    changed(path, lambda name, data: re.sub(rb"\.(document|presentation|sheet)\.main", rb".template.main", data))
    assert read_document(path, path.name).text


@pytest.mark.parametrize("make", [samples.write_docx, samples.write_pptx])
def test_the_strict_form_of_a_file_says_the_same(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path / "a")
    name = "a.docx" if make is samples.write_docx else "a.pptx"
    usual = read_document(path, name)

    def strict(_: str, data: bytes) -> bytes:
        return re.sub(rb"http://schemas\.openxmlformats\.org/(\w+)/2006/(main|relationships)", _strict, data)

    assert read_document(changed(path, strict), name).text == usual.text


def _strict(match: re.Match[bytes]) -> bytes:
    return match[0] if match[1] == b"package" else b"http://purl.oclc.org/ooxml/" + match[1] + b"/" + match[2]


# Numbers


@pytest.mark.parametrize(
    ("value", "number_format", "shown"),
    [
        (0.25, "0%", "25%"),
        (0.256, "0.0%", "25.6%"),
        (2019.0, "General", "2019"),
        (1 / 3, "General", "0.3333333333"),
        (1234.5, "#,##0.00", "1,234.50"),
        (1234.5, '#,##0.00\\ "Kč"', "1,234.50 Kč"),
        (-12.5, '"$"#,##0.00;("$"#,##0.00)', "($12.50)"),
        (12.5, "[$€-407]#,##0.00", "€12.50"),
        (7, "000", "007"),
        (5.5, "0.##", "5.5"),
        (5.0, "0.##", "5"),
        (12345.0, "0.00E+00", "1.23E+04"),
        (0.5, "# ?/?", "0.5"),
        (0, '#,##0;-#,##0;"-"', "0"),
        (1e20, "General", "1e+20"),
    ],
)
def test_a_number_is_told_as_the_sheet_shows_it(value: float, number_format: str, shown: str) -> None:
    assert shown_number(value, number_format) == shown


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("name", "write"), [("a.xls", xls), ("a.xlsb", xlsb)], ids=["xls", "xlsb"])
def test_every_word_of_a_binary_workbook_is_told_once(
    tmp_path: Path, name: str, write: Callable[[Sheets], bytes], seed: int
) -> None:
    """But for the names of columns, which each row tells."""
    words = Words(seed)
    sheets: dict[str, list[list[str]]] = {}
    for _ in range(3):
        columns = [f"Column {letter}" for letter in "ABCD"]
        rows = [[words.some(3) if words.random.random() < 0.7 else "" for _ in columns] for _ in range(12)]
        sheets[words.one()] = [columns, *rows]
    (tmp_path / name).write_bytes(write(sheets))
    document = read_document(tmp_path / name, name)
    words.check(document)
    assert [heading.title for heading in document.headings] == list(sheets)

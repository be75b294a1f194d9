"""Inputs of each format that grow with a number: nested, wide, of one long line, of many rows."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping

MakeInput = Callable[[int], bytes]


def _text(make: Callable[[int], str]) -> MakeInput:
    return lambda n: make(n).encode()


def _package(member: str, make: Callable[[int], str], template: Callable[[], bytes]) -> MakeInput:
    """Make one member of a package; the others are those of the smallest file that its library writes."""

    def build(n: int) -> bytes:
        into = io.BytesIO()
        with (
            zipfile.ZipFile(io.BytesIO(template())) as source,
            zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as target,
        ):
            for name in source.namelist():
                target.writestr(name, make(n).encode() if name == member else source.read(name))
        return into.getvalue()

    return build


def _empty_docx() -> bytes:
    import docx

    into = io.BytesIO()
    docx.Document().save(into)
    return into.getvalue()


def _rows_of_xlsx(n: int) -> bytes:
    import openpyxl

    book, into = openpyxl.Workbook(write_only=True), io.BytesIO()
    sheet = book.create_sheet("s")
    for row in range(n):
        sheet.append([row, f"name {row}", row * 1.5])
    book.save(into)
    return into.getvalue()


def _slides(n: int) -> bytes:
    import pptx

    deck, into = pptx.Presentation(), io.BytesIO()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    frame = slide.placeholders[1].text_frame  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType, reportUnknownMemberType]
    for line in range(n):
        frame.add_paragraph().text = f"line {line} of the slide"  # pyright: ignore[reportUnknownMemberType]
    deck.save(into)
    return into.getvalue()


_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def _docx_body(inner: str) -> str:
    return f'<?xml version="1.0"?><w:document {_W}><w:body>{inner}<w:sectPr/></w:body></w:document>'


def _paragraphs(n: int) -> str:
    return _docx_body("".join(f"<w:p><w:r><w:t>paragraph {i}</w:t></w:r></w:p>" for i in range(n)))


def _one_long_paragraph(n: int) -> str:
    return _docx_body(f"<w:p>{'<w:r><w:t>word </w:t></w:r>' * n}</w:p>")


def _table_rows(n: int) -> str:
    cell = "<w:tc><w:p><w:r><w:t>cell</w:t></w:r></w:p></w:tc>"
    return _docx_body(f"<w:tbl>{f'<w:tr>{cell * 4}</w:tr>' * n}</w:tbl>")


def _nested_tables(n: int) -> str:
    opened = "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>cell</w:t></w:r></w:p>"
    return _docx_body(opened * min(n, 60) + "</w:tc></w:tr></w:tbl>" * min(n, 60) + "<w:p/>" * n)


def _pdf(n: int) -> bytes:
    """One page of n lines."""
    lines = "".join(f"BT /F1 8 Tf 40 {760 - i % 90 * 8} Td (line {i} of the page) Tj ET\n" for i in range(n)).encode()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%b\nendstream" % (len(lines), lines),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out, offsets = io.BytesIO(), list[int]()
    out.write(b"%PDF-1.4\n")
    for number, content in enumerate(objects, 1):
        offsets.append(out.tell())
        out.write(b"%d 0 obj%b\nendobj\n" % (number, content))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.write(b"".join(b"%010d 00000 n \n" % offset for offset in offsets))
    out.write(b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start))
    return out.getvalue()


def _notebook(n: int) -> str:
    cell = {"cell_type": "code", "source": ["x = 1\n"], "outputs": []}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "cells": [cell] * n})


def _python(n: int) -> str:
    return "\n".join(f"def name_{i}(x):\n    return x + {i}\n" for i in range(n))


INPUTS: Mapping[str, tuple[str, MakeInput]] = {
    "html nested div": ("a.html", _text(lambda n: "<div>" * n + "word")),
    "html nested tables": ("a.html", _text(lambda n: "<table><tr><td>" * n + "word")),
    "html nested lists": ("a.html", _text(lambda n: "<ul><li>word" * n)),
    "html nested inline": ("a.html", _text(lambda n: "<b><i><font>" * n + "word")),
    "html unclosed inline in paragraphs": ("a.html", _text(lambda n: "<p><b>word" * n)),
    "html hidden": ("a.html", _text(lambda n: "<div hidden>" * n + "word</div>" * n + "<p>seen")),
    "html paragraphs": ("a.html", _text(lambda n: "<p>word and word</p>\n" * n)),
    "html one long line": ("a.html", _text(lambda n: f"<p>{'word ' * n}</p>")),
    "html rows": ("a.html", _text(lambda n: f"<table>{'<tr><td>a<td>b' * n}</table>")),
    "html open brackets": ("a.html", _text(lambda n: "<p>word</p>" + "<div <" * n)),
    "html comments": ("a.html", _text(lambda n: "<p>word</p>" + "<!-- " * n)),
    "md headings": ("a.md", _text(lambda n: "# heading\n\ntext\n\n" * n)),
    "md nested quotes": ("a.md", _text(lambda n: "> " * n + "word")),
    "md nested lists": ("a.md", _text(lambda n: "\n".join(" " * (2 * (i % 40)) + "- item" for i in range(n)))),
    "md brackets": ("a.md", _text(lambda n: "[" * n + "word" + "](x)" * n)),
    "md stars": ("a.md", _text(lambda n: "*a_ " * n)),
    "md backticks": ("a.md", _text(lambda n: "`a ``" * n)),
    "md fences": ("a.md", _text(lambda n: "```\ncode\n" * n)),
    "md table": ("a.md", _text(lambda n: "| a | b |\n|---|---|\n" + "| c | d |\n" * n)),
    "rst headings": ("a.rst", _text(lambda n: "Heading\n=======\n\ntext\n\n" * n)),
    "org headings": ("a.org", _text(lambda n: "* heading\ntext\n" * n)),
    "adoc headings": ("a.adoc", _text(lambda n: "== heading\ntext\n\n" * n)),
    "tex sections": ("a.tex", _text(lambda n: "\\section{name}\ntext\n" * n)),
    "json nested": ("a.json", _text(lambda n: "[" * min(n, 900) + "]" * min(n, 900) + " " * n)),
    "json wide": ("a.json", _text(lambda n: json.dumps({f"key{i}": i for i in range(n)}))),
    "jsonl rows": ("a.jsonl", _text(lambda n: '{"a": 1, "b": "word"}\n' * n)),
    "notebook cells": ("a.ipynb", _text(_notebook)),
    "xml nested": ("a.xml", _text(lambda n: "<a>" * n + "word" + "</a>" * n)),
    "yaml rows": ("a.yaml", _text(lambda n: "key: value\n" * n)),
    "toml rows": ("a.toml", _text(lambda n: "[[a]]\nb = 1\n" * n)),
    "csv rows": ("a.csv", _text(lambda n: "a,b,c\n" + "1,2,three\n" * n)),
    "csv wide": ("a.csv", _text(lambda n: ",".join(f"c{i}" for i in range(n)) + "\n" + ",".join("1" * n))),
    "csv one open quote": ("a.csv", _text(lambda n: 'a,b\n"' + "1,2\n" * n)),
    "tsv rows": ("a.tsv", _text(lambda n: "a\tb\n" + "1\t2\n" * n)),
    "docx paragraphs": ("a.docx", _package("word/document.xml", _paragraphs, _empty_docx)),
    "docx one long paragraph": ("a.docx", _package("word/document.xml", _one_long_paragraph, _empty_docx)),
    "docx table rows": ("a.docx", _package("word/document.xml", _table_rows, _empty_docx)),
    "docx nested tables": ("a.docx", _package("word/document.xml", _nested_tables, _empty_docx)),
    "xlsx rows": ("a.xlsx", _rows_of_xlsx),
    "pptx lines of a slide": ("a.pptx", _slides),
    "pdf lines of a page": ("a.pdf", _pdf),
    "python functions": ("a.py", _text(_python)),
    "python nested brackets": ("a.py", _text(lambda n: "x = [\n" + "(1),\n" * n + "]\n")),
    "python one long line": ("a.py", _text(lambda n: "x = [" + "1, " * n + "]\n")),
    "c braces": ("a.c", _text(lambda n: "int f() {\n" * n + "}\n" * n)),
    "js functions": ("a.js", _text(lambda n: "function f() { return 1; }\n" * n)),
    "js one long line": ("a.js", _text(lambda n: "a=1;" * n)),
    "text lines": ("a.txt", _text(lambda n: "a line of words\n" * n)),
    "text one long line": ("a.txt", _text(lambda n: "word " * n)),
    "text without spaces": ("a.txt", _text(lambda n: "word" * n)),
    "text blank lines": ("a.txt", _text(lambda n: "word" + "\n" * n + "word")),
    "text spaces": ("a.txt", _text(lambda n: "word" + " " * n + "word")),
    "text of one letter": ("a.txt", _text(lambda n: "a " * n)),
    "text japanese": ("a.txt", _text(lambda n: "吾輩は猫である" * n)),
    "text dots": ("a.txt", _text(lambda n: "." * n + " word")),
}

"""Sample files of every kind, made when a test needs them."""

import io
import json
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def write_docx(path: Path) -> Path:
    import docx
    from docx.oxml import parse_xml

    word = docx.Document()
    word.core_properties.title = "Annual Report"
    word.add_heading("Overview", 1)
    word.add_paragraph("Revenue grew by nine percent.")
    word.add_heading("Regions", 2)
    for region in ("North", "South"):
        item: Any = word.add_paragraph(region, style="List Bullet")
        item._p.get_or_add_pPr().append(parse_xml(f'<w:numPr {W}><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>'))
    table = word.add_table(rows=2, cols=2)
    for row, cells in zip(table.rows, (("Region", "Sales"), ("North", "4200")), strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    word.add_heading("Changes", 1)
    body: Any = cast("Any", word.element).body
    tracked = (
        "<w:r><w:t>Kept and </w:t></w:r><w:ins><w:r><w:t>inserted</w:t></w:r></w:ins>"
        "<w:del><w:r><w:delText>removed</w:delText></w:r></w:del>"
    )
    control = "<w:p><w:r><w:t>In a content control</w:t></w:r></w:p>"
    box = "<w:p><w:r><w:t>In a text box</w:t></w:r></w:p>"
    for markup in (
        f"<w:p {W}>{tracked}</w:p>",
        f"<w:sdt {W}><w:sdtContent>{control}</w:sdtContent></w:sdt>",
        f"<w:p {W}><w:r><w:pict><w:txbxContent>{box}</w:txbxContent></w:pict></w:r></w:p>",
    ):
        body.insert(len(body) - 1, parse_xml(markup))
    word.save(str(path))
    return path


def write_pptx(path: Path) -> Path:
    import pptx
    from pptx.util import Inches

    presentation = pptx.Presentation()
    presentation.core_properties.title = "Roadmap"
    layouts = presentation.slide_layouts
    first = presentation.slides.add_slide(layouts[1])
    shapes: Any = first.shapes
    shapes.title.text = "Where we are"
    shapes.placeholders[1].text_frame.text = "The beta is out"
    notes: Any = first.notes_slide.notes_text_frame
    notes.text = "Mention the pilot customers"
    second = presentation.slides.add_slide(layouts[6])
    table = second.shapes.add_table(2, 2, Inches(1), Inches(1), Inches(4), Inches(1)).table
    for place, text in (((0, 0), "Quarter"), ((0, 1), "Goal"), ((1, 0), "Q3"), ((1, 1), "Launch")):
        table.cell(*place).text = text
    group = second.shapes.add_group_shape()
    box = group.shapes.add_textbox(Inches(1), Inches(3), Inches(2), Inches(1))
    box.text_frame.text = "Inside a group"
    presentation.save(str(path))
    return path


def write_xlsx(path: Path, sheets: Mapping[str, Sequence[Sequence[object]]]) -> Path:
    from openpyxl import Workbook

    workbook = Workbook()
    first: Any = workbook.active
    workbook.remove(first)
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
    workbook.save(path)
    return path


def write_slow_xlsx(path: Path, rows: int = 200_000) -> Path:
    """Write a workbook that takes many seconds to read and next to none to make."""
    write_xlsx(path, {"Sheet": [["x"]]})
    with zipfile.ZipFile(path) as made:
        parts = {name: made.read(name) for name in made.namelist()}
    cells = "".join(f'<c r="{column}1" t="inlineStr"><is><t>value</t></is></c>' for column in "ABCDEFGHIJ")
    sheet = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    parts["xl/worksheets/sheet1.xml"] = sheet + f"<row>{cells}</row>".encode() * rows + b"</sheetData></worksheet>"
    # Stored: deflated it would be taken for a bomb.
    with zipfile.ZipFile(path, "w") as made:
        for name, content in parts.items():
            made.writestr(name, content)
    return path


def pdf_bytes(
    pages: Sequence[str],
    *,
    title: str = "",
    bookmarks: Sequence[tuple[str, int]] = (),
    locked: bool = False,
) -> bytes:
    """Write a PDF by hand: each page's lines in Helvetica. `locked` asks for a password that nobody knows."""
    first_page = 4
    first_mark = first_page + 2 * len(pages) + 1
    kids = " ".join(f"{first_page + 2 * index} 0 R" for index in range(len(pages)))
    outlines = f"/Outlines {first_mark - 1} 0 R" if bookmarks else ""
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R {outlines} >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for index, text in enumerate(pages):
        stream = _page_stream(text)
        objects += [
            (
                f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {first_page + 2 * index + 1} 0 R "
                "/Resources << /Font << /F1 3 0 R >> >> >>"
            ),
            f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        ]
    objects.append(f"<< /Type /Outlines /First {first_mark} 0 R /Last {first_mark + len(bookmarks) - 1} 0 R >>")
    for index, (name, page) in enumerate(bookmarks):
        following = f"/Next {first_mark + index + 1} 0 R" if index + 1 < len(bookmarks) else ""
        objects.append(
            f"<< /Title ({name}) /Parent {first_mark - 1} 0 R {following} /Dest [{first_page + 2 * page} 0 R /Fit] >>"
        )
    objects.append(f"<< /Title ({title}) >>")
    encrypt = f"/Encrypt << /Filter /Standard /V 1 /R 2 /O <{'ab' * 32}> /U <{'cd' * 32}> /P -4 >>" if locked else ""
    return _assemble(objects, f"/Root 1 0 R /Info {len(objects)} 0 R /ID [<00><00>] {encrypt}")


class Placed(NamedTuple):
    """A line of text at a place on a page, in points from its lower left corner."""

    left: float
    bottom: float
    text: str
    size: float = 10
    bold: bool = False


def placed_pdf(
    pages: Sequence[Sequence[Placed]], *, rotation: int = 0, annotations: Sequence[str] = (), form: bool = False
) -> bytes:
    """Write a PDF whose lines are drawn one by one, in the order given; upright on pages that are shown turned."""
    turns = {90: "0 1 -1 0 792 0 cm", 180: "-1 0 0 -1 612 792 cm", 270: "0 -1 1 0 0 612 cm"}
    sides = "792 612" if rotation in (90, 270) else "612 792"
    kids = " ".join(f"{5 + 2 * index} 0 R" for index in range(len(pages)))
    first = 5 + 2 * len(pages)
    noted = "/Annots [" + " ".join(f"{first + index} 0 R" for index in range(len(annotations))) + "]"
    fields = f"/AcroForm << /Fields [{first} 0 R] /DA (/F1 10 Tf) /DR << /Font << /F1 3 0 R >> >> >>" if form else ""
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica{} /Encoding /WinAnsiEncoding >>"
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R {fields} >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        font.format(""),
        font.format("-Bold"),
    ]
    for index, lines in enumerate(pages):
        stream = turns.get(rotation, "") + "\n"
        stream += "\n".join(
            f"BT /F{2 if line.bold else 1} {line.size} Tf {line.left} {line.bottom} Td ({line.text}) Tj ET"
            for line in lines
        )
        objects += [
            (
                f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {sides}] /Rotate {rotation} /Contents {6 + 2 * index} 0 R"
                f" /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> {noted if index == 0 else ''} >>"
            ),
            f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        ]
    return _assemble([*objects, *annotations], "/Root 1 0 R")


def _page_stream(text: str) -> str:
    if not text:
        return "100 100 200 200 re f"  # ink, but no letters: what a scan looks like to a parser
    shown = "".join(f"({line}) Tj T*\n" for line in text.split("\n"))
    return f"BT /F1 12 Tf 14 TL 72 720 Td\n{shown}ET"


def _assemble(objects: Sequence[str], trailer: str) -> bytes:
    out = io.BytesIO()
    out.write(b"%PDF-1.7\n")
    offsets: list[int] = []
    for number, body in enumerate(objects, start=1):
        offsets.append(out.tell())
        out.write(f"{number} 0 obj\n{body}\nendobj\n".encode("cp1252"))
    xref = out.tell()
    entries = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    out.write(
        f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{entries}"
        f"trailer\n<< /Size {len(objects) + 1} {trailer} >>\nstartxref\n{xref}\n%%EOF\n".encode()
    )
    return out.getvalue()


def write_epub(path: Path, *, locked: bool = False) -> Path:
    parts = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
        "OPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        "<metadata><dc:title>The Voyage</dc:title></metadata><manifest>"
        '<item id="two" href="text/two%20b.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="one" href="text/one.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/></manifest>'
        '<spine><itemref idref="nav"/><itemref idref="one"/><itemref idref="two"/></spine></package>',
        "OPS/nav.xhtml": "<html><body><p>Table of contents</p></body></html>",
        "OPS/text/one.xhtml": "<html><head><title/></head><body><h1>Departure</h1><p>The anchor rose.</p></body>",
        "OPS/text/two b.xhtml": "<html><head><title/></head><body><p>An epilogue.</p></body></html>",
    }
    if locked:
        parts["META-INF/encryption.xml"] = (
            '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" xmlns:e="http://www.w3.org/2001/04/'
            'xmlenc#"><e:EncryptedData><e:CipherData><e:CipherReference URI="OPS/text/one.xhtml"/></e:CipherData>'
            "</e:EncryptedData></encryption>"
        )
    return write_zip(path, parts)


def write_zip(path: Path, parts: Mapping[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def write_bomb(path: Path) -> Path:
    """Write 30 kB that unpack to 30 MB."""
    return write_zip(path, {"word/document.xml": b"<w:t>" + b"a" * 30_000_000})


def write_notebook(path: Path) -> Path:
    cells = [
        {"cell_type": "markdown", "source": ["# Fitting\n", "A line through points."]},
        {"cell_type": "code", "source": "fit(x, y)", "outputs": [{"output_type": "stream", "text": ["slope 2.5\n"]}]},
        {"cell_type": "markdown", "source": "## Residuals"},
    ]
    path.write_text(json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}), encoding="utf-8")
    return path


def loaded_modules() -> list[str]:
    """Say what the process that runs this has imported."""
    return sorted(sys.modules)


def print_from_c() -> str:
    """Write to standard output as a C library does, at once and through its buffer, while output is silent."""
    import ctypes
    import os

    from vectorstores_server.engines.local.parsing.child_main import silent

    with silent():
        os.write(1, b"at once\n")
        ctypes.CDLL(None).printf(b"from the buffer\n")
    return "the result"

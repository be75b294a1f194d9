"""JSON as it is written, but with its letters readable; notebooks as their cells."""

import json
import re
from typing import Any, cast

from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.document_builder import DocumentBuilder, clean, one_part
from vectorstores_server.engines.local.parsing.errors import DAMAGE, damaged
from vectorstores_server.engines.local.parsing.html import add_html
from vectorstores_server.engines.local.parsing.plain_text import without_base64

# An escaped backslash is consumed, so that "\\u00e9" stays what it is.
_ESCAPE = re.compile(r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|.)")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_OUTPUT_CHARACTERS = 100_000


def readable_json(text: str) -> str:
    r"""`text` with \u escapes of letters replaced by the letters: that is how one asks for them.

    Works on the characters, not on the values: broken JSON and JSON of any size keep all they hold, line by line.
    """
    return _ESCAPE.sub(_letter, text) if "\\u" in text else text


def _letter(match: re.Match[str]) -> str:
    high, low, single = match.groups()
    if high:
        return bytes.fromhex(high + low).decode("utf-16-be")
    letter = chr(int(single, 16)) if single else ""
    return letter if letter > "\x7f" and letter.isprintable() else match[0]


def notebook(text: str) -> Document:
    """Read the cells of a Jupyter notebook with their results and errors; its Markdown gives the sections."""
    builder = DocumentBuilder()
    try:
        content = json.loads(text)
        sheets = cast("list[dict[str, Any]]", content.get("worksheets") or [content])  # of formats 2 and 3
        cells = [cell for sheet in sheets for cell in sheet["cells"]]
    except DAMAGE as error:
        raise damaged("a Jupyter notebook (.ipynb)") from error
    for number, cell in enumerate(cells, start=1):
        with one_part(builder, f"cell {number}"):
            _add_cell(builder, cell)
    if builder.length == 0 and cells:
        raise damaged("a Jupyter notebook (.ipynb)")
    return builder.build()


def _add_cell(builder: DocumentBuilder, cell: dict[str, Any]) -> None:
    written = without_base64(_joined(cell.get("source", cell.get("input"))))
    builder.gap()
    match cell.get("cell_type"):
        case "markdown":
            from vectorstores_server.engines.local.parsing.markdown import markdown

            builder.nest(markdown(clean(written)))
        case "heading":
            builder.heading(min(max(int(cell.get("level") or 1), 1), 6), written)
        case _:
            builder.add(written)
    for output in cell.get("outputs") or ():
        _add_output(builder, output)


def _add_output(builder: DocumentBuilder, output: dict[str, Any]) -> None:
    """Write the cell's output, results and errors."""
    data = cast("dict[str, object]", output.get("data") or output)
    shown = _joined(data.get("text/plain", data.get("text")))
    page = _joined(data.get("text/html", data.get("html")))
    if page and (not shown or shown.startswith("<")):  # "<IPython.core.display.HTML object>" says nothing
        add_html(builder, without_base64(page[:_OUTPUT_CHARACTERS]))
        shown = ""
    other = _joined(data.get("text/markdown", data.get("text/latex", data.get("latex"))))
    failed = f"{output.get('ename', '')}: {output['evalue']}" if "evalue" in output else ""
    for text in (shown or ("" if page else other), failed):
        builder.block(_COLOURS.sub("", without_base64(text[:_OUTPUT_CHARACTERS])))
        if len(text) > _OUTPUT_CHARACTERS:
            builder.note(f"an output is read up to its first {_OUTPUT_CHARACTERS:,} characters")


def _joined(lines: object) -> str:
    return "".join(map(str, cast("list[object]", lines))) if isinstance(lines, list) else str(lines or "")

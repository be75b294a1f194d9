"""JSON as it is written, but with its letters readable; notebooks as their cells."""

import json
import re
from typing import Any, cast

from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.document_builder import DocumentBuilder, clean
from vectorstores_server.engines.local.parsing.errors import DAMAGE, damaged
from vectorstores_server.engines.local.parsing.markup import markdown

# An escaped backslash is consumed, so that "\\u00e9" stays what it is.
_ESCAPE = re.compile(r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|.)")
_OUTPUT_CHARACTERS = 10_000


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
    """Read the cells of a Jupyter notebook and what they printed; its Markdown gives the sections."""
    builder = DocumentBuilder()
    try:
        cells = cast("list[dict[str, Any]]", json.loads(text)["cells"])
        for cell in cells:
            _add_cell(builder, cell)
    except DAMAGE as error:
        raise damaged("a Jupyter notebook (.ipynb)") from error
    return builder.build()


def _add_cell(builder: DocumentBuilder, cell: dict[str, Any]) -> None:
    written = _joined(cell.get("source"))
    builder.gap()
    if cell.get("cell_type") == "markdown":
        builder.nest(markdown(clean(written)))
    else:
        builder.add(written)
    for output in cell.get("outputs") or ():
        builder.block(_joined(output.get("text"))[:_OUTPUT_CHARACTERS])


def _joined(lines: object) -> str:
    return "".join(cast("list[str]", lines)) if isinstance(lines, list) else str(lines or "")

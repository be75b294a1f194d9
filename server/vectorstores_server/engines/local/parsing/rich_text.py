"""Rich text (.rtf): the words of the body, and behind them those that stand beside it.

striprtf leaves out whole groups that are no part of the body. Footnotes, comments, headers, footers and text boxes are
taken out before, so that no sentence is divided by them, and put behind the body.
"""

import re
from typing import Any

_BESIDE = re.compile(
    r"\{(?:\\\*)?\s*\\(footnote|annotation|header[flr]?|footer[flr]?|shptxt|dptxbxtext|shprslt)(?![a-z])"
)
_AGAIN = "shprslt"
"""Holds a text box once more, for programs that know no shapes."""
_BRACES = re.compile(r"\\[\\{}]|[{}]")
_DEEPEST = 4
"""The most levels at which text beside the main text is nested: a comment in a footnote in a text box."""


def rich_text(text: str) -> str:
    """Return the words of a file, its marks left out; text beside the main text comes behind it."""
    from striprtf import striprtf

    untyped: Any = striprtf
    return str(untyped.rtf_to_text(_with_asides_behind(text), errors="ignore"))


def _with_asides_behind(text: str) -> str:
    pieces: list[str] = []
    left = [text]
    for _ in range(_DEEPEST):
        parted = [_parted(piece) for piece in left]
        pieces += [body for body, _ in parted]
        left = [aside for _, asides in parted for aside in asides]
    if len(pieces) == 1:
        return text
    body, *asides = pieces
    body = body.rstrip()
    return "".join([body.removesuffix("}"), *(f"{{\\par {aside}}}" for aside in asides), "}"])


def _parted(text: str) -> tuple[str, list[str]]:
    """Return the main text, and the text beside it: of headers and footers each once."""
    body: list[str] = []
    asides: list[str] = []
    repeated: set[str] = set()
    at = 0
    for group in _BESIDE.finditer(text):
        if group.start() < at:
            continue
        body.append(text[at : group.start()])
        at = _end(text, group.start())
        aside = text[group.end() : at].removesuffix("}")
        if group[1] != _AGAIN and aside not in repeated:
            asides.append(aside)
        if group[1].startswith(("header", "footer")):
            repeated.add(aside)
    return "".join([*body, text[at:]]), asides


def _end(text: str, start: int) -> int:
    """Return the end of the group that begins at `start`; the text's end where nobody closed it."""
    depth = 0
    for brace in _BRACES.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(brace.group(), 0)
        if depth == 0:
            return brace.end()
    return len(text)

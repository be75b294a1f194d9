"""The parts of compound identifiers, so that `user name` finds `user_name`, `userName` and `user.name`."""

import re

from vectorstores_server.engines.local.chunking.passages import Passage
from vectorstores_server.engines.local.embedding.tokenizer import TokenCounter
from vectorstores_server.engines.local.parsing.document import Document

_COMPOUND = re.compile(r"\w+(?:[.:]\w+)*")
_SEPARATORS = re.compile(r"[_.:]+")
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")


def identifier_parts(text: str) -> list[str]:
    """Return the parts, in order, of each identifier that has more than one: `os.getLogin` gives os, get, Login.

    Parts without a letter and single letters are left out. Hyphens and slashes need no help: every text index
    takes them for boundaries.
    """
    found: list[str] = []
    for compound in _COMPOUND.finditer(text):
        word = compound.group()
        parts = [part for piece in _SEPARATORS.split(word) for part in _HUMPS.split(piece)]
        if len(parts) > 1:
            found.extend(part for part in parts if len(part) > 1 and not part.isdecimal())
    return found


WITH_PREFIX = 254
"""Tokens that title, headings and passage may have together: what the bundled model reads."""


_OPENING = 200
"""Characters of a passage in which a title that it repeats is looked for."""


def embed_text(document: Document, passage: Passage, title: str) -> str:
    """Title, heading path and passage, within WITH_PREFIX tokens; what the passage itself begins with is left out."""
    body = document.text[passage.start : passage.end]
    parts = _prefix([title, *passage.heading_path], body, WITH_PREFIX - passage.tokens)
    return "\n".join(parts) + "\n\n" + body if parts else body


def index_text(document: Document, passage: Passage, title: str) -> str:
    """Return the same, and one line with the parts of its compound identifiers: what the text index holds."""
    return query_text(embed_text(document, passage, title))


def query_text(query: str) -> str:
    """`query`, and one line with the parts of its compound identifiers."""
    parts = identifier_parts(query)
    return f"{query}\n{' '.join(parts)}" if parts else query


def _prefix(parts: list[str], body: str, room: int) -> list[str]:
    """Return the parts, outermost first, that the body does not repeat; where room is short the innermost are kept."""
    counter = TokenCounter()
    opening = body[:_OPENING]
    kept: list[str] = []
    for part in reversed(list(dict.fromkeys(part.strip() for part in parts))):
        if not part or part in opening:
            continue
        offsets = counter.offsets(part)
        if len(offsets) > room:
            part = part[: offsets[room - 1, 1]] if room > 0 else ""
        if part:
            kept.append(part)
        room -= len(offsets)
    return kept[::-1]

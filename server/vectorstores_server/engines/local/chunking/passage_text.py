"""The text of a passage that is embedded, and the terms of it that the text index holds."""

import re

from vectorstores_server.engines.local.chunking.passages import Passage
from vectorstores_server.engines.local.embedding.tokenizer import TokenCounter
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.words.analysis import indexed_words

_COMPOUND = re.compile(r"\w+(?:[.:]\w+)*")
_SEPARATORS = re.compile(r"[_.:]+")
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")

WITH_PREFIX = 254
"""Tokens that title, headings and passage may have together: what the bundled model reads."""
_OPENING = 200
"""Characters of a passage in which a title that it repeats is looked for."""


def embed_text(document: Document, passage: Passage, title: str) -> str:
    """Title, heading path and passage, within WITH_PREFIX tokens; parts that the passage begins with are left out."""
    body = document.text[passage.start : passage.end]
    parts = _prefix([title, *passage.heading_path], body, WITH_PREFIX - passage.tokens)
    return "\n".join(parts) + "\n\n" + body if parts else body


def passage_words(document: Document, passage: Passage, filename: str, *, inflected: bool) -> str:
    """Return the terms of a passage: of the file's name, of title and headings that it does not repeat, and its own."""
    body = document.text[passage.start : passage.end]
    parts = _unrepeated([document.title or "", *passage.heading_path], body)
    return indexed_words([filename, *parts, body], inflected=inflected)


def text_of_before(document: Document, passage: Passage, title: str) -> str:
    """Return the text of tables of format 1: the embedded text, and one line with the parts of compound identifiers."""
    return query_of_before(embed_text(document, passage, title))


def query_of_before(query: str) -> str:
    """`query`, and one line with the parts of its compound identifiers: what tables of format 1 are asked."""
    parts = _identifier_parts(query)
    return f"{query}\n{' '.join(parts)}" if parts else query


def _identifier_parts(text: str) -> list[str]:
    """Return the parts, in order, of each identifier that has more than one: `os.getLogin` gives os, get, Login.

    Parts without a letter and single letters are left out.
    """
    found: list[str] = []
    for compound in _COMPOUND.finditer(text):
        word = compound.group()
        parts = [part for piece in _SEPARATORS.split(word) for part in _HUMPS.split(piece)]
        if len(parts) > 1:
            found.extend(part for part in parts if len(part) > 1 and not part.isdecimal())
    return found


def _unrepeated(parts: list[str], body: str) -> list[str]:
    """Return the parts that the body does not begin with, each once."""
    opening = body[:_OPENING]
    return [part for part in dict.fromkeys(part.strip() for part in parts) if part and part not in opening]


def _prefix(parts: list[str], body: str, room: int) -> list[str]:
    """Return the parts, outermost first, that the body does not repeat; where room is short the innermost are kept."""
    counter = TokenCounter()
    kept: list[str] = []
    for part in reversed(_unrepeated(parts, body)):
        offsets = counter.offsets(part)
        if len(offsets) > room:
            part = part[: offsets[room - 1, 1]] if room > 0 else ""
        if part:
            kept.append(part)
        room -= len(offsets)
    return kept[::-1]

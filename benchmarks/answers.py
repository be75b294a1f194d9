"""The texts that an answer of `search` shows, with their files and places, taken from either of its renderings."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks.metrics import Span

ELLIPSIS = "…"
_BLOCK = re.compile(
    r"^\[\d+\] [\d.]+ (?P<uri>\S+)\n<(?P<tag>doc-\w+)>\n(?P<inside>.*?)\n</(?P=tag)>", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A hit's text as it is shown; it lies within `chunk` of the file."""

    filename: str
    chunk: Span
    text: str


def of_object(answer: dict[str, Any]) -> list[Shown]:
    """Read the structured rendering; hits that are only named show nothing."""
    return [Shown(hit["filename"], place(hit["uri"]), unfenced(hit["text"])) for hit in answer["data"] if "text" in hit]


def of_text(answer: str) -> list[Shown]:
    """Read the text rendering: each hit's fence holds its citation, in a line of its own, and its text."""
    hits: list[Shown] = []
    for block in _BLOCK.finditer(answer):
        citation, _, text = block["inside"].partition("\n")
        hits.append(Shown(citation.split(" · ")[0], place(block["uri"]), text))
    return hits


def place(uri: str) -> Span:
    """Return the range of characters that a citation's URI names."""
    span = parse_qs(urlsplit(uri).query)
    return int(span["start"][0]), int(span["end"][0])


def unfenced(text: str) -> str:
    """Return the text between the tags."""
    return text.partition("\n")[2].rpartition("\n")[0]


def located(hit: Shown, source: str) -> Iterator[Span]:
    """Find each piece of the hit's text in its chunk of the source. Raises ValueError where it is not there."""
    at, end = hit.chunk
    for piece in (part.strip() for part in hit.text.split(ELLIPSIS)):
        if piece:
            at = source.index(piece, at, end)
            yield at, at + len(piece)
            at += len(piece)


def within(hits: Iterable[Shown], tokens: int, encoding: Any) -> list[Shown]:
    """Return the hits whose texts fit into so many tokens together, the last one cut."""
    kept: list[Shown] = []
    for hit in hits:
        ids = encoding.encode_ordinary(hit.text)
        if len(ids) > tokens:
            kept.append(replace(hit, text=encoding.decode(ids[:tokens]).rstrip("\ufffd")))
            break
        kept.append(hit)
        tokens -= len(ids)
    return kept

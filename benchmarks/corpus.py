"""Documents to ingest and questions to ask: the test collections, or prose that every Python brings along."""

import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.metrics import Span

DOCUMENTS = 5_183


@dataclass(frozen=True, slots=True)
class Abstract:
    """A short document with its title."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question of chunkeval: its answer is character spans of one file."""

    text: str
    file: str
    spans: Sequence[Span]


def abstracts(data: Path) -> list[Abstract]:
    """Return SciFact's abstracts, or as many of the same size made of Python's help texts."""
    corpus = data / "scifact" / "corpus.jsonl"
    if corpus.exists():
        return [Abstract(row["id"], row["title"], row["text"]) for row in lines(corpus)]
    dice = random.Random(7)  # the same documents in every run
    pieces = sentences()
    return [Abstract(str(number), dice.choice(pieces), " ".join(dice.sample(pieces, 9))) for number in range(DOCUMENTS)]


def claims(data: Path) -> dict[str, str]:
    """Return SciFact's queries by id, or sentences of Python's help texts."""
    queries = data / "scifact" / "queries.jsonl"
    if queries.exists():
        return {row["id"]: row["text"] for row in lines(queries)}
    return {str(number): text for number, text in enumerate(random.Random(11).sample(sentences(), 300))}


def judgements(data: Path) -> Mapping[str, Mapping[str, int]]:
    """Return SciFact's judged documents by query: document id -> gain."""
    judged: dict[str, dict[str, int]] = defaultdict(dict)
    for line in (data / "scifact" / "qrels.tsv").read_text("utf-8").splitlines()[1:]:
        query, document, gain = line.split("\t")
        judged[query][document] = int(gain)
    return judged


def long_files(data: Path) -> list[Path]:
    """Return chunkeval's files."""
    return sorted((data / "chunkeval" / "files").glob("*.md"))


def questions(data: Path) -> list[Question]:
    """Return chunkeval's questions."""
    rows = lines(data / "chunkeval" / "spans.jsonl")
    return [Question(row["text"], row["file"], [(span[0], span[1]) for span in row["spans"]]) for row in rows]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def sentences() -> list[str]:
    from pydoc_data.topics import topics

    text = " ".join(" ".join(topic.split()) for topic in topics.values())
    return [piece.strip() for piece in text.split(". ") if 60 < len(piece) < 400]

"""Chunkeval: how much of an answer's text the hits show, within five chunks or within a number of tokens."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.budgets import Result
from benchmarks.corpus import Question, questions
from benchmarks.metrics import Span, span_recall
from benchmarks.options import Options
from benchmarks.processes import Served

Hit = dict[str, Any]
ELLIPSIS = "…"


async def detailed_answers(server: Served, store: str, options: Options) -> Result:
    """Five chunks as they are: recall, and what they cost in OpenAI's tokens."""
    recalls: list[float] = []
    tokens: list[int] = []
    async for question, hits in asked(server, store, options, response_format="detailed", max_num_results=5):
        recalls.append(span_recall(question.spans, shown(question, hits, options.data)))
        tokens.append(sum(count(text_of(hit)) for hit in hits))
    recall, cost = 100 * mean(recalls), mean(tokens)
    return Result("chunks", "-", f"{recall:.1f}; {cost:,.0f}", "", recall >= 95 and cost <= 3_900)


async def concise_answers(server: Served, store: str, options: Options) -> Result:
    """Hold the whole answer, citations and fences too, to 1,500 tokens."""
    recalls = [
        span_recall(question.spans, shown(question, hits, options.data))
        async for question, hits in asked(server, store, options, max_tokens=1500)
    ]
    recall = 100 * mean(recalls)
    return Result("concise", "-", f"{recall:.1f}", "", recall >= 86)


async def hit_texts(server: Served, store: str, options: Options) -> Result:
    """Take the first 1,500 tokens of the hits' text, citations not counted."""
    recalls: list[float] = []
    async for question, hits in asked(server, store, options, max_num_results=20, max_tokens=20_000):
        recalls.append(span_recall(question.spans, shown(question, within(hits, 1_500), options.data)))
    recall = 100 * mean(recalls)
    return Result("hit_text", "-", f"{recall:.1f}", "", recall >= 91)


async def asked(
    server: Served, store: str, options: Options, **arguments: object
) -> AsyncGenerator[tuple[Question, list[Hit]]]:
    for question in questions(options.data):
        answer = await server.call("search", vector_store_id=store, query=question.text, **arguments)
        yield question, answer["data"]


def shown(question: Question, hits: Sequence[Hit], data: Path) -> list[Span]:
    """Return where in the question's file the hits' texts stand; an ellipsis parts the pieces of one text."""
    source = contents(data / "chunkeval" / "files" / question.file)
    spans: list[Span] = []
    for hit in hits:
        if hit["filename"] == question.file:
            spans += located(hit, source)
    return spans


def located(hit: Hit, source: str) -> Iterator[Span]:
    """Find each piece of the hit's text in its own range of the source. Raises ValueError where it is not there."""
    at, end = hit["chars"]
    for piece in (part.strip() for part in text_of(hit).split(ELLIPSIS)):
        if piece:
            at = source.index(piece, at, end)
            yield at, at + len(piece)
            at += len(piece)


def text_of(hit: Hit) -> str:
    """Return the hit's text without its fence."""
    return hit.get("text", "")


def within(hits: Sequence[Hit], tokens: int) -> list[Hit]:
    """Return the hits whose texts fit into so many of OpenAI's tokens together, the last one cut."""
    kept: list[Hit] = []
    for hit in hits:
        text = text_of(hit)
        ids = encoding().encode_ordinary(text)
        if len(ids) > tokens:
            kept.append({**hit, "text": encoding().decode(ids[:tokens]).rstrip("\ufffd")})
            break
        kept.append(hit)
        tokens -= len(ids)
    return kept


def count(text: str) -> int:
    """Count OpenAI's tokens."""
    return len(encoding().encode_ordinary(text))


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


@cache
def encoding() -> Any:
    """Return OpenAI's cl100k vocabulary, which is a development dependency only."""
    import bpe_openai  # pyright: ignore[reportMissingTypeStubs]  # has none

    return bpe_openai.get_encoding("cl100k_base")


@cache
def contents(path: Path) -> str:
    """Return a file's text, its line ends as the parser leaves them."""
    return path.read_text("utf-8")

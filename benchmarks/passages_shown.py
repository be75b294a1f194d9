"""The share of an answer's text in chunkeval that the hits show, within five chunks or within a number of tokens."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mcp.types import CallToolResult, TextContent

from benchmarks.answers import Shown, located, of_object, of_text, within
from benchmarks.budgets import Result
from benchmarks.corpus import Question, questions
from benchmarks.metrics import span_recall
from benchmarks.options import Options
from benchmarks.processes import Served, ToolFailedError

ROOM = 1_500  # tokens


async def detailed_answers(server: Served, store: str, options: Options) -> Result:
    """Five chunks as they are: recall, and what they cost in OpenAI's tokens."""
    recalls: list[float] = []
    tokens: list[int] = []
    async for question, answer in asked(server, store, options, response_format="detailed", max_num_results=5):
        hits = of_object(content_of(answer))
        recalls.append(recall(question, hits, options))
        tokens.append(sum(len(encoding().encode_ordinary(hit.text)) for hit in hits))
    share, cost = 100 * mean(recalls), mean(tokens)
    return Result("chunks", "-", f"{share:.1f}; {cost:,.0f}", "", share >= 95 and cost <= 3_900)


async def concise_answers(server: Served, store: str, options: Options) -> Result:
    """Hold the whole answer to 1,500 tokens. The worse of its two renderings counts."""
    objects: list[float] = []
    texts: list[float] = []
    async for question, answer in asked(server, store, options, max_tokens=ROOM):
        objects.append(recall(question, of_object(content_of(answer)), options))
        texts.append(recall(question, of_text(text_of(answer)), options))
    both = 100 * mean(texts), 100 * mean(objects)
    figures = f"{both[0]:.1f} as text, {both[1]:.1f} as an object"
    return Result("concise", "-", figures, "", min(both) >= 86)


async def hit_texts(server: Served, store: str, options: Options) -> Result:
    """Take the first 1,500 tokens of the hits' text, citations not counted."""
    recalls: list[float] = []
    async for question, answer in asked(server, store, options, max_num_results=20, max_tokens=20_000):
        hits = within(of_object(content_of(answer)), ROOM, encoding())
        recalls.append(recall(question, hits, options))
    share = 100 * mean(recalls)
    return Result("hit_text", "-", f"{share:.1f}", "", share >= 91)


async def asked(
    server: Served, store: str, options: Options, **arguments: object
) -> AsyncGenerator[tuple[Question, CallToolResult]]:
    """Ask every question and hand its whole answer over."""
    for question in questions(options.data):
        given = {"vector_store_id": store, "query": question.text, **arguments}
        answer = await server.client.call_tool("search", given)
        if answer.is_error:
            raise ToolFailedError(text_of(answer))
        yield question, answer


def content_of(answer: CallToolResult) -> dict[str, Any]:
    return answer.structured_content or {}


def text_of(answer: CallToolResult) -> str:
    return "\n".join(part.text for part in answer.content if isinstance(part, TextContent))


def recall(question: Question, hits: Iterable[Shown], options: Options) -> float:
    """Return the share of the answer's characters that the hits show."""
    source = contents(options.data / "chunkeval" / "files" / question.file)
    spans = [span for hit in hits if hit.filename == question.file for span in located(hit, source)]
    return span_recall(question.spans, spans)


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


@cache
def encoding() -> Any:
    """Return OpenAI's cl100k vocabulary, which is a development dependency only."""
    import bpe_openai  # pyright: ignore[reportMissingTypeStubs]  # has none

    return bpe_openai.get_encoding("cl100k_base")  # pyright: ignore[reportUnknownMemberType]


@cache
def contents(path: Path) -> str:
    """Return a file's text."""
    return path.read_text("utf-8")

"""The models of this machine by themselves: passages and questions a CPU second, and the memory of their process."""

import time
from pathlib import Path
from typing import NamedTuple

import anyio
import psutil
from anyio import to_process

from benchmarks.budgets import Result
from benchmarks.corpus import lines
from benchmarks.options import Options

PASSAGES, QUESTIONS = 256, 100
TOKENS = 150
MEBIBYTE = 1024 * 1024
GOALS = {"e5-multi": (20.0, 6.0, 450.0), "minilm": (0.0, 0.0, 0.0)}


class Cost(NamedTuple):
    """Passages a CPU second, CPU ms a question, MiB of the process."""

    passages: float
    question: float
    memory: float


async def run(options: Options) -> list[Result]:
    """Measure each model in a process of its own, on German paragraphs of about TOKENS of its tokens."""
    rows = [row["text"] for row in lines(options.data / "xlang-de" / "corpus.jsonl")]
    asked = [row["text"] for row in lines(options.data / "xlang-de" / "queries.jsonl")][:QUESTIONS]
    results: list[Result] = []
    for name, (passages, question, memory) in GOALS.items():
        cost = await to_process.run_sync(measured, name, options.work / "cache", rows, asked)
        ours = f"{name}: {cost.passages:.1f} / {cost.question:.1f} / {cost.memory:.0f}"
        reached = name != "e5-multi" or (
            cost.passages >= passages and cost.question <= question and cost.memory <= memory
        )
        results.append(Result("embedders", "-", ours, "", reached))
    return results


def measured(name: str, cache: Path, rows: list[str], asked: list[str]) -> Cost:
    """Load a model, embed and ask; called in a process that has done nothing else."""
    return anyio.run(_measured, name, cache, rows, asked)


async def _measured(name: str, cache: Path, rows: list[str], asked: list[str]) -> Cost:
    from vectorstores_server.engines.local.embedding import EmbedderChoice, open_embedder

    embedder = open_embedder(EmbedderChoice(name=name, cache=cache))
    assert embedder is not None, f"{name} is not installed"
    await embedder.prepare()
    await embedder.embed_documents(rows[:8])
    texts = [cut(text) for text in rows if len(text) > 3.2 * TOKENS][:PASSAGES]
    began = time.process_time()
    await embedder.embed_documents(texts)
    embedded = time.process_time()
    for question in asked:
        await embedder.embed_query(question)
    answered = time.process_time()
    memory = psutil.Process().memory_info().rss / MEBIBYTE
    await embedder.aclose()
    return Cost(len(texts) / (embedded - began), 1_000 * (answered - embedded) / len(asked), memory)


def cut(text: str) -> str:
    """Return about TOKENS tokens of German: of four letters each, as e5's pieces are."""
    return text[: 4 * TOKENS]

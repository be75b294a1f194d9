"""Ranking quality as an agent gets it: files attached from paths, questions asked with `search`."""

from collections.abc import Iterable
from typing import Any

from benchmarks.budgets import Result
from benchmarks.corpus import claims, judgements, questions
from benchmarks.metrics import auc, ndcg_at_10
from benchmarks.options import Options
from benchmarks.passages_shown import concise_answers, detailed_answers, hit_texts
from benchmarks.processes import Served
from benchmarks.stores import long_documents, serve_stores, short_documents

THRESHOLD = 0.3


async def run(options: Options) -> list[Result]:
    """Measure the quality rows. Needs the collections of `--data`."""
    if not (options.data / "chunkeval").is_dir():
        raise SystemExit(f"No test collections in {options.data}; name their folder with --data DIR")
    async with serve_stores(options) as server:
        short = await short_documents(server, options)
        long = await long_documents(server, options)
        return [
            await scifact(server, short, options),
            await topic(server, short, long, options),
            await detailed_answers(server, long, options),
            await concise_answers(server, long, options),
            await hit_texts(server, long, options),
        ]


async def scifact(server: Served, store: str, options: Options) -> Result:
    judged = judgements(options.data)
    scores: list[float] = []
    for query, text in claims(options.data).items():
        if query in judged:
            answer = await server.call("search", vector_store_id=store, query=text, max_num_results=30)
            scores.append(ndcg_at_10(files_in(answer["data"]), judged[query]))
    mean = sum(scores) / len(scores)
    return Result("scifact", "-", f"{mean:.3f}", "", mean >= 0.730, f"{len(scores)} queries")


def files_in(hits: Iterable[dict[str, Any]]) -> list[str]:
    """Return the documents' ids in the order of their best hits."""
    return list(dict.fromkeys(hit["filename"].removesuffix(".txt") for hit in hits))


async def topic(server: Served, short: str, long: str, options: Options) -> Result:
    of_short = list(claims(options.data).values())
    of_long = [question.text for question in questions(options.data)]
    on_topic = [*await top_scores(server, short, of_short), *await top_scores(server, long, of_long)]
    off_topic = [*await top_scores(server, long, of_short), *await top_scores(server, short, of_long)]
    area = auc(on_topic, off_topic)
    answered = sum(score >= THRESHOLD for score in on_topic) / len(on_topic)
    refused = sum(score < THRESHOLD for score in off_topic) / len(off_topic)
    note = f"at a threshold of {THRESHOLD}: {answered:.1%} of on-topic answered, {refused:.1%} of off-topic refused"
    return Result("topic", "-", f"{area:.3f}", "", area >= 0.97, note)


async def top_scores(server: Served, store: str, texts: Iterable[str]) -> list[float]:
    scores: list[float] = []
    for text in texts:
        hits = (await server.call("search", vector_store_id=store, query=text, max_num_results=1))["data"]
        scores.append(hits[0]["score"] if hits else 0.0)
    return scores

"""`eval`: a person's own questions asked of a store, and how well it answers; with two models side by side."""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import anyio.to_thread

from vectorstores_server.console.evaluation import (
    DEPTHS,
    AnsweredQuestion,
    Figures,
    KnownQuestion,
    figures,
    read_questions,
)
from vectorstores_server.console.lookups import engine_of, usable_store
from vectorstores_server.console.progress import bar
from vectorstores_server.console.terminal import counted, say, table
from vectorstores_server.settings import Settings
from vectorstores_tools.contract.characters import line
from vectorstores_tools.contract.engine import Engine, NewFile
from vectorstores_tools.contract.lookups import files_of
from vectorstores_tools.contract.models import SearchHit
from vectorstores_tools.contract.requests import FileAttach, SearchRequest, StoreCreate

MOST_HITS = 50
LOOK_SECONDS = 1.0
MOST_NAMED = 5


async def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Write a row for the store as it is, and one for each further model."""
    questions = await anyio.to_thread.run_sync(read_questions, arguments.questions)
    rows: list[tuple[str, Figures]] = []
    missed: list[str] = []
    async with engine_of(settings) as engine:
        store = await usable_store(engine, arguments.store)
        answers = await _answers(engine, store.id, questions)
        rows.append(("as it is", figures(answers)))
        missed += [q.text for q, a in zip(questions, answers, strict=True) if a.wanted and not any(a.right)]
        for name in arguments.also or ():
            beside = await _with_model(settings, engine, store.id, name, questions)
            rows += [(name, figures(beside))]
    _tell(rows, questions)
    if missed:
        say(f"No right file was found for {counted(len(missed), 'question')}:")
    for text in missed[:MOST_NAMED]:
        say(f"  {line(text, 100)}")
    return 0


async def _answers(engine: Engine, store_id: str, questions: Sequence[KnownQuestion]) -> list[AnsweredQuestion]:
    found: list[AnsweredQuestion] = []
    with bar("Asking", len(questions)) as done:
        for question in questions:
            request = SearchRequest(queries=[question.text], max_num_results=MOST_HITS)
            hits = (await engine.search(store_id, request)).data
            found.append(_judged(hits, question))
            done(len(found))
    return found


def _judged(hits: Sequence[SearchHit], question: KnownQuestion) -> AnsweredQuestion:
    """Judge the files of the hits, each by its best hit."""
    files = {hit.file_id: hit for hit in reversed(hits)}
    order = list(dict.fromkeys(hit.file_id for hit in hits))
    right = [not question.files.isdisjoint({id, files[id].filename, files[id].path or ""}) for id in order]
    return AnsweredQuestion(right, len(question.files), hits[0].score if hits else 0.0)


async def _with_model(
    settings: Settings, engine: Engine, store_id: str, name: str, questions: Sequence[KnownQuestion]
) -> list[AnsweredQuestion]:
    """Ask a temporary copy of the store, whose vectors are of another model."""
    with tempfile.TemporaryDirectory(prefix="vector-stores-eval-") as folder:
        other = settings.changed(data=Path(folder), embedder=name)
        async with engine_of(other) as copy:
            store = await copy.create_store(StoreCreate(name=name))
            names = {file.id: file async for file in files_of(engine, store_id, "completed")}
            for file_id in names:
                async with engine.read_file(file_id) as content:
                    made = await copy.create_file(NewFile(content.file.filename, content.stream, size=content.size))
                await copy.attach_file(store.id, FileAttach(file_id=made.id))
            await _finished(copy, store.id, len(names))
            return await _answers(copy, store.id, questions)


async def _finished(engine: Engine, store_id: str, total: int) -> None:
    mark = await engine.changed(0)
    with bar("Embedding", total) as done:
        while left := (await engine.retrieve_store(store_id)).file_counts.in_progress:
            done(total - left)
            with anyio.move_on_after(LOOK_SECONDS):
                mark = await engine.changed(mark)


def _tell(rows: Sequence[tuple[str, Figures]], questions: Sequence[KnownQuestion]) -> None:
    heads = ("model", *(f"recall@{depth}" for depth in DEPTHS), "MRR", "nDCG@10", "threshold", "kept", "refused")
    table([heads, *([line(name), *_cells(found)] for name, found in rows)], 0)
    off_topic = sum(not question.files for question in questions)
    say(
        f"{counted(len(questions) - off_topic, 'question')} with an answer, {off_topic} without."
        + ("" if off_topic else ' Questions without one ("files": []) would say which score_threshold separates.')
    )


def _cells(found: Figures) -> list[str]:
    shown = [f"{value:.3f}" for value in (*found.recall, found.mrr, found.ndcg)]
    if found.threshold is None:
        return [*shown, "-", "-", "-"]
    return [*shown, f"{found.threshold:.2f}", f"{found.kept:.0%}", f"{found.refused:.0%}"]

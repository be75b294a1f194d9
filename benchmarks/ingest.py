"""Ingest of documents: the embedder alone, files attached over MCP against it, and rows with vectors given."""

import shutil
import time
from itertools import chain
from pathlib import Path

from benchmarks.budgets import Result
from benchmarks.corpus import abstracts
from benchmarks.index_vectors_given import rows_per_second
from benchmarks.metrics import median
from benchmarks.options import Options
from benchmarks.peers import torch_rate
from benchmarks.processes import OURS, Served, serve
from benchmarks.stores import attach, finished
from vectorstores_server.engines.local.chunking.passage_text import embed_text
from vectorstores_server.engines.local.chunking.passages import PassageLimits, cut_stepwise
from vectorstores_server.engines.local.embedding import Embedder, EmbedderChoice, open_embedder
from vectorstores_server.engines.local.embedding.tokenizer import TokenCounter
from vectorstores_server.engines.local.parsing.dispatch import read_document

TOKENS = 200
FILES = 16
ABSTRACTS_PER_FILE = 25
RUNS = 3


async def run(options: Options) -> list[Result]:
    """Measure the rows of ingest."""
    embedder = minilm(options)
    try:
        return [await embed(embedder, options), await end_to_end(embedder, options), await vectors_given(options)]
    finally:
        await embedder.aclose()


def minilm(options: Options) -> Embedder:
    """Open the bundled model as the engine would."""
    embedder = open_embedder(EmbedderChoice(name="minilm", cache=options.work / "models"))
    if embedder is None:
        raise SystemExit("The model is not installed: run `make setup` or `vector-stores-mcp model install`")
    return embedder


async def embed(embedder: Embedder, options: Options) -> Result:
    texts = texts_of(TOKENS, 96, options)
    rates: list[float] = []
    for _ in range(options.runs):
        began = time.process_time()
        await embedder.embed_documents(texts)
        rates.append(len(texts) / (time.process_time() - began))
    ours = median(rates)
    torch, where = await torch_rate(texts, options)
    return Result(
        "embed", f"torch {torch:.1f}/s ({where})", f"{ours:.1f}/s", f"{ours / torch:.2f} x", ours >= 2.5 * torch
    )


def texts_of(tokens: int, number: int, options: Options) -> list[str]:
    """Return texts of exactly `tokens` of the model's tokens."""
    running = "\n\n".join(abstract.text for abstract in abstracts(options.data)[:200])
    offsets = TokenCounter().offsets(running)
    starts = range(0, len(offsets) - tokens, tokens)
    return [running[offsets[at][0] : offsets[at + tokens - 1][1]] for at in starts][:number]


async def end_to_end(embedder: Embedder, options: Options) -> Result:
    folder = documents(options.work / "documents", options.data)
    texts = passages_of(folder)
    alone: list[float] = []
    ours: list[float] = []
    for turn in range(RUNS):
        began = time.perf_counter()
        await embedder.embed_documents(texts)
        alone.append(time.perf_counter() - began)
        ours.append(await attached(folder, options.work / f"ingest-{turn}"))
    reference, rate = len(texts) / median(alone), len(texts) / median(ours)
    return Result(
        "ingest",
        f"embedding alone {reference:.1f} passages/s",
        f"{rate:.1f} passages/s",
        f"{rate / reference:.2f}",
        rate >= 0.85 * reference,
        f"{len(texts)} passages in {FILES} files",
    )


def documents(folder: Path, data: Path, files: int = FILES) -> Path:
    """Write files of some twenty pages each, made of abstracts, and return their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    source = abstracts(data)
    for number in range(files):
        part = source[number * ABSTRACTS_PER_FILE : (number + 1) * ABSTRACTS_PER_FILE]
        text = "\n\n".join(f"{abstract.title}\n\n{abstract.text}" for abstract in part)
        (folder / f"document-{number:03}.txt").write_text(text, "utf-8")
    return folder


def passages_of(folder: Path) -> list[str]:
    """Return the texts that are embedded for a folder's files."""
    counter = TokenCounter()
    texts: list[str] = []
    for path in sorted(folder.iterdir()):
        document = read_document(path, path.name)
        passages = list(chain.from_iterable(cut_stepwise(document, counter, PassageLimits(150, 230))))
        texts += [embed_text(document, passage, document.title or "") for passage in passages]
    return texts


async def attached(folder: Path, data: Path) -> float:
    """Return the seconds from the call to the completed store; the server is warm."""
    shutil.rmtree(data, ignore_errors=True)
    async with serve(OURS, data, FILE_ROOTS=str(folder)) as server:
        store = await warm_store(server)
        began = time.perf_counter()
        await attach(server, store, [str(folder)], {})
        await finished(server, store)
        return time.perf_counter() - began


async def warm_store(server: Served) -> str:
    """Make a store of one short text, so that libraries and model are loaded."""
    store = (await server.call("create_store", name="ingest"))["id"]
    await server.call("upload_file", text="A first text.", filename="a.txt", vector_store_id=store, wait_seconds=50)
    return store


async def vectors_given(options: Options) -> Result:
    rates: list[float] = []
    for turn in range(options.runs):
        directory = options.work / f"vectors-{turn}"
        shutil.rmtree(directory, ignore_errors=True)
        rates.append(await rows_per_second(directory))
    rate = median(rates)
    return Result("vectors_given", "chromadb 1.15-1.3k/s (from the design)", f"{rate / 1e3:.1f}k/s", "", rate >= 5_000)

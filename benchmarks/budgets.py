"""Every budget of the design as a row, and how a measured row is printed."""

import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """One row: the quantity that is measured, the command that measures it, and the value that it must reach."""

    what: str
    command: str
    must: str


BUDGETS: Mapping[str, Budget] = {
    "start": Budget("spawn to tools/list over stdio", "startup", "<= 1.25 x bare; no network"),
    "memory": Budget("RSS after tools/list", "startup", "<= 1.4 x bare"),
    "first_call": Budget("first `list` / `create_store` after start", "startup", "<= 50 ms; lancedb not imported"),
    "first_search": Budget("first `search` after start", "startup", "<= 1.3 x the sum of its imports and the model"),
    "warmed_search": Budget(
        "first `search`, 3 s after a call that named its store", "startup", "<= .2 x a first search without that"
    ),
    "footprint": Budget(
        "site-packages of a fresh install, without weights and .pyc", "footprint", "<= 615 MB, never torch"
    ),
    "embed": Budget("embed, passages of 200 tokens per CPU-second", "ingest", ">= 2.5 x torch"),
    "ingest": Budget("ingest end to end", "ingest", ">= 0.85 of embedding alone"),
    "small_files": Budget("notes of two sentences, no embedder: CPU a file", "small-files", "<= 5 ms"),
    "small_files_embedded": Budget(
        "notes of two sentences, bundled model: CPU a file", "small-files", "<= 5 ms more than embedding alone"
    ),
    "small_files_versions": Budget("commits of four folders of 500 notes", "small-files", ">= 20 notes a commit"),
    "small_files_memory": Budget("RSS over four folders of 500 notes", "small-files", "<= +30 MB"),
    "resident": Budget(
        "10,000 passages read into memory: growth of the process, CPU", "resident", "<= 40 MB; <= 1.6 s"
    ),
    "mirror_change": Budget("a new file in a followed folder of 10,000: until a search finds it", "mirror", "<= 5 s"),
    "mirror_rest": Budget("a followed folder of 10,000 files at rest: CPU", "mirror", "<= 5 ms a second more"),
    "mirror_walk": Budget("re-walk of 10,000 unchanged files: CPU", "mirror", "<= 3 x os.walk and stat"),
    "reattach": Budget(
        "2,000 unchanged files attached again: CPU of the server", "reattach", "<= 3 x os.walk and stat"
    ),
    "vectors_given": Budget("ingest, vectors given, 10k x 384", "ingest", ">= 5k/s"),
    "search": Budget(
        "search over MCP with embedding, 10k passages, p50 / p95",
        "search",
        "<= 10 / 20 ms; <= 1.5 x (embed + raw LanceDB)",
    ),
    "filtered": Budget("filtered search, 10k, 28 % match, p50", "search", "<= 8 ms"),
    "doubling": Budget("CPU of parser and splitter for twice the input, the worst kind", "doubling", "<= 2.5 x"),
    "soak_descriptors": Budget("open descriptors over 2,000 rounds of mixed work", "soak", "<= start + 64"),
    "soak_memory": Budget("RSS, last quarter of these rounds against the second", "soak", "<= 1.05 x"),
    "soak_threads": Budget("threads, last quarter against the second", "soak", "<= 1.05 x"),
    "soak_disk": Budget("size of the data directory, last quarter against the second", "soak", "<= 1.2 x"),
    "growth": Budget("growth from 10k to 1M passages", "growth", "p50 <= 3 x, recall@10 >= .98"),
    "growth_stores": Budget("stores from 100 to 1,000: CPU of create, list, open", "growth-steps", "<= 2 x"),
    "growth_files": Budget(
        "files of a store from 1,000 to 10,000: CPU of attach, list, search; disk",
        "growth-steps",
        "<= 2 x, search <= 3.2 x; disk linear",
    ),
    "growth_versions": Budget(
        "versions of a table from 100 to 1,000: CPU of a search; disk", "growth-steps", "<= 2 x; disk linear"
    ),
    "growth_deleted": Budget("deleted rows of 10,000 from 100 to 1,000: CPU of a search", "growth-steps", "<= 2 x"),
    "growth_sessions": Budget(
        "MCP sessions from 100 to 1,000: CPU of a call; memory", "growth-steps", "<= 2 x; memory linear"
    ),
    "churn_memory": Budget("RSS after 1,600 commits of two rows", "churn", "<= 1.1 x that after 400"),
    "churn_disk": Budget(
        "index folder after thirty short commands and one more ten minutes later", "churn", "<= 3 x its purged size"
    ),
    "page": Budget("page of 100 out of 100k files", "search", "p50 <= 10 ms"),
    "search_during_ingest": Budget("search p95 while a batch is ingested", "search", "<= 3 x idle p95"),
    "scifact": Budget("SciFact nDCG@10, one file per abstract, through the tools", "quality", ">= .730"),
    "topic": Budget("on-topic against off-topic, AUC of the top score", "quality", ">= .97"),
    "chunks": Budget("chunkeval, five 800/400 chunks: recall; cl100k tokens returned", "quality", ">= 95; <= 3,900"),
    "concise": Budget("chunkeval, `concise`, max_tokens=1500 for the whole answer: recall", "quality", ">= 86"),
    "hit_text": Budget(
        "chunkeval, only the hits' text counted, 1,500 cl100k tokens, max_num_results=20: recall",
        "quality",
        ">= 91",
    ),
    "languages": Budget(
        "words alone, recall@1 / @5 of the right paragraph", "languages", "ru .85 / .95, de .86 / .96, ja .84 / .95"
    ),
    "models": Budget(
        "recall@1 / @5 of the right paragraph with each model; no loss of @5 against words alone",
        "models",
        "minilm: ru .93, ja .95, de .96 of @5; e5-multi: de .95 / .985, ru .90 / .98, ja .86 / .98, ru-en .77 / .94,"
        " en-de .82 / .97",
    ),
    "embedders": Budget(
        "passages of 150 tokens a CPU second / CPU ms a question / MiB of the process, of each model",
        "embedders",
        "e5-multi: >= 20 / <= 6 / <= 450",
    ),
    "names": Budget("a name that one passage holds is the first hit, of 100 questions a kind", "names", ">= .98"),
    "load_session": Budget(
        "32 clients search 10k passages over /mcp, 2025-11-25: p50 / p95 / p99", "load", "no errors"
    ),
    "load_stateless": Budget(
        "32 clients search 10k passages over /mcp, 2026-07-28: p50 / p95 / p99", "load", "no errors"
    ),
    "load_v1": Budget("32 clients search 10k passages over /v1: p50 / p95 / p99", "load", "no errors"),
    "load_during_ingest": Budget(
        "search over /mcp while a batch is ingested: p50 / p95 / p99", "load", "p95 <= 3 x idle"
    ),
    "load_idle": Budget("200 idle SSE connections held for a minute", "load", "flat memory: <= 1.02 x"),
    "fronts": Budget(
        "32 clients search over /mcp through 1, 2, 3 front servers: p50 / p95 / p99, CPU an answer of engine + fronts",
        "fronts",
        "engine <= 1.25 x directly; no errors",
    ),
    "shared_copy": Budget(
        "search of 10k passages in object storage (loopback): p50 / p95", "shared", "of a copy <= 2 x the disk"
    ),
    "upload_whole": Budget("upload of 512 MB over /v1 in one request", "uploads", "flat memory: <= 1.2 x 16 MB"),
    "upload_parts": Budget("upload of 512 MB over /v1 in parts of 64 MB", "uploads", "flat memory: <= 1.2 x 16 MB"),
    "download": Budget("download of 512 MB over /v1", "uploads", "flat memory: <= 1.2 x 16 MB"),
    "page_paint": Budget(
        "first paint of the page with 1,000 stores, in Chromium, from loopback: p50", "page", "<= 100 ms"
    ),
    "page_files": Budget("the page of a store with 100,000 files: p50", "page", "<= 100 ms"),
    "page_memory": Budget("RSS after a browser has been there and gone idle", "page", "<= 1.05 x before"),
    "remote": Budget("each tool forwarded to our own /v1, against httpx without a tool: p50", "remote", "<= 1.5 x"),
    "remote_upload": Budget("512 MB uploaded through a process that forwards: its memory", "remote", "flat: <= +32 MB"),
}


@dataclass(frozen=True, slots=True)
class Result:
    """A measured row. `reference` and `ours` carry their units; `ratio` is '' where the budget is absolute."""

    row: str
    reference: str
    ours: str
    ratio: str
    reached: bool
    note: str = ""


HEADER = "| what | must reach | reference, same run | ours | ratio | reached |\n|---|---|---|---|---|---|"


def table_row(result: Result) -> str:
    """Return the row as Markdown."""
    budget = BUDGETS[result.row]
    verdict = "yes" if result.reached else "**no**"
    cells = (budget.what, budget.must, result.reference, result.ours, result.ratio, verdict)
    return "| " + " | ".join(cells) + " |"


def print_results(results: Iterable[Result]) -> None:
    """Print rows as a Markdown table, notes below it."""
    rows = list(results)
    if not rows:
        return
    print(HEADER)
    for result in rows:
        print(table_row(result))
    for result in rows:
        if result.note:
            print(f"\n{BUDGETS[result.row].what}: {result.note}")
    print(flush=True)


def machine() -> str:
    """Describe the machine and how busy it is."""
    import psutil

    load = ", ".join(f"{value:.1f}" for value in psutil.getloadavg())
    memory = psutil.virtual_memory().total / 1e9
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GB,"
        f" Python {platform.python_version()}; load average {load}"
    )

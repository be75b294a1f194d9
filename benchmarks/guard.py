"""`make quality`: a small fixed collection asked through the tools, compared with the run that the tree holds.

Each question counts with 1 / the rank of its file, or 0 beyond ten; one off the topic with 1 where a threshold of .3
refuses it. The run fails where the mean has fallen beyond noise: the whole interval of the paired bootstrap lies below
0. A new run is kept by `python -m benchmarks.guard --keep`, in a commit that says why it changed.
"""

import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio

from benchmarks.metrics import bootstrap
from benchmarks.processes import OURS, Served, serve
from benchmarks.stores import attach, finished

GUARDED = Path(__file__).parent / "guarded"
RUN = GUARDED / "run.json"
THRESHOLD = 0.3
DEPTH = 10


@dataclass(frozen=True, slots=True)
class Verdict:
    """The mean of the differences to the stored run, and the ends of its interval of 95 %."""

    mean: float
    low: float
    high: float
    lost: list[str]

    @property
    def is_loss(self) -> bool:
        """Whether less is found, beyond noise."""
        return self.high < 0


def compared(stored: Mapping[str, float], now: Mapping[str, float]) -> Verdict:
    """Compare two runs over the same questions. Raises ValueError where they are others."""
    if stored.keys() != now.keys():
        raise ValueError("the stored run has other questions: keep a new one")
    mean, low, high = bootstrap([now[question] - stored[question] for question in stored])
    return Verdict(mean, low, high, [question for question in stored if now[question] < stored[question]])


async def measured() -> dict[str, float]:
    """Return what each question is worth, asked of a server of its own with MiniLM."""
    rows = [json.loads(line) for line in (GUARDED / "collection.jsonl").read_text("utf-8").splitlines()]
    with tempfile.TemporaryDirectory(prefix="vector-stores-guard-") as folder:
        files = Path(folder) / "files"
        files.mkdir()
        for row in rows:
            (files / row["file"]).write_text(row["text"], "utf-8")
        async with serve(OURS, Path(folder) / "data", FILE_ROOTS=folder, EMBEDDER="minilm") as server:
            store = (await server.call("create_store", name="guard"))["id"]
            await attach(server, store, [str(files)], {})
            await finished(server, store)
            counts = (await server.call("retrieve", vector_store_id=store))["file_counts"]
            if counts["completed"] != len(rows):
                raise RuntimeError(f"Of {len(rows)} files {counts} are in the store")
            worth = {q: await _rank(server, store, q, row["file"]) for row in rows for q in row["questions"]}
            for question in (GUARDED / "off_topic.txt").read_text("utf-8").splitlines():
                worth[question] = await _refused(server, store, question)
    return worth


async def _rank(server: Served, store: str, question: str, file: str) -> float:
    hits = (await server.call("search", vector_store_id=store, query=question, max_num_results=DEPTH))["data"]
    return next((1 / place for place, hit in enumerate(hits, 1) if hit["filename"] == file), 0.0)


async def _refused(server: Served, store: str, question: str) -> float:
    hits = (await server.call("search", vector_store_id=store, query=question, max_num_results=1))["data"]
    return float(not hits or hits[0]["score"] < THRESHOLD)


def main() -> int:
    """Return 1 where the run is a loss."""
    now = anyio.run(measured)
    print(f"{len(now)} questions, mean {sum(now.values()) / len(now):.3f}")
    if "--keep" in sys.argv[1:]:
        RUN.write_text(json.dumps(now, ensure_ascii=False, indent=1) + "\n", "utf-8")
        return 0
    verdict = compared(json.loads(RUN.read_text("utf-8")), now)
    print(f"against the stored run {verdict.mean:+.3f} [{verdict.low:+.3f}, {verdict.high:+.3f}]")
    for question in verdict.lost:
        print(f"  lower: {question}")
    return int(verdict.is_loss)


if __name__ == "__main__":
    sys.exit(main())

"""Work that grows faster than the input: the CPU of 2n against that of n, for each parser and for the splitter.

A ratio of 2 is linear. `n` is doubled until a run takes SECONDS of CPU, so that what costs nothing once does not hide
what costs much; of each size the least of three runs counts.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.budgets import Result
from benchmarks.doubling_inputs import INPUTS
from benchmarks.options import Options
from vectorstores_server.engines.local.chunking.passages import PassageLimits, TooManyPassages, cut_stepwise
from vectorstores_server.engines.local.embedding.tokenizer import TokenCounter
from vectorstores_server.engines.local.parsing import ParseFailure
from vectorstores_server.engines.local.parsing.dispatch import read_document

SECONDS = 0.4
FIRST = 500
MOST = 2_000_000
RUNS = 3


async def run(options: Options) -> list[Result]:
    """Measure each input; the one row is the worst of them, and the notes name the ratios of all."""
    del options
    counter = TokenCounter()
    ratios: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as place:
        for name, (filename, make) in INPUTS.items():
            path = Path(place, filename)
            ratios[name] = doubled(lambda n, path=path, make=make: _work(path, make(n), counter))
            print(f"{ratios[name]:6.2f}  {name}", flush=True)
    worst = max(ratios, key=ratios.__getitem__)
    note = ", ".join(f"{name} {ratio:.2f}" for name, ratio in sorted(ratios.items(), key=lambda item: -item[1]))
    return [Result("doubling", "n", f"2n: {worst}", f"{ratios[worst]:.2f} x", ratios[worst] <= 2.5, note)]


def doubled(work: Callable[[int], Callable[[], None]]) -> float:
    """Return the CPU of 2n by that of n, at the first n that takes SECONDS."""
    n = FIRST
    spent = _cpu(work(n))
    while True:
        more = _cpu(work(2 * n))
        if more > SECONDS or 2 * n > MOST:
            return more / max(spent, 1e-9)
        n, spent = 2 * n, more


def _cpu(work: Callable[[], None]) -> float:
    times: list[float] = []
    for _ in range(RUNS):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
        if times[0] > 4 * SECONDS:
            break
    return min(times)


def _work(path: Path, data: bytes, counter: TokenCounter) -> Callable[[], None]:
    path.write_bytes(data)

    def work() -> None:
        try:
            list(cut_stepwise(read_document(path, path.name), counter, PassageLimits(150, 230)))
        except (ParseFailure, TooManyPassages):
            return

    return work

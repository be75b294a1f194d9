"""The models on questions in several languages: recall with each, and against words alone by a paired bootstrap.

Each collection of `--data` whose name begins with xlang is a store; questions and paragraphs may be in two languages.
"""

import json
import os
from collections.abc import Mapping, Sequence

from benchmarks.budgets import Result
from benchmarks.languages import FIRST, places
from benchmarks.metrics import bootstrap
from benchmarks.options import Options
from benchmarks.processes import OURS, serve

WORDS = "none"
MODELS = (WORDS, "minilm", "e5-multi")
GOALS: Mapping[tuple[str, str], tuple[float, float]] = {
    ("minilm", "xlang-ru"): (0, 0.93),
    ("minilm", "xlang-ja"): (0, 0.95),
    ("minilm", "xlang-de"): (0, 0.96),
    ("e5-multi", "xlang-de"): (0.95, 0.985),
    ("e5-multi", "xlang-ru"): (0.90, 0.98),
    ("e5-multi", "xlang-ja"): (0.86, 0.98),
    ("e5-multi", "xlang-ru-en"): (0.77, 0.94),
    ("e5-multi", "xlang-en-de"): (0.82, 0.97),
}


async def run(options: Options) -> list[Result]:
    """Measure every collection with every model that is installed."""
    found: dict[tuple[str, str], list[int]] = {}
    results: list[Result] = []
    names = sorted(folder.name for folder in options.data.glob("xlang-*"))
    for model in os.environ.get("MODELS", " ".join(MODELS)).split():
        roots = os.pathsep.join((str(options.work), str(options.data)))
        async with serve(OURS, options.work / f"models-{model}", FILE_ROOTS=roots, EMBEDDER=model) as server:
            for name in names:
                found[model, name] = await places(server, options.data / name, options)
                results.append(row(model, name, found[model, name], found.get((WORDS, name))))
                print(results[-1].ours, results[-1].reference, flush=True)
    (options.work / "models.json").write_text(json.dumps({" ".join(key): at for key, at in found.items()}))
    return results


def row(model: str, name: str, at: Sequence[int], words: Sequence[int] | None) -> Result:
    """Return the row of a model on a collection; a loss is one that words alone would not have, beyond noise."""
    first, fifth = (sum(place < least for place in at) / len(at) for least in (1, FIRST))
    reference, loses = "-", False
    if words is not None and model != WORDS:
        mean, low, high = bootstrap([(a < FIRST) - (b < FIRST) for a, b in zip(at, words, strict=True)])
        reference, loses = f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]", high < 0
    least, of_five = GOALS.get((model, name), (0, 0))
    reached = round(first, 3) >= least and round(fifth, 3) >= of_five and not loses
    return Result("models", reference, f"{name} {model} {first:.3f} / {fifth:.3f}", "", reached)

"""`python -m benchmarks NAME...`: run the named benchmarks one after the other and print their rows."""

import argparse
import importlib
import tempfile
from pathlib import Path

import anyio

from benchmarks.budgets import machine, print_results
from benchmarks.options import Options

NAMES = (
    "startup",
    "footprint",
    "ingest",
    "small-files",
    "resident",
    "mirror",
    "reattach",
    "search",
    "growth",
    "growth-steps",
    "churn",
    "quality",
    "languages",
    "models",
    "embedders",
    "names",
    "crash",
    "load",
    "fronts",
    "shared",
    "uploads",
    "remote",
    "doubling",
    "soak",
    "page",
)


def parse() -> tuple[list[str], Options]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="+", choices=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of scifact/ and chunkeval/")
    parser.add_argument("--work", type=Path, help="keep the stores that were built here, and use them again")
    parser.add_argument("--runs", type=int, default=11, help="repetitions of what is short (default 11)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="passages that growth grows to")
    parser.add_argument("--peers", action="store_true", help="also run torch and chromadb, in a venv of their own")
    given = parser.parse_args()
    work = given.work or Path(tempfile.mkdtemp(prefix="vector-stores-benchmarks-"))
    work.mkdir(parents=True, exist_ok=True)
    return given.names, Options(given.data.resolve(), work.resolve(), given.runs, given.rows, given.peers)


def main() -> None:
    names, options = parse()
    for name in names:
        print(f"## {name}\n\n{machine()}\n", flush=True)
        module = importlib.import_module(f"benchmarks.{name.replace('-', '_')}")
        print_results(anyio.run(module.run, options))


if __name__ == "__main__":
    main()

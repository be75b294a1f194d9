"""Options that every benchmark gets."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """`data`: test collections; `work`: where stores are built; `runs`: repetitions; `rows`: the rows of growth."""

    data: Path
    work: Path
    runs: int = 11
    rows: int = 1_000_000
    peers: bool = False

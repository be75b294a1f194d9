"""The operator's view of an engine: its health, and the check, repair, reindexing and purge of its data."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

Repair = Literal["parse again", "set aside", "rebuild", "none"]

SENTENCES: dict[Repair, str] = {
    "parse again": "its text is parsed again from its bytes",
    "set aside": "the bytes are set aside; upload the file again",
    "rebuild": "the store's index is built again from the stored files",
    "none": "restore the data directory from a backup",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault in the data: the part and its name, the problem, the files concerned, and the repair."""

    part: Literal["catalog", "blob", "text", "table"]
    name: str
    problem: str
    repair: Repair
    files: tuple[str, ...] = ()

    def __str__(self) -> str:
        concerned = f" ({', '.join(self.files[:3])}{', ...' if len(self.files) > 3 else ''})" if self.files else ""
        return f"{self.part} {self.name}{concerned}: {self.problem}; {SENTENCES[self.repair]}"


class Maintenance(Protocol):
    """The upkeep of one engine's data. An engine that keeps none has no Maintenance."""

    async def reindex(self, store_id: str | None = None) -> int:
        """Begin to rebuild a store, or all, with today's embedder; return at once how many stores that are."""
        ...

    async def rebuilding(self) -> int:
        """Return how many stores are still to be rebuilt."""
        ...

    async def purge(self, *, trash: bool = False) -> None:
        """Erase deleted data from the disk now. Raises Unavailable while another process works on the data."""
        ...

    def check(self, report: Callable[[int], None]) -> AsyncIterator[Finding]:
        """Check everything that is stored, and yield each fault. `report` gets the number of things checked so far."""
        ...

    async def things_to_check(self) -> int:
        """Return how many things `check` looks at."""
        ...

    async def repair(self, findings: Sequence[Finding]) -> list[Finding]:
        """Repair the faults that `check` found; return the rest. Raises Unavailable while another process works on."""
        ...

    async def searched_in_memory(self) -> tuple[int, int]:
        """Return the number of stores that are small enough to be searched in memory, and about the bytes they take."""
        ...

    async def keys_named_like_facts(self) -> list[str]:
        """Return attributes of files that are named like a fact ($path): filters take them for that."""
        ...


@dataclass(frozen=True, slots=True)
class Check:
    """The state of a part: whether it works, and a few words on it, or on what is wrong and what to do."""

    ok: bool
    state: str


@dataclass(frozen=True, slots=True)
class Health:
    """The parts by name, and numbers by name; a number whose name ends in `_total` only grows."""

    checks: Mapping[str, Check]
    numbers: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def ready(self) -> bool:
        """True where every part works."""
        return all(check.ok for check in self.checks.values())

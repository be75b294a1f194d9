"""The health of an engine, for an operator: which of its parts work, and what it counts."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Check:
    """Whether a part works, and a few words about it: what it is, or what is wrong and what to do."""

    ok: bool
    state: str


@dataclass(frozen=True, slots=True)
class Health:
    """The parts by name, and numbers by name; a number whose name ends in `_total` only grows."""

    checks: Mapping[str, Check]
    numbers: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def ready(self) -> bool:
        """Whether every part works."""
        return all(check.ok for check in self.checks.values())

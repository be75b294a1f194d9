"""How much a file may ask of the parser."""

from dataclasses import dataclass

MAX_CHARACTERS = 20_000_000


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """Seconds and bytes for one parse.

    CPU time is the limit that counts; the clock may run `patience` times longer, because the machine does other work
    too. Both grow with the file.
    """

    cpu_seconds: float = 20
    cpu_seconds_per_megabyte: float = 5
    budget: float = 2
    memory_bytes: int = 2 << 30

    def cpu_allowance(self, size: int) -> float:
        """CPU seconds for a file of `size` bytes."""
        return self.cpu_seconds + self.cpu_seconds_per_megabyte * size / 1e6

    def time_allowance(self, size: int) -> float:
        """Seconds by the clock for a file of `size` bytes."""
        return self.budget * self.cpu_allowance(size)

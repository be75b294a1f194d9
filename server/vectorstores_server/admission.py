"""How many requests run at once: in all, and for each caller."""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager


class Admission:
    """Counts running requests against two caps."""

    def __init__(self, in_all: int, per_caller: int) -> None:
        self._caps = (in_all, per_caller)
        self._running: Counter[str] = Counter()

    @property
    def running(self) -> int:
        """How many run now."""
        return self._running.total()

    @contextmanager
    def enter(self, caller: str) -> Generator[bool]:
        """Yield whether there is room; the place is given back at the end."""
        in_all, per_caller = self._caps
        if self.running >= in_all or self._running[caller] >= per_caller:
            yield False
            return
        self._running[caller] += 1
        try:
            yield True
        finally:
            self._running[caller] -= 1
            if not self._running[caller]:
                del self._running[caller]

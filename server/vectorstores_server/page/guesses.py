"""Guesses at a token, slowed down: by the address that they come from, and in all."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

FREE = 5
"""Wrong tokens of one address before it has to wait."""
FREE_IN_ALL = 100
LONGEST_WAIT = 60.0
SECONDS_KEPT = 900.0
MOST_ADDRESSES = 1_000


@dataclass(slots=True)
class FailedGuesses:
    """A count of wrong tokens, and the time until which the next try has to wait."""

    wrong: int = 0
    last: float = 0.0
    until: float = 0.0

    def note(self, now: float, free: int) -> None:
        """Count a wrong one: beyond the free ones each doubles the wait."""
        if now - self.last > SECONDS_KEPT:
            self.wrong = 0
        self.wrong, self.last = self.wrong + 1, now
        if self.wrong > free:
            self.until = now + min(LONGEST_WAIT, 2.0 ** min(self.wrong - free - 1, 10))


class GuessLimit:
    """Counts wrong tokens. Keeps at most MOST_ADDRESSES; one that is forgotten still counts in the total."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._of: OrderedDict[str, FailedGuesses] = OrderedDict()
        self._all = FailedGuesses()

    def wait(self, address: str) -> float:
        """Return how many seconds the next try from there has to wait; 0: none."""
        until = max(self._all.until, self._of[address].until if address in self._of else 0.0)
        return max(0.0, until - self._clock())

    def wrong(self, address: str) -> None:
        """Count a wrong token."""
        now = self._clock()
        self._all.note(now, FREE_IN_ALL)
        self._of.setdefault(address, FailedGuesses()).note(now, FREE)
        self._of.move_to_end(address)
        while len(self._of) > MOST_ADDRESSES:
            self._of.popitem(last=False)

    def right(self, address: str) -> None:
        """Forget what an address did before it had the right token."""
        self._of.pop(address, None)

"""The number of examples of a property test: a quarter of the usual in `make test`, all in `make test-slow`."""

from hypothesis import settings

USUAL = 100
"""The number that Hypothesis makes of itself."""
FEWEST = 10


def examples(usual: int) -> int:
    """Return how many examples a test that usually has `usual` makes with the profile that is loaded."""
    return max(min(usual, FEWEST), usual * settings().max_examples // USUAL)

"""Sentences that go with an answer."""

from collections.abc import Sequence

NO_MODEL = "There is no embedding model yet, so search is by words only: run `vector-stores-mcp model install`."

NO_VECTORS = "This server makes no vectors (its EMBEDDER is none), so search is by words only."


def namesakes(store_ids: Sequence[str]) -> str:
    """Say which other stores have the name of a new one."""
    return f"This name is not new: {', '.join(store_ids[:3])} {'has' if len(store_ids) == 1 else 'have'} it too."

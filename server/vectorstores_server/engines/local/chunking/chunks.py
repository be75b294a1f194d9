"""Chunks of the contract: runs of passages, overlapping their neighbours. They exist as ranges only."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from vectorstores_server.engines.local.chunking.passages import Passage


@dataclass(frozen=True, slots=True)
class Chunk:
    """The passages `first` to `last`, both included."""

    first: int
    last: int


def layout(passages: Sequence[Passage], max_tokens: int, overlap_tokens: int) -> list[Chunk]:
    """Lay chunks of at most `max_tokens` over the passages; neighbours share at most `overlap_tokens`.

    The overlap is of whole passages, and less where the next passage would not fit otherwise. A single passage
    above `max_tokens` is a chunk of its own.
    """
    before = list(accumulate((p.tokens for p in passages), initial=0))
    chunks: list[Chunk] = []
    first = 0
    while first < len(passages):
        last = first
        while last + 1 < len(passages) and before[last + 2] - before[first] <= max_tokens:
            last += 1
        chunks.append(Chunk(first, last))
        if last + 1 == len(passages):
            break
        first = _next_first(before, last, max_tokens, overlap_tokens)
    return chunks


def home(passages: Sequence[Passage], chunks: Sequence[Chunk]) -> list[int]:
    """Return the index, for each passage, of the chunk in which it sits most centrally."""
    before = list(accumulate((p.tokens for p in passages), initial=0))
    homes = [0] * len(passages)
    distances = [float("inf")] * len(passages)
    for index, chunk in enumerate(chunks):
        middle = before[chunk.first] + before[chunk.last + 1]
        for i in range(chunk.first, chunk.last + 1):
            distance = abs(before[i] + before[i + 1] - middle)
            if distance < distances[i]:
                homes[i], distances[i] = index, distance
    return homes


def _next_first(before: Sequence[int], last: int, max_tokens: int, overlap_tokens: int) -> int:
    """Return the earliest passage from which the overlap is small enough and the passage after `last` fits."""
    first = last + 1
    while (
        first > 0
        and before[last + 1] - before[first - 1] <= overlap_tokens
        and before[last + 2] - before[first - 1] <= max_tokens
    ):
        first -= 1
    return first

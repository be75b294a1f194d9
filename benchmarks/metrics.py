"""The figures: order statistics, ranking quality, coverage of character spans."""

import math
import random
from collections.abc import Iterable, Mapping, Sequence

Span = tuple[int, int]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` (0..1) of the values lie, linearly interpolated."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def median(values: Sequence[float]) -> float:
    """Return the 50th percentile."""
    return percentile(values, 0.5)


def ndcg_at_10(ranked: Sequence[str], gains: Mapping[str, int]) -> float:
    """Return nDCG@10 with the gains as judged (linear), as trec_eval does."""
    got = sum(gains.get(item, 0) / math.log2(place + 2) for place, item in enumerate(ranked[:10]))
    best = sorted(gains.values(), reverse=True)[:10]
    return got / sum(gain / math.log2(place + 2) for place, gain in enumerate(best))


def auc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Return the chance that a positive scores above a negative, ties counted half."""
    ordered = sorted([(score, 1) for score in positive] + [(score, 0) for score in negative])
    ranks = 0.0
    at = 0
    while at < len(ordered):
        end = at
        while end < len(ordered) and ordered[end][0] == ordered[at][0]:
            end += 1
        ranks += (at + 1 + end) / 2 * sum(label for _, label in ordered[at:end])
        at = end
    n = len(positive)
    return (ranks - n * (n + 1) / 2) / (n * len(negative))


def bootstrap(differences: Sequence[float], rounds: int = 2_000) -> tuple[float, float, float]:
    """Return the mean of paired differences and the ends of its interval of 95 %; the same in every run."""
    dice = random.Random(5)
    count = len(differences)
    means = sorted(sum(dice.choices(differences, k=count)) / count for _ in range(rounds))
    return sum(differences) / count, means[round(0.025 * rounds)], means[round(0.975 * rounds) - 1]


def union(spans: Iterable[Span]) -> list[Span]:
    """Merge spans that touch or overlap, in order."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def span_recall(answers: Iterable[Span], found: Iterable[Span]) -> float:
    """Return the share of the answers' characters that `found` covers."""
    wanted = union(answers)
    shown = union(found)
    covered = sum(max(0, min(a[1], b[1]) - max(a[0], b[0])) for a in wanted for b in shown)
    return covered / sum(end - start for start, end in wanted)

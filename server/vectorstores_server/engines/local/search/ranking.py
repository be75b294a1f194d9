"""Ranking: candidates of one or several queries brought to one order, and runs of passages merged into chunks."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from vectorstores_server.engines.local.index.records import Candidate, Candidates, Weights
from vectorstores_server.engines.local.index.scoring import meaning, score

Ranker = Literal["fused", "none"]


class ScoredPassage(NamedTuple):
    """A passage and its score."""

    score: float
    passage: Candidate


class RankedChunk(NamedTuple):
    """A chunk that answers: the score and the best of its passages, and all that matched, best first.

    `copies` are chunks of the same text, where these are folded into one.
    """

    score: float
    passage: Candidate
    matched: list[ScoredPassage]
    copies: "Sequence[RankedChunk]" = ()


def rank(found: Candidates, ranker: Ranker = "fused", weights: Weights | None = None) -> list[ScoredPassage]:
    """Order passages, best first. `none` is cosine order, and where there are no vectors the bare BM25 score.

    `weights` None: those by which they were found.
    """
    weights = weights or found.weights
    if ranker == "none":
        ranked = [ScoredPassage(_unfused(row, weights), row) for row in found.rows]
    else:
        n, rows = found.n_tokens, found.n_rows
        cosines = _cosines(found.rows)
        scores = [score(c, row.text_score, n, rows, weights) for c, row in zip(cosines, found.rows, strict=True)]
        ranked = list(map(ScoredPassage, scores, found.rows))
    return in_order(ranked)


def _cosines(rows: Sequence[Candidate]) -> list[float | None]:
    """Return the cosines that count: those of passages with the name that is asked for are as good as any other.

    A name means nothing to a model, so that the meaning of passages without it would outvote it.
    """
    if not any(row.named for row in rows):
        return [row.cosine for row in rows]
    best = max((row.cosine for row in rows if row.cosine is not None), default=0.0)
    return [best if row.named and row.cosine is not None else row.cosine for row in rows]


def _unfused(row: Candidate, weights: Weights) -> float:
    return row.text_score if row.cosine is None else meaning(row.cosine, weights.scale)


def in_order(ranked: Iterable[ScoredPassage]) -> list[ScoredPassage]:
    """Sort by falling score; equal ones the last processed first, then by place, so that an answer repeats."""
    return sorted(ranked, key=lambda r: (-r.score, -r.passage.rev, r.passage.ordinal))


def newest_first(ranked: Iterable[ScoredPassage], added: Mapping[int, int]) -> list[ScoredPassage]:
    """Sort passages in order so that of equal scores those of the newest file come first.

    `added` has the time at which the file of a revision came into the store: one that is processed again is no newer.
    """
    return sorted(ranked, key=lambda r: (-r.score, -added[r.passage.rev]))


def best_of(rankings: Sequence[Sequence[ScoredPassage]]) -> list[ScoredPassage]:
    """Join the answers to several queries: each passage with the best score that any of them gave it."""
    if len(rankings) == 1:
        return list(rankings[0])
    best: dict[tuple[int, int], ScoredPassage] = {}
    for ranked in rankings:
        for entry in ranked:
            place = (entry.passage.rev, entry.passage.ordinal)
            if place not in best or entry.score > best[place].score:
                best[place] = entry
    return in_order(best.values())


def merged(ranked: Iterable[ScoredPassage]) -> list[RankedChunk]:
    """Give each chunk one hit, best first: a passage that lies inside a chunk already chosen adds no further hit."""
    chosen: dict[int, list[RankedChunk]] = {}
    hits: list[RankedChunk] = []
    for entry in ranked:
        passage = entry.passage
        of_rev = chosen.setdefault(passage.rev, [])
        for hit in of_rev:
            if hit.passage.chunk_start <= passage.start and passage.end <= hit.passage.chunk_end:
                hit.matched.append(entry)
                break
        else:
            hit = RankedChunk(entry.score, passage, [entry])
            of_rev.append(hit)
            hits.append(hit)
    return hits

"""A ranking shown inside a budget, as an object and as text (pure).

Both renderings are fitted by themselves: all that is known of each hit while there is room; then short citations; then
every hit's text evenly shorter; then the last hits named only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from vectorstores_tools import uris
from vectorstores_tools.fencing import Fence, clean, cleaned, line
from vectorstores_tools.models import SearchHit
from vectorstores_tools.reply import Reply, compact, largest, room
from vectorstores_tools.windows import Excerpts

LEAST = 160
"""Characters of a match below which it says nothing: then the last hit is named only, and the others keep more."""

MAX_HEADING = 120

Rendered = TypeVar("Rendered")


@dataclass(frozen=True, slots=True)
class Ranked:
    """A hit, the store it was found in, and what of its text can be shown."""

    hit: SearchHit
    store_id: str
    excerpts: Excerpts

    @property
    def uri(self) -> str:
        """Where the whole chunk can be read."""
        return uris.file(self.store_id, self.hit.file_id, *(self.hit.chars or ()))


@dataclass(frozen=True, slots=True)
class Ranking:
    """All hits of one search, best first; `facts` and `sentences` say the same of the search as a whole."""

    hits: Sequence[Ranked]
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    sentences: Sequence[str] = ()
    detailed: bool = False
    rest: str = "read with uri=..."
    """How the rest of a hit's text is read."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is shown: of `named` hits the first `full` with text, each match at `size`; `brief` citations."""

    named: int
    full: int
    size: int
    brief: bool


def render(ranking: Ranking, max_tokens: int, fence: Fence) -> Reply:
    """Return the ranking with each rendering inside `max_tokens`."""
    budget = room(max_tokens)
    return Reply(
        _fitted(ranking, budget, lambda plan: _object(ranking, plan, fence), lambda answer: len(compact(answer))),
        _fitted(ranking, budget, lambda plan: _text(ranking, plan, fence), len),
    )


def _fitted(
    ranking: Ranking, budget: int, compose: Callable[[Plan], Rendered], measure: Callable[[Rendered], int]
) -> Rendered:
    hits = ranking.hits
    count, whole = len(hits), _whole(hits)
    top = whole + max((ranked.excerpts.limit for ranked in hits), default=0)
    for brief in (False, True):
        answer = compose(Plan(count, count, top, brief))
        if measure(answer) <= budget:
            return answer

    def fits(named: int, full: int, size: int) -> bool:
        return measure(compose(Plan(named, full, size, brief=True))) <= budget

    least = min(LEAST, whole)
    full = largest(1, count, lambda full: fits(count, full, least))
    if full:
        size = largest(least, top, lambda size: fits(count, full, size))
        return compose(Plan(count, full, size, brief=True))
    return compose(Plan(largest(1, count, lambda named: fits(named, 0, 0)), 0, 0, brief=True))


def _whole(hits: Sequence[Ranked]) -> int:
    return max((ranked.excerpts.longest for ranked in hits), default=0)


def _object(ranking: Ranking, plan: Plan, fence: Fence) -> dict[str, Any]:
    whole = _whole(ranking.hits)
    answer = {"object": "vector_store.search_results.page"} | ranking.facts
    if said := _left_out(ranking, plan):
        answer["shown"] = said
    if plan.full:
        answer["notice"] = fence.notice
    answer["data"] = [
        _full(ranked, plan, ranking.detailed) | {"text": fence.around(_shown(ranked, plan, whole))}
        for ranked in ranking.hits[: plan.full]
    ] + [_named(ranked) for ranked in ranking.hits[plan.full : plan.named]]
    return answer


def _full(ranked: Ranked, plan: Plan, detailed: bool) -> dict[str, Any]:
    hit = ranked.hit
    known: dict[str, Any] = _named(ranked) | {"page": hit.page}
    if not plan.brief:
        known |= {
            "vector_store_id": ranked.store_id,
            "attributes": cleaned(hit.attributes or None),
            "heading_path": [line(heading, MAX_HEADING) for heading in hit.heading_path or ()] or None,
            "lines": hit.lines,
            "chars": hit.chars,
        }
    if detailed:
        known |= {"vector_score": _score(hit.vector_score), "text_score": _score(hit.text_score)}
    return {key: value for key, value in known.items() if value is not None}


def _named(ranked: Ranked) -> dict[str, Any]:
    hit = ranked.hit
    return {
        "score": _score(hit.score),
        "file_id": hit.file_id,
        "filename": line(hit.filename),
        "uri": ranked.uri,
    }


def _score(score: float | None) -> float | None:
    return None if score is None else round(score, 4)


def _text(ranking: Ranking, plan: Plan, fence: Fence) -> str:
    whole = _whole(ranking.hits)
    said = _left_out(ranking, plan)
    count = len(ranking.hits)
    blocks = [
        " ".join([f"{count} hit{'s' * (count != 1)}." if count and not said else said, *ranking.sentences]).strip()
    ]
    if plan.named:
        blocks[0] = f"{blocks[0]} {fence.notice}"
    for rank, ranked in enumerate(ranking.hits[: plan.full], 1):
        inside = f"{_citation(ranked, plan, ranking.detailed)}\n{_shown(ranked, plan, whole)}"
        blocks.append(f"[{rank}] {ranked.hit.score:.3f} {ranked.uri}\n{fence.around(inside)}")
    rest = enumerate(ranking.hits[plan.full : plan.named], plan.full + 1)
    if names := [f"[{rank}] {r.hit.score:.3f} {r.uri} {line(r.hit.filename)}" for rank, r in rest]:
        blocks.append(fence.around("\n".join(names)))
    return "\n".join(blocks)


def _citation(ranked: Ranked, plan: Plan, detailed: bool) -> str:
    hit = ranked.hit
    parts = [line(hit.filename)]
    if hit.page is not None:
        parts.append(f"p. {hit.page}")
    if not plan.brief:
        if hit.heading_path:
            parts.append(" > ".join(line(heading, MAX_HEADING) for heading in hit.heading_path))
        if hit.lines:
            parts.append(f"lines {hit.lines[0]}-{hit.lines[1]}")
        if hit.attributes:
            parts.append(compact(cleaned(hit.attributes)))
    if detailed and hit.vector_score is not None and hit.text_score is not None:
        parts.append(f"vector {hit.vector_score:.3f}, text {hit.text_score:.3f}")
    return " · ".join(parts)


def _shown(ranked: Ranked, plan: Plan, whole: int) -> str:
    return clean(ranked.excerpts.at(plan.size, whole))


def _left_out(ranking: Ranking, plan: Plan) -> str:
    count = len(ranking.hits)
    if plan.full == count:
        return ""
    more = f" {count - plan.named} are not even named: raise max_tokens." if plan.named < count else ""
    return f"{plan.full} of {count} hits in full; {ranking.rest} shows the rest.{more}"

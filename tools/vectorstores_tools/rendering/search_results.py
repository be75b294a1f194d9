"""A ranking shown inside a budget, as an object and as text (pure).

Both renderings are fitted by themselves: all that is known of each hit while there is room; then without the headings;
then without the attributes beyond 200 characters; then less around each passage; then only the best passages, each
whole and the last one shortened, and the other hits named, as many as fit. A hit that shows text always says its file,
page and lines; the file by its path, where that says more than the name.
Whole passages in the order of their scores show 86 of 100 characters of an answer in 1,500 tokens, where all of them
cut to the same size show 50 (docs/benchmarks.md).
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from vectorstores_tools.contract import uris
from vectorstores_tools.contract.characters import clean, line, sentence
from vectorstores_tools.contract.models import SearchHit
from vectorstores_tools.rendering import copies
from vectorstores_tools.rendering.excerpts import Excerpts
from vectorstores_tools.rendering.explanations import explained, explanation
from vectorstores_tools.rendering.reply import CHARACTERS_PER_TOKEN, Reply, compact, largest, room
from vectorstores_tools.rendering.untrusted_text import Fence, cleaned

LEAST = 160
"""Characters: a passage of which fewer fit is not shown, because so few say nothing."""

MAX_HEADING = 120
MAX_PATH = 512
WHOLE, WITHOUT_HEADINGS, WITHOUT_ALL_ATTRIBUTES = range(3)
"""The forms of a citation, from the whole one to the shortest."""
LONGEST_ATTRIBUTES = 200
"""Characters of attributes that a tight citation keeps."""
MOST_TOKENS = 20_000

Rendered = TypeVar("Rendered")


@dataclass(frozen=True, slots=True)
class RankedHit:
    """A hit, the store it was found in, what of its text can be shown, and how well each of its passages matched."""

    hit: SearchHit
    store_id: str
    excerpts: Excerpts
    scores: Sequence[float]

    @property
    def uri(self) -> str:
        """The address at which the whole chunk can be read."""
        return uris.file(self.store_id, self.hit.file_id, *(self.hit.chars or ()), text_id=self.hit.text_id)


@dataclass(frozen=True, slots=True)
class RankedHits:
    """All hits of one search, best first; `facts` and `sentences` say the same of the search as a whole."""

    hits: Sequence[RankedHit]
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    sentences: Sequence[str] = ()
    detailed: bool = False
    rest: str = "read with uri=..."
    """The call that reads the rest of a hit's text, in words."""


@dataclass(frozen=True, slots=True)
class DisplayPlan:
    """The extent of an answer: `named` hits, with `extra` characters around each passage, or the best passages only.

    The best passages are the first `counts` of each hit, and a `part` (hit, size). `tight`: the form of citations.
    `needs`: the max_tokens that would name every hit.
    """

    named: int
    tight: int = WITHOUT_ALL_ATTRIBUTES
    extra: int = 0
    counts: Sequence[int] | None = None
    part: tuple[int, int] | None = None
    needs: int = MOST_TOKENS

    def text(self, number: int, excerpts: Excerpts) -> str | None:
        """Return the part of a hit's text that is shown; None when it is named only."""
        if self.counts is None:
            return clean(excerpts.grown(self.extra))
        size = self.part[1] if self.part and self.part[0] == number else 0
        return clean(excerpts.best(self.counts[number], size)) if self.counts[number] or size else None


def render(ranking: RankedHits, max_tokens: int, fence: Fence) -> Reply:
    """Return the ranking with each rendering inside `max_tokens`."""
    budget = room(max_tokens)
    return Reply(
        _fitted(ranking, budget, lambda plan: _object(ranking, plan, fence), lambda answer: len(compact(answer))),
        _fitted(ranking, budget, lambda plan: _text(ranking, plan, fence), len),
    )


def _fitted(
    ranking: RankedHits, budget: int, compose: Callable[[DisplayPlan], Rendered], measure: Callable[[Rendered], int]
) -> Rendered:
    hits = ranking.hits
    everything = max((ranked.excerpts.limit for ranked in hits), default=0)

    def fits(plan: DisplayPlan) -> bool:
        return measure(compose(plan)) <= budget

    for tight in (WHOLE, WITHOUT_HEADINGS, WITHOUT_ALL_ATTRIBUTES):
        answer = compose(DisplayPlan(len(hits), tight, extra=everything))
        if measure(answer) <= budget:
            return answer
    extra = largest(0, everything, lambda extra: fits(DisplayPlan(len(hits), extra=extra)))
    plan = DisplayPlan(len(hits), extra=extra) if extra >= 0 else _best_passages(hits, fits)
    if plan.named < len(hits):
        size = measure(compose(replace(plan, named=len(hits), counts=_padded(plan.counts, len(hits)))))
        needed = math.ceil(size / CHARACTERS_PER_TOKEN / 100) * 100
        plan = replace(plan, needs=min(MOST_TOKENS, needed))
    return compose(plan)


def _padded(counts: Sequence[int] | None, length: int) -> Sequence[int] | None:
    return None if counts is None else [*counts, *[0] * (length - len(counts))]


def _best_passages(hits: Sequence[RankedHit], fits: Callable[[DisplayPlan], bool]) -> DisplayPlan:
    """Show the best passages of all hits whole, as many as fit, and a part of the next; name the other hits.

    Where all names leave no room for a passage the best one comes first, and the names of the best as far as they fit.
    """
    order = _order(hits)

    def first(count: int, part: int = 0, named: int = len(hits)) -> DisplayPlan:
        shown = Counter(order[:count])
        counts = [shown[number] for number in range(named)]
        return DisplayPlan(named, counts=counts, part=(order[count], part) if part else None)

    def with_part(count: int, named: int = len(hits)) -> DisplayPlan:
        size = hits[order[count]].excerpts.size(order[:count].count(order[count]))
        part = largest(LEAST, size, lambda part: fits(first(count, part, named)))
        return first(count, part if part >= LEAST else 0, named)

    count = largest(0, len(order) - 1, lambda count: fits(first(count)))
    if count > 0:
        return with_part(count)
    least = order[0] + 1
    best = with_part(0)
    if best.part is None or count < 0:
        best = with_part(0, least)
    if best.part is None:
        named = largest(1, len(hits), lambda named: fits(DisplayPlan(named, counts=[0] * named)))
        return DisplayPlan(named, counts=[0] * named)
    size = best.part[1]
    named = largest(least, len(hits), lambda named: fits(first(0, size, named)))
    return first(0, size, max(named, least))


def _order(hits: Sequence[RankedHit]) -> list[int]:
    """Return the hit of each passage, the best passage first; a hit's own come in their order."""
    passages = [(-score, number) for number, ranked in enumerate(hits) for score in ranked.scores]
    return [number for _, number in sorted(passages)]


def _object(ranking: RankedHits, plan: DisplayPlan, fence: Fence) -> dict[str, Any]:
    answer = {"object": "vector_store.search_results.page"} | ranking.facts
    texts = _texts(ranking, plan)
    if left_out := _left_out(ranking, texts, plan.needs):
        answer["shown"] = left_out
    if any(texts):
        answer["notice"] = fence.notice
    answer["data"] = [
        _named(ranked) if text is None else _full(ranked, plan, ranking.detailed) | {"text": fence.around(text)}
        for ranked, text in zip(ranking.hits, texts, strict=False)
    ]
    return answer


def _texts(ranking: RankedHits, plan: DisplayPlan) -> list[str | None]:
    return [plan.text(number, ranked.excerpts) for number, ranked in enumerate(ranking.hits[: plan.named])]


def _full(ranked: RankedHit, plan: DisplayPlan, detailed: bool) -> dict[str, Any]:
    hit = ranked.hit
    attributes, cut = _attributes(hit, plan)
    known: dict[str, Any] = _named(ranked) | {"page": hit.page, "lines": hit.lines}
    known |= {"attributes": attributes or None, "attributes_cut": cut or None}
    known["also_in"] = copies.shown(hit, ranked.store_id, whole=plan.tight == WHOLE)
    if plan.tight == WHOLE:
        known |= {
            "vector_store_id": ranked.store_id,
            "heading_path": [line(heading, MAX_HEADING) for heading in hit.heading_path or ()] or None,
            "chars": hit.chars,
            "source": line(hit.source, MAX_PATH) if hit.source else None,
        }
    if detailed:
        known |= explained(hit)
    return {key: value for key, value in known.items() if value is not None}


def _named(ranked: RankedHit) -> dict[str, Any]:
    hit = ranked.hit
    place = {"path": line(hit.path or "", MAX_PATH)} if says_more(hit) else {}
    return {
        "file_id": line(hit.file_id), "score": _score(hit.score), "filename": line(hit.filename), **place,
        "uri": ranked.uri,
    }  # fmt: skip


def says_more(hit: SearchHit) -> bool:
    """Tell whether the path of a hit says more than its name."""
    return hit.path not in (None, "", hit.filename)


def _called(hit: SearchHit) -> str:
    return line(hit.path or "", MAX_PATH) if says_more(hit) else line(hit.filename)


def _attributes(hit: SearchHit, plan: DisplayPlan) -> tuple[dict[str, Any], int]:
    """Return the attributes that are shown, and how many are not."""
    attributes: dict[str, Any] = cleaned(hit.attributes or {}, "attributes")
    if plan.tight < WITHOUT_ALL_ATTRIBUTES:
        return attributes, 0
    kept: dict[str, Any] = {}
    for name, value in attributes.items():
        if len(compact(kept | {name: value})) <= LONGEST_ATTRIBUTES:
            kept[name] = value
    return kept, len(attributes) - len(kept)


def _score(score: float | None) -> float | None:
    return None if score is None else round(score, 4)


def _text(ranking: RankedHits, plan: DisplayPlan, fence: Fence) -> str:
    texts = _texts(ranking, plan)
    left_out = _left_out(ranking, texts, plan.needs)
    count = len(ranking.hits)
    blocks = [
        " ".join(
            [f"{count} hit{'s' * (count != 1)}." if count and not left_out else left_out, *ranking.sentences]
        ).strip()
    ]
    if texts:
        blocks[0] = f"{blocks[0]} {fence.notice}"
    names: list[str] = []
    for rank, (ranked, text) in enumerate(zip(ranking.hits, texts, strict=False), 1):
        place = f"[{rank}] {ranked.hit.score:.3f} {ranked.uri}"
        if text is None:
            names.append(f"{place} {_called(ranked.hit)}")
        else:
            inside = f"{_citation(ranked, plan, ranking.detailed)}\n{text}"
            blocks.append(f"{place}\n{fence.around(inside)}")
    if names:
        blocks.append(fence.around("\n".join(names)))
    return "\n".join(blocks)


def _citation(ranked: RankedHit, plan: DisplayPlan, detailed: bool) -> str:
    hit = ranked.hit
    parts = [_called(hit)]
    if hit.page is not None:
        parts.append(f"p. {hit.page}")
    if plan.tight == WHOLE and hit.heading_path:
        parts.append(" > ".join(line(heading, MAX_HEADING) for heading in hit.heading_path))
    if hit.lines:
        parts.append(f"lines {hit.lines[0]}-{hit.lines[1]}")
    attributes, cut = _attributes(hit, plan)
    if attributes:
        parts.append(sentence(compact(attributes)))
    if cut:
        parts.append(f"{cut} more attributes")
    if hit.also_in:
        parts.append(copies.sentence_of(hit.also_in, whole=plan.tight == WHOLE))
    if detailed and hit.vector_score is not None and hit.text_score is not None:
        parts.append(explanation(hit))
    return " · ".join(parts)


def _left_out(ranking: RankedHits, texts: Sequence[str | None], needs: int) -> str:
    count, full = len(ranking.hits), sum(text is not None for text in texts)
    if full == count:
        return ""
    more = f" {count - len(texts)} more are not named: max_tokens={needs} names them." if len(texts) < count else ""
    return f"{full} of {count} hits in full; {ranking.rest} shows the rest.{more}"

"""Plans by which a search reaches only the rows it may see: a filter on revisions, or more candidates than needed."""

from dataclasses import dataclass, replace

from vectorstores_server.engines.local.catalog.search_view import StoreView
from vectorstores_server.engines.local.index import RevFilter

VECTOR_K = 100
TEXT_K = 300
MOST_LISTED = 1_000
"""The most that a filter on revisions may cost: a thousand that are listed, at 4 us each."""
FEW_UNFINISHED = 64
"""Up to here it is worth listing the revisions that are not live: most of them have no rows at all."""
MOST_K = 10_000
"""Neighbours by vector beyond which no search looks for further texts among copies."""
LEAST_SHARE = 0.1
"""Below this share of the files over-fetching would read more rows than a list costs."""


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """The plan of a query. `sure` = no better candidate can have been missed for one that is dropped later."""

    revs: RevFilter | None
    vector_k: int = VECTOR_K
    text_k: int = TEXT_K
    sure: bool = True


def plan_query(view: StoreView) -> QueryPlan:
    """Choose the cheapest plan, which very likely misses nothing."""
    if view.matching is None:
        if len(view.unfinished) <= FEW_UNFINISHED:
            return QueryPlan(RevFilter("not_in", view.unfinished) if view.unfinished else None)
        return QueryPlan(None, 2 * VECTOR_K, 2 * TEXT_K, sure=False)
    if view.passages is not None and view.passages <= VECTOR_K and not view.unfinished:
        return QueryPlan(
            None
        )  # all of them are candidates; rows that are not indexed are scored among those that a filter leaves
    listed = RevFilter("in", view.matching)
    if listed.cost <= MOST_LISTED or len(view.matching) < LEAST_SHARE * view.live:
        return QueryPlan(listed)
    factor = 1.2 * view.live / len(view.matching)
    return QueryPlan(None, round(factor * VECTOR_K), round(factor * TEXT_K), sure=False)


def last_resort(view: StoreView) -> QueryPlan:
    """Choose the plan that cannot miss anything, whatever it costs."""
    if view.matching is not None:
        return QueryPlan(RevFilter("in", view.matching))
    if len(view.unfinished) <= MOST_LISTED:
        return QueryPlan(RevFilter("not_in", view.unfinished))
    return QueryPlan(None, 10 * VECTOR_K, 10 * TEXT_K)


def wider(plan: QueryPlan) -> QueryPlan:
    """Ask for ten times as many: so many copies of one text may stand before the next."""
    return replace(plan, vector_k=10 * plan.vector_k, text_k=10 * plan.text_k)

"""The tool `search`: one question or several, over one store or several."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import anyio

from vectorstores_tools.arguments.absence import filter_present
from vectorstores_tools.arguments.inputs import Search
from vectorstores_tools.arguments.parsing import checked
from vectorstores_tools.context import ToolCall
from vectorstores_tools.contract import filters
from vectorstores_tools.contract.characters import clean, line
from vectorstores_tools.contract.copies import folded
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.errors import InvalidRequest, StoreExpired, VectorStoreError
from vectorstores_tools.contract.lookups import stores_of
from vectorstores_tools.contract.models import Copies, SearchHit, SearchPage, VectorStore
from vectorstores_tools.contract.requests import SearchRequest
from vectorstores_tools.rendering.diagnostics import SearchOutcome
from vectorstores_tools.rendering.excerpts import Excerpts, words
from vectorstores_tools.rendering.hits_view import HITS_KEY, hits_view
from vectorstores_tools.rendering.reply import CHARACTERS_PER_TOKEN, Reply, compact
from vectorstores_tools.rendering.search_results import RankedHit, RankedHits, render
from vectorstores_tools.rendering.untrusted_text import Fence, cleaned

CONCISE_TOKENS, DETAILED_TOKENS = 4_000, 8_000
PASSAGE_TOKENS = 200
"""Tokens to which a matched passage may grow, with the text around it, in a concise answer."""

STORES_SHOWN = 20
PAGES = 10
"""The most pages of 100 stores in which one that has not expired is looked for."""
AT_ONCE = 4
"""Searches of several stores that run side by side."""


async def search(call: ToolCall, given: Search) -> Reply:
    """Search stores by meaning and words; each hit has its citation. Several queries in one call find more.

    read with a hit's uri shows what stands around it; response_format=detailed gives whole chunks.
    """
    request = checked(
        SearchRequest,
        queries=given.query,
        filters=filters.parse_filter(filter_present(given.filters)),
        max_num_results=given.max_num_results,
        ranking_options=given.ranking_options.model_dump() if given.ranking_options else {},
        explain=given.response_format == "detailed",
        fold=True,
    )
    store_ids = given.vector_store_id or [await _only_store(call.engine)]
    pages, expired = await _searched(call.engine, list(dict.fromkeys(store_ids)), request)
    detailed = given.response_format == "detailed"
    max_tokens = given.max_tokens or (DETAILED_TOKENS if detailed else CONCISE_TOKENS)
    ranking = _ranking(pages, given, SearchOutcome(call, pages, given, max_tokens, expired), detailed)
    view = hits_view(ranking, given.query, reads="read" in call.tools)
    return replace(render(ranking, max_tokens, fence_of(ranking)), meta={HITS_KEY: view})


async def _only_store(engine: Engine) -> str:
    """Return the only store that can be searched; one that has expired is no choice."""
    usable: list[VectorStore] = []
    expired = 0
    async for store in stores_of(engine, pages=PAGES):
        if store.status == "expired":
            expired += 1
        elif len(usable) > STORES_SHOWN:
            break
        else:
            usable.append(store)
    if len(usable) == 1:
        return usable[0].id
    if not usable:
        fact = "Every vector store has expired." if expired else "There is no vector store yet."
        raise InvalidRequest(fact, "create_store makes one, batch_attach fills it.", param="vector_store_id")
    shown = ", ".join(f"{store.id} ({line(store.name or 'no name', 60)})" for store in usable[:STORES_SHOWN])
    more = ", ..." if len(usable) > STORES_SHOWN else ""
    raise InvalidRequest(
        "There are several vector stores.",
        f"Pass vector_store_id, one or a list: {shown}{more}.",
        param="vector_store_id",
    )


async def _searched(
    engine: Engine, store_ids: Sequence[str], request: SearchRequest
) -> tuple[dict[str, SearchPage], list[str]]:
    """Search each store, several at once; return the ids of those that have expired, too.

    The first other error is raised, in the order of the stores.
    """
    if len(store_ids) == 1:
        return {store_ids[0]: await engine.search(store_ids[0], request)}, []
    found: dict[str, SearchPage | VectorStoreError] = {}
    limit = anyio.CapacityLimiter(AT_ONCE)

    async def search_store(store_id: str) -> None:
        async with limit:
            try:
                found[store_id] = await engine.search(store_id, request)
            except VectorStoreError as error:
                found[store_id] = error

    async with anyio.create_task_group() as tasks:
        for store_id in store_ids:
            tasks.start_soon(search_store, store_id)
    pages = {store_id: page for store_id in store_ids if isinstance(page := found[store_id], SearchPage)}
    expired = [store_id for store_id in store_ids if isinstance(found[store_id], StoreExpired)]
    for store_id in store_ids:
        error = found[store_id]
        if isinstance(error, VectorStoreError) and not (pages and isinstance(error, StoreExpired)):
            raise error
    return pages, expired


def _ranking(pages: dict[str, SearchPage], given: Search, finding: SearchOutcome, detailed: bool) -> RankedHits:
    focus = words(given.query)
    found = [
        hit if hit.vector_store_id else hit.model_copy(update={"vector_store_id": store_id})
        for store_id, page in pages.items()
        for hit in page.data
    ]
    found.sort(key=lambda hit: hit.rank)  # what is equal still keeps the order of its store, and that of the stores
    best = folded(found)[: given.max_num_results] if len(pages) > 1 else found[: given.max_num_results]
    least = _score_of_last(best, given.max_num_results)
    hits = [_ranked(hit, focus, least, detailed) for hit in best]
    facts: dict[str, Any] = {"vector_store_id": next(iter(pages))} if len(pages) == 1 else {}
    return RankedHits(
        hits, facts | finding.facts(bool(hits)), finding.sentences(bool(hits)), detailed, rest=finding.call.reads_rest
    )


def _score_of_last(hits: Sequence[SearchHit], passages: int) -> float:
    """Return the score that the best `passages` passages of all hits reach: a hit shows its best and those."""
    scores = sorted((score for hit in hits for score in hit.match_scores or [hit.score]), reverse=True)
    return scores[passages - 1] if len(scores) >= passages else 0.0


def _ranked(hit: SearchHit, focus: frozenset[str], least: float, detailed: bool) -> RankedHit:
    text = hit.text
    limit = len(text) if detailed else int(PASSAGE_TOKENS * CHARACTERS_PER_TOKEN)
    start = hit.chars[0] if hit.chars else 0
    scores = hit.match_scores or [hit.score] * len(hit.matches or ())
    matches = [
        (max(0, first - start), min(len(text), last - start), score)
        for rank, ((first, last), score) in enumerate(zip(hit.matches or (), scores, strict=False))
        if hit.chars and first - start < len(text) and last > start and (rank == 0 or score >= least)
    ]
    excerpts = Excerpts(text, [(first, last) for first, last, _ in matches], limit, focus)
    if not matches:  # an engine that does not know where in the chunk the match is
        excerpts = Excerpts(text, [(0, len(text))], limit, focus).focused()
    return RankedHit(hit, hit.vector_store_id or "", excerpts, [score for *_, score in matches] or [hit.score])


def fence_of(ranking: RankedHits) -> Fence:
    """Return tags that occur in nothing that the answer may show."""
    inside: list[str] = []
    for ranked in ranking.hits:
        hit = ranked.hit
        headings = " > ".join(line(heading) for heading in hit.heading_path or ())
        inside += [
            clean(ranked.excerpts.text),
            line(hit.filename),
            line(hit.path or ""),
            line(hit.source or ""),
            headings,
            compact(cleaned(hit.attributes or {}, "attributes")),
            *(
                named
                for copy in (hit.also_in or Copies()).files
                for named in (line(copy.filename), line(copy.path or ""))
            ),
        ]
    return Fence(inside)

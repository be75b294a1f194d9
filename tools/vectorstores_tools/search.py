"""The tool `search`: one question or several, over one store or several."""

from collections.abc import Sequence
from typing import Any

import anyio

from vectorstores_tools.arguments.absence import filter_present
from vectorstores_tools.arguments.inputs import Search
from vectorstores_tools.arguments.parsing import checked
from vectorstores_tools.context import ToolCall
from vectorstores_tools.contract import filters
from vectorstores_tools.contract.characters import clean, line
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.errors import InvalidRequest, VectorStoreError
from vectorstores_tools.contract.models import SearchHit, SearchPage
from vectorstores_tools.contract.requests import PageRequest, SearchRequest
from vectorstores_tools.rendering.diagnostics import SearchOutcome
from vectorstores_tools.rendering.excerpts import Excerpts, words
from vectorstores_tools.rendering.reply import CHARACTERS_PER_TOKEN, Reply, compact
from vectorstores_tools.rendering.search_results import RankedHit, RankedHits, render
from vectorstores_tools.rendering.untrusted_text import Fence, cleaned

CONCISE_TOKENS, DETAILED_TOKENS = 4_000, 8_000
PASSAGE_TOKENS = 200
"""To how much of its surroundings a concise hit may grow, for each passage that matched."""

STORES_SHOWN = 20
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
    )
    store_ids = given.vector_store_id or [await _only_store(call.engine)]
    pages = await _searched(call.engine, list(dict.fromkeys(store_ids)), request)
    detailed = given.response_format == "detailed"
    max_tokens = given.max_tokens or (DETAILED_TOKENS if detailed else CONCISE_TOKENS)
    ranking = _ranking(pages, given, SearchOutcome(call, pages, given, max_tokens), detailed)
    return render(ranking, max_tokens, fence_of(ranking))


async def _only_store(engine: Engine) -> str:
    page = await engine.list_stores(PageRequest(limit=STORES_SHOWN))
    if len(page.data) == 1 and not page.has_more:
        return page.data[0].id
    if not page.data:
        raise InvalidRequest(
            "There is no vector store yet.", "create_store makes one, batch_attach fills it.", param="vector_store_id"
        )
    shown = ", ".join(f"{store.id} ({line(store.name or 'no name', 60)})" for store in page.data)
    more = ", ..." if page.has_more else ""
    raise InvalidRequest(
        "There are several vector stores.",
        f"Pass vector_store_id, one or a list: {shown}{more}.",
        param="vector_store_id",
    )


async def _searched(engine: Engine, store_ids: Sequence[str], request: SearchRequest) -> dict[str, SearchPage]:
    """Search each store, several at once. The first error is raised, in the order of the stores."""
    if len(store_ids) == 1:
        return {store_ids[0]: await engine.search(store_ids[0], request)}
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
    pages: dict[str, SearchPage] = {}
    for store_id in store_ids:
        page = found[store_id]
        if isinstance(page, VectorStoreError):
            raise page
        pages[store_id] = page
    return pages


def _ranking(pages: dict[str, SearchPage], given: Search, finding: SearchOutcome, detailed: bool) -> RankedHits:
    focus = words(given.query)
    found = [(hit, store_id) for store_id, page in pages.items() for hit in page.data]
    found.sort(key=lambda pair: -pair[0].score)
    del found[given.max_num_results :]
    least = _score_of_last([hit for hit, _ in found], given.max_num_results)
    hits = [_ranked(hit, store_id, focus, least, detailed) for hit, store_id in found]
    facts: dict[str, Any] = {"vector_store_id": next(iter(pages))} if len(pages) == 1 else {}
    return RankedHits(
        hits, facts | finding.facts(bool(hits)), finding.sentences(bool(hits)), detailed, rest=finding.call.reads_rest
    )


def _score_of_last(hits: Sequence[SearchHit], passages: int) -> float:
    """Return the score that the best `passages` passages of all hits reach: a hit shows its best and those."""
    scores = sorted((score for hit in hits for score in hit.match_scores or [hit.score]), reverse=True)
    return scores[passages - 1] if len(scores) >= passages else 0.0


def _ranked(hit: SearchHit, store_id: str, focus: frozenset[str], least: float, detailed: bool) -> RankedHit:
    text = "\n".join(part.text for part in hit.content)
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
    return RankedHit(hit, hit.vector_store_id or store_id, excerpts, [score for *_, score in matches] or [hit.score])


def fence_of(ranking: RankedHits) -> Fence:
    """Return tags that occur in nothing that the answer may show."""
    inside: list[str] = []
    for ranked in ranking.hits:
        hit = ranked.hit
        headings = " > ".join(line(heading) for heading in hit.heading_path or ())
        inside += [
            clean(ranked.excerpts.text),
            line(hit.filename),
            headings,
            compact(cleaned(hit.attributes or {}, "attributes")),
        ]
    return Fence(inside)

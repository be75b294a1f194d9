"""A search: embed the queries, then in one snapshot of the catalog find, rank and cite passages.

The snapshot says which revisions are live, so that no answer holds two versions of a file, or neither.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import anyio

from vectorstores_server.engines.local.catalog import Catalog, Snapshot, index_tables, search_view
from vectorstores_server.engines.local.catalog.held_keys import held_keys
from vectorstores_server.engines.local.catalog.ids import clock
from vectorstores_server.engines.local.catalog.index_tables import TABLE_FORMAT
from vectorstores_server.engines.local.catalog.search_view import StoreView
from vectorstores_server.engines.local.chunking.passage_text import query_of_before
from vectorstores_server.engines.local.embedding import Embedder, EmbeddingFailure
from vectorstores_server.engines.local.embedding.errors import NO_VECTORS
from vectorstores_server.engines.local.embedding.traits import UNKNOWN, Traits
from vectorstores_server.engines.local.index import CandidateQuery, Index, IndexUnavailable, Weights
from vectorstores_server.engines.local.search.citations import FoundPassages, above, cite, cited_texts, explain
from vectorstores_server.engines.local.search.copies import without_copies
from vectorstores_server.engines.local.search.document_cache import DocumentCache
from vectorstores_server.engines.local.search.names import names_in
from vectorstores_server.engines.local.search.query_plan import (
    MOST_K,
    VECTOR_K,
    QueryPlan,
    last_resort,
    plan_query,
    wider,
)
from vectorstores_server.engines.local.search.ranking import best_of, merged, newest_first, rank
from vectorstores_server.engines.local.search.voting import scale_of, shares, words_to_know
from vectorstores_server.engines.local.words.analysis import AskedWords, asked_words
from vectorstores_server.engines.local.words.places import QuestionWords
from vectorstores_tools.contract.errors import Unavailable
from vectorstores_tools.contract.models import NotSearched, SearchHit, SearchPage
from vectorstores_tools.contract.requests import SearchRequest

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

BEING_MADE = "The vectors of this store are being made; until then it is searched by words only."
DISTANT = "The store is larger than a copy of it on this server may be, so it was searched in the object storage."
UNFUSED = "Without vectors ranker 'none' means the order and the scores of BM25, which are not in 0..1."
PASSAGES_PER_HIT = 5
"""A chunk of 800 tokens holds about so many passages, and all of them may be among the best."""


@dataclass(frozen=True, slots=True)
class SearchQuestion:
    """A request, and its vectors where the store's embedder is at hand; `why` says why there are none."""

    request: SearchRequest
    vectors: "Sequence[NDArray[float32]]" = ()
    identity: str | None = None
    why: str = ""
    traits: Traits = UNKNOWN

    def weights(self, number: int) -> Weights:
        """Return the shares of meaning and wording for a query; an extension lets the caller choose them."""
        return self.chosen or shares(self.traits, self.request.queries[number])

    @property
    def chosen(self) -> Weights | None:
        """The shares that the caller chose."""
        given = self.request.ranking_options.hybrid_search or {}
        vector, text = given.get("embedding_weight", 0.0), given.get("text_weight", 0.0)
        return (
            Weights(vector / (vector + text), text / (vector + text), scale_of(self.traits)) if vector + text else None
        )

    def vector(self, number: int, weights: Weights) -> "NDArray[float32] | None":
        """Return the vector of a query; None where meaning has no share, or there is none."""
        votes = weights.vector or weights.vector_unknown or self.request.ranking_options.ranker == "none"
        return self.vectors[number] if self.vectors and votes else None


def _asked(query: str, format: int) -> AskedWords:
    """Return the query that a table of that format is asked."""
    if format < TABLE_FORMAT:
        return AskedWords(text := query_of_before(query), text)
    return asked_words(query)


def other_embedder(identity: str) -> str:
    """Say that this process cannot make vectors for the store."""
    return (
        f"Searched by words only: the vectors of this store are those of {identity}, which this server does not have."
        " Configure it, or run `vector-stores-mcp reindex`."
    )


class Searcher:
    """Answers searches; one for an engine. Raises StoreNotFound, StoreExpired, Unavailable.

    `without` says why there is no embedder, where there is none.
    """

    def __init__(
        self,
        catalog: Catalog,
        texts: DocumentCache,
        index: Index,
        embedder: Embedder | None,
        without: str = NO_VECTORS,
        former: Embedder | None = None,
    ) -> None:
        self._without = without
        self._catalog = catalog
        self._index = index
        self._embedder = embedder
        self._former = former
        self._texts = texts

    async def search(self, store_id: str, request: SearchRequest) -> SearchPage:
        """Search, as `Engine.search` promises. `request.filters` is a `filters.Filter`, or None."""
        question = await self._embed(store_id, request)
        async with self._catalog.snapshot() as snapshot:
            view = await snapshot.read(search_view.view, store_id, request.filters, clock())
            if view.embedder != question.identity:  # the store got its vectors this very moment
                question = SearchQuestion(request, why=BEING_MADE)
            try:
                found = await self._find(snapshot, view, question)
            except IndexUnavailable as error:
                raise Unavailable(
                    f"The index of vector store '{store_id}' cannot be used: {error.reason}.",
                    "`vector-stores-mcp reindex` rebuilds it from the stored documents.",
                ) from error
            unmet = request.filters if view.matching == [] else None
            held = await snapshot.read(held_keys, view.store_id, unmet) if unmet is not None else []
            texts = await self._texts.get(cited_texts(found))
        words = QuestionWords(question.request.queries)
        hits = [cite(hit, found, view.store_id, texts, words) for hit in found.hits]
        if request.explain:
            hits = [explain(hit, words) for hit in hits]
        return self._page(view, found, question, hits).model_copy(update={"held": held})

    async def _embed(self, store_id: str, request: SearchRequest) -> SearchQuestion:
        """Embed before the snapshot is taken: a remote embedder may take seconds."""
        embedder = self._embedder
        store = await self._catalog.read(index_tables.store_table, store_id)
        if store is None or store.files == 0:
            return SearchQuestion(request, identity=store.embedder if store else None)
        if store.embedder is None or embedder is None:
            why = other_embedder(store.embedder) if store.embedder else BEING_MADE if embedder else self._without
            return SearchQuestion(request, identity=store.embedder, why=why)
        try:
            await embedder.prepare()
            if embedder.identity != store.embedder and self._former is not None:
                embedder = self._former
                await embedder.prepare()
            if embedder.identity != store.embedder:
                return SearchQuestion(request, identity=store.embedder, why=other_embedder(store.embedder))
            vectors = await _vectors(embedder, request.queries)
            return SearchQuestion(request, vectors, store.embedder, traits=embedder.traits)
        except EmbeddingFailure as failure:
            return SearchQuestion(request, identity=store.embedder, why=f"Searched by words only. {failure.message}")

    async def _find(self, snapshot: Snapshot, view: StoreView, question: SearchQuestion) -> FoundPassages:
        if view.live == 0 or view.matching == []:
            return FoundPassages()
        plan = plan_query(view)
        found, enough = await self._search_once(snapshot, view, question, plan)
        if not enough and not plan.sure:
            plan = last_resort(view)
            found, enough = await self._search_once(snapshot, view, question, plan)
        while not enough and plan.vector_k < MOST_K and any(hit.copies for hit in found.hits):
            plan = wider(plan)
            found, enough = await self._search_once(snapshot, view, question, plan)
        return found

    async def _search_once(
        self, snapshot: Snapshot, view: StoreView, question: SearchQuestion, plan: QueryPlan
    ) -> tuple[FoundPassages, bool]:
        """Search once; also tell whether these are all that are wanted, or all that there are."""
        request = question.request
        answers = [
            await self._index.candidates(view.table, self._query(view, question, number, plan))
            for number in range(len(request.queries))
        ]
        revs = {row.rev for answer in answers for row in answer.rows}
        if view.matching is not None and plan.revs is None:
            revs &= set(view.matching)
        cited = await snapshot.read(search_view.cited, view.store_id, revs)
        seen = [replace(a, rows=[row for row in a.rows if row.rev in cited]) for a in answers]
        ranker = "none" if request.ranking_options.ranker == "none" else "fused"
        added = {rev: of.added_at for rev, of in cited.items()}
        ranked = newest_first(best_of([rank(answer, ranker) for answer in seen]), added)
        kept, below = above(ranked, request.ranking_options.score_threshold)
        found = FoundPassages(
            hits=merged(kept),
            cited=cited,
            answers=seen,
            below_threshold=len(merged(below)),
            best_below=below[0].score if below else None,
        )
        if request.fold:
            found = await without_copies(found, request.max_num_results, self._texts)
        else:
            found = replace(found, hits=found.hits[: request.max_num_results])
        enough = len(found.hits) == request.max_num_results or found.below_threshold > 0
        return found, enough or all(answer.complete for answer in answers)

    def _query(self, view: StoreView, question: SearchQuestion, number: int, plan: QueryPlan) -> CandidateQuery:
        request = question.request
        asked = _asked(request.queries[number], view.format)
        weights = question.weights(number)
        return CandidateQuery(
            vector=question.vector(number, weights),
            text=asked.text,
            counted=asked.counted,
            names=names_in(request.queries[number]) if view.format >= TABLE_FORMAT else (),
            revs=plan.revs,
            vector_k=plan.vector_k,
            text_k=plan.text_k,
            best=PASSAGES_PER_HIT * request.max_num_results * plan.vector_k // VECTOR_K,
            weights=weights,
            words=words_to_know(weights, request.queries[number]) if view.format >= TABLE_FORMAT else (),
        )

    def _page(
        self, view: StoreView, found: FoundPassages, question: SearchQuestion, hits: list[SearchHit]
    ) -> SearchPage:
        unseen = NotSearched(in_progress=view.in_progress, failed=view.failed)
        return SearchPage(
            search_query=question.request.queries,
            data=hits,
            not_searched=unseen if unseen.in_progress or unseen.failed else None,
            store_files=view.total,
            files=view.live if view.matching is None else len(view.matching),
            below_threshold=found.below_threshold,
            best_below=found.best_below,
            notes=[*_notes(view, question), *([DISTANT] if any(answer.distant for answer in found.answers) else [])],
        )


async def _vectors(embedder: Embedder, queries: Sequence[str]) -> "Sequence[NDArray[float32]]":
    if len(queries) == 1:
        return [await embedder.embed_query(queries[0])]
    vectors: dict[int, NDArray[float32]] = {}

    async def embed(number: int) -> None:
        vectors[number] = await embedder.embed_query(queries[number])

    async with anyio.create_task_group() as tasks:
        for number in range(len(queries)):
            tasks.start_soon(embed, number)
    return [vectors[number] for number in range(len(queries))]


def _notes(view: StoreView, question: SearchQuestion) -> list[str]:
    if question.vectors or view.live == 0 or not question.why:
        return []
    return [question.why, UNFUSED] if question.request.ranking_options.ranker == "none" else [question.why]

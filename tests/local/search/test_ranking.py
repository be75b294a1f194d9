import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectorstores_server.engines.local.index import Candidate, Candidates, Weights
from vectorstores_server.engines.local.index.scoring import rarity, score, text_share
from vectorstores_server.engines.local.search.ranking import (
    ScoredPassage,
    best_of,
    in_order,
    merged,
    newest_first,
    rank,
)


def passage(
    rev: int = 1,
    ordinal: int = 0,
    *,
    chunk: tuple[int, int] = (0, 1000),
    cosine: float | None = 0.5,
    text_score: float = 0.0,
) -> Candidate:
    return Candidate(rev, ordinal, ordinal * 100, ordinal * 100 + 100, *chunk, cosine, text_score)


def found(*rows: Candidate, n_tokens: int = 3, n_rows: int = 1000) -> Candidates:
    return Candidates(list(rows), n_tokens, n_rows)


def places(ranked: Sequence[ScoredPassage]) -> list[tuple[int, int]]:
    return [(r.passage.rev, r.passage.ordinal) for r in ranked]


def test_score_is_the_weighted_sum_of_cosine_and_saturated_bm25() -> None:
    assert score(0.6, 9.9, 3, 1000) == pytest.approx(0.45 * 0.6 + 0.55 * 0.5, abs=1e-3)


def test_score_without_a_cosine_is_the_wording_alone() -> None:
    assert score(None, 9.9, 3, 1000) == pytest.approx(0.5, abs=1e-3)


def test_a_negative_cosine_counts_as_none() -> None:
    assert score(-0.4, 0.0, 3, 1000) == 0.0


def test_a_query_of_stop_words_has_no_wording_half() -> None:
    assert score(0.8, 0.0, 0, 1000) == pytest.approx(0.36)
    assert text_share(5.0, 0, 1000) == 0.0


def test_rarity_is_the_largest_idf_of_a_table_against_that_of_a_thousand_rows() -> None:
    assert rarity(1) == pytest.approx(math.log(4 / 3) / 6.5)
    assert rarity(1000) == pytest.approx(1.0, abs=1e-3)
    assert rarity(10**6) == 1.0
    assert rarity(0) == rarity(1)


def test_the_one_document_of_a_store_passes_the_suggested_threshold_when_it_matches() -> None:
    idf = math.log(4 / 3)  # of a word in the only document
    matched = 4 * 2.2 * idf / 2  # each of four words, a middling term frequency
    assert score(0.5, matched, 4, 1) > 0.3


@given(
    cosine=st.none() | st.floats(-1.01, 1.01),
    text_score=st.floats(0, 500),
    n_tokens=st.integers(0, 3000),
    rows=st.integers(0, 10**7),
    share=st.floats(0, 1),
)
def test_every_score_lies_between_0_and_1(
    cosine: float | None, text_score: float, n_tokens: int, rows: int, share: float
) -> None:
    assert 0 <= score(cosine, text_score, n_tokens, rows, Weights(share, 1 - share)) <= 1


@given(st.floats(0, 1), st.floats(0, 100), st.floats(0, 1), st.floats(0, 100))
def test_more_of_either_half_never_lowers_a_score(a: float, s: float, more_a: float, more_s: float) -> None:
    assert score(min(1.0, a + more_a), s + more_s, 5, 500) >= score(a, s, 5, 500)


def test_rank_orders_by_score_and_equal_scores_by_age_and_place() -> None:
    rows = found(passage(2, 1), passage(2, 0), passage(1, 5), passage(3, 0, cosine=0.9))
    assert places(rank(rows)) == [(3, 0), (2, 0), (2, 1), (1, 5)]


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 3), st.sampled_from([0.1, 0.5])), max_size=12))
def test_of_equal_scores_the_newest_file_comes_first_whichever_was_processed_last(
    given_rows: list[tuple[int, int, float]],
) -> None:
    added = {1: 50, 2: 10, 3: 40, 4: 10, 5: 30}
    ranked = newest_first(rank(found(*(passage(rev, at, cosine=cosine) for rev, at, cosine in given_rows))), added)
    keys = [(r.score, added[r.passage.rev], r.passage.rev) for r in ranked]
    assert keys == sorted(keys, reverse=True)
    assert len(ranked) == len(given_rows)


def test_wording_can_lift_a_passage_over_a_nearer_one() -> None:
    rows = found(passage(1, cosine=0.6), passage(2, cosine=0.4, text_score=20.0))
    assert places(rank(rows)) == [(2, 0), (1, 0)]
    assert places(rank(rows, weights=Weights(1.0, 0.0))) == [(1, 0), (2, 0)]


def test_ranker_none_is_cosine_order_and_the_cosine_is_the_score() -> None:
    rows = found(passage(1, cosine=0.6), passage(2, cosine=0.7), passage(3, cosine=-0.1, text_score=50.0))
    assert [r.score for r in rank(rows, "none")] == pytest.approx([0.7, 0.6, 0.0])


def test_ranker_none_without_vectors_is_the_bm25_score() -> None:
    rows = found(passage(1, cosine=None, text_score=3.5), passage(2, cosine=None, text_score=7.0))
    assert [r.score for r in rank(rows, "none")] == [7.0, 3.5]


def test_several_queries_give_a_passage_its_best_score() -> None:
    first = in_order([ScoredPassage(0.9, passage(1)), ScoredPassage(0.2, passage(2))])
    second = in_order([ScoredPassage(0.5, passage(1)), ScoredPassage(0.6, passage(2)), ScoredPassage(0.1, passage(3))])
    joined = best_of([first, second])
    assert [(r.passage.rev, r.score) for r in joined] == [(1, 0.9), (2, 0.6), (3, 0.1)]
    assert best_of([]) == []


def test_passages_of_one_chunk_are_one_hit_with_the_best_score() -> None:
    ranked = rank(found(passage(1, 0, cosine=0.5), passage(1, 1, cosine=0.9), passage(1, 2, cosine=0.7)))
    (hit,) = merged(ranked)
    assert hit.passage.ordinal == 1
    assert [r.passage.ordinal for r in hit.matched] == [1, 2, 0]
    assert hit.score == ranked[0].score


def test_a_passage_inside_a_chosen_chunk_adds_no_hit_although_its_own_chunk_is_another() -> None:
    best = passage(1, 3, chunk=(0, 800), cosine=0.9)
    covered = passage(1, 5, chunk=(400, 1200), cosine=0.8)
    outside = passage(1, 8, chunk=(400, 1200), cosine=0.7)
    assert [hit.passage for hit in merged(rank(found(best, covered, outside)))] == [best, outside]


def test_equal_ranges_of_different_revisions_stay_apart() -> None:
    assert len(merged(rank(found(passage(1), passage(2))))) == 2


def test_meaning_never_outvotes_a_name_that_only_one_passage_holds() -> None:
    rare = passage(1, 0, cosine=0.33, text_score=14.2)._replace(named=True)
    alike = [passage(2, n, cosine=0.6, text_score=7.1) for n in range(5)]
    ranked = rank(found(*alike, rare))
    assert ranked[0].passage is rare
    assert ranked[0].score <= 1
    assert ranked[0].passage.cosine == 0.33, "what is reported stays what was measured"


def test_without_a_name_nothing_is_lifted() -> None:
    rows = [passage(1, 0, cosine=0.33, text_score=14.2), passage(2, 1, cosine=0.6, text_score=7.1)]
    assert [r.score for r in rank(found(*rows))] == sorted(
        (score(r.cosine, r.text_score, 3, 1000) for r in rows), reverse=True
    )

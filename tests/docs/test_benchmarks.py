import pytest
from benchmarks.budgets import BUDGETS, Result, table_row
from benchmarks.metrics import auc, ndcg_at_10, percentile, span_recall, union
from hypothesis import given
from hypothesis import strategies as st

from support.checkout import ROOT

DOCUMENT = ROOT / "docs" / "benchmarks.md"
SPANS = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)).map(lambda pair: (pair[0], sum(pair))), max_size=8)


def test_a_perfect_ranking_has_ndcg_one_and_a_late_hit_is_discounted() -> None:
    assert ndcg_at_10(["a", "b", "c"], {"a": 2, "b": 1}) == pytest.approx(1.0)
    assert ndcg_at_10(["x", "y", "a"], {"a": 1}) == pytest.approx(0.5)


def test_ndcg_looks_no_further_than_ten() -> None:
    assert ndcg_at_10([*"0123456789", "a"], {"a": 1}) == 0


def test_ndcg_of_more_than_ten_judged_documents_can_still_be_one() -> None:
    judged = {str(number): 1 for number in range(15)}
    assert ndcg_at_10([str(number) for number in range(10)], judged) == pytest.approx(1.0)


def test_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    assert auc([0.9, 0.8], [0.1, 0.2]) == 1
    assert auc([0.9, 0.1], [0.5, 0.5]) == 0.5
    assert auc([0.5], [0.5]) == 0.5


@given(st.lists(st.integers(0, 5), min_size=1, max_size=9), st.lists(st.integers(0, 5), min_size=1, max_size=9))
def test_auc_agrees_with_counting_pairs(positive: list[int], negative: list[int]) -> None:
    pairs = [(p > n) + 0.5 * (p == n) for p in positive for n in negative]
    assert auc(positive, negative) == pytest.approx(sum(pairs) / len(pairs))


def test_percentiles_interpolate_between_neighbours() -> None:
    assert percentile([4, 1, 3, 2], 0.5) == 2.5
    assert percentile([4, 1, 3, 2], 1.0) == 4
    assert percentile([7], 0.95) == 7


@given(SPANS)
def test_a_union_covers_the_same_characters_without_overlap(spans: list[tuple[int, int]]) -> None:
    merged = union(spans)
    assert sum(end - start for start, end in merged) == len({at for start, end in spans for at in range(start, end)})


def test_span_recall_counts_characters_of_the_answer_that_were_shown() -> None:
    assert span_recall([(0, 10), (20, 30)], [(5, 25)]) == 0.5
    assert span_recall([(0, 10)], [(0, 4), (2, 6), (2, 6)]) == 0.6
    assert span_recall([(0, 10)], []) == 0


def test_a_row_that_is_missed_says_so() -> None:
    row = table_row(Result("filtered", "-", "9.0 ms", "", reached=False))
    assert row.endswith("| **no** |")


def test_the_document_has_every_row_with_its_budget() -> None:
    document = DOCUMENT.read_text("utf-8")
    for budget in BUDGETS.values():
        rows = [line for line in document.splitlines() if line.startswith(f"| {budget.what} |")]
        assert rows, f"docs/benchmarks.md lacks the row '{budget.what}'"
        assert budget.must in rows[0]
        assert budget.command in rows[0]

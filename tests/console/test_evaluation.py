import json
import math
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vectorstores_server.console.evaluation import AnsweredQuestion, figures, read_questions, separating
from vectorstores_tools.contract.errors import InvalidRequest

SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def answered(*right: bool, wanted: int = 1, score: float = 0.5) -> AnsweredQuestion:
    return AnsweredQuestion(list(right), wanted, score)


def test_the_figures_are_those_of_the_books():
    found = figures([answered(True), answered(False, True), answered(False), answered(True, False, True, wanted=2)])
    assert found.recall == pytest.approx([0.5, 0.75, 0.75])
    assert found.mrr == pytest.approx((1 + 0.5 + 0 + 1) / 4)
    assert found.ndcg == pytest.approx((1 + 0.63093 + 0 + 1.5 / 1.63093) / 4, abs=1e-4)
    assert found.threshold is None


@given(SCORES, SCORES)
@example([5e-324], [0.0])
@example([math.nextafter(0.5, 1)], [0.5])
def test_no_other_score_separates_better(on_topic: list[float], off_topic: list[float]):
    threshold = separating(on_topic, off_topic)
    assert threshold is not None

    def worth(at: float) -> float:
        kept = sum(score >= at for score in on_topic) / len(on_topic)
        return kept + sum(score < at for score in off_topic) / len(off_topic)

    assert all(worth(threshold) >= worth(score) - 1e-9 for score in [*on_topic, *off_topic])


def test_questions_without_an_answer_say_what_separates():
    found = figures([answered(True, score=0.6), answered(True, score=0.4), answered(wanted=0, score=0.2)])
    assert found.threshold == pytest.approx(0.3)
    assert (found.kept, found.refused) == (1, 1)
    assert found.mrr == 1


@pytest.mark.parametrize(
    "line",
    ["no json", "[]", "{}", '{"question": ""}', '{"question": "a", "files": "b"}', '{"question": 3, "files": []}'],
)
def test_a_line_that_is_no_question_is_named(tmp_path: Path, line: str):
    path = tmp_path / "questions.jsonl"
    path.write_text(json.dumps({"question": "a", "files": ["b"]}) + "\n\n" + line + "\n", "utf-8")
    with pytest.raises(InvalidRequest, match="Line 3"):
        read_questions(path)


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path):
    with pytest.raises(InvalidRequest, match="cannot be read"):
        read_questions(tmp_path / "none")
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(InvalidRequest, match="no questions"):
        read_questions(tmp_path / "empty")

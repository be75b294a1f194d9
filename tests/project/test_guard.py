"""The guard of search quality: what it takes for a loss, and the collection that it asks."""

import json
import random

import pytest
from benchmarks.guard import GUARDED, RUN, compared
from hypothesis import given, settings
from hypothesis import strategies as st

STORED: dict[str, float] = json.loads(RUN.read_text("utf-8"))
WORTHS = [0.0, 0.1, 0.25, 0.5, 1.0]


def test_the_stored_run_answers_the_questions_of_the_collection() -> None:
    rows = [json.loads(line) for line in (GUARDED / "collection.jsonl").read_text("utf-8").splitlines()]
    asked = [question for row in rows for question in row["questions"]]
    off_topic = (GUARDED / "off_topic.txt").read_text("utf-8").splitlines()
    assert list(STORED) == [*asked, *off_topic]
    assert len({row["file"] for row in rows}) == len(rows)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(WORTHS), min_size=len(STORED), max_size=len(STORED)))
def test_nothing_is_a_loss_that_finds_as_much_or_more(worths: list[float]) -> None:
    better = {question: max(stored, worth) for (question, stored), worth in zip(STORED.items(), worths, strict=True)}
    assert not compared(STORED, STORED).is_loss
    assert not compared(STORED, better).is_loss
    assert not compared(STORED, better).lost


def test_a_question_that_slips_is_noise_and_a_tenth_of_them_is_a_loss() -> None:
    dice = random.Random(3)
    found = [question for question, worth in STORED.items() if worth == 1]
    for lost in (1, 2):
        assert not compared(STORED, STORED | dict.fromkeys(dice.sample(found, lost), 0.5)).is_loss
    verdict = compared(STORED, STORED | dict.fromkeys(dice.sample(found, len(STORED) // 10), 0.0))
    assert verdict.is_loss
    assert len(verdict.lost) == len(STORED) // 10


def test_a_run_of_other_questions_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="keep a new one"):
        compared(STORED, {})

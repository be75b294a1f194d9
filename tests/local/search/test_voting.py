import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectorstores_server.engines.local.embedding.models import E5_MULTI, MINILM, Background
from vectorstores_server.engines.local.embedding.traits import Traits, script_of
from vectorstores_server.engines.local.index import CosineScale, Weights
from vectorstores_server.engines.local.index.retrieval import meanings
from vectorstores_server.engines.local.index.scoring import calibrated, gated, meaning, score
from vectorstores_server.engines.local.search.voting import scale_of, shares, words_to_know

ENGLISH = Traits(MINILM.background, MINILM.scripts)
ANY = Traits(E5_MULTI.background, E5_MULTI.scripts, multilingual=True)
SCALES = st.builds(CosineScale, st.floats(-0.5, 0.9), st.floats(0.005, 0.3), st.booleans())
COSINES = st.floats(-1, 1)


@given(COSINES)
def test_with_minilm_a_cosine_is_what_it_was(cosine: float):
    assert meaning(cosine, scale_of(ENGLISH)) == min(max(cosine, 0.0), 1.0)


@given(SCALES)
def test_the_background_of_any_embedder_is_the_background_of_minilm(scale: CosineScale):
    assert calibrated(scale.mean, scale) == pytest.approx(0.014)
    assert calibrated(scale.mean + 2 * scale.sd, scale) == pytest.approx(0.014 + 2 * 0.069)


@given(SCALES, COSINES, COSINES)
def test_a_nearer_passage_never_means_less(scale: CosineScale, one: float, other: float):
    low, high = sorted((one, other))
    assert 0 <= meaning(low, scale) <= meaning(high, scale) <= 1


@given(SCALES, st.lists(COSINES, max_size=20))
def test_many_cosines_mean_what_each_of_them_means(scale: CosineScale, cosines: list[float]):
    found = meanings(np.array(cosines, np.float64), scale)
    assert found.tolist() == pytest.approx([meaning(cosine, scale) for cosine in cosines], abs=1e-12)


@given(st.floats(-0.3, 0.3), st.floats(0.01, 0.2))
def test_below_the_background_of_a_multilingual_model_nearer_is_still_more(distance: float, step: float):
    scale = CosineScale(0.756, 0.022, soft=True)
    assert meaning(0.756 + 0.1 * distance, scale) < meaning(0.756 + 0.1 * (distance + step), scale)


@given(st.floats(0, 1), SCALES, COSINES, st.floats(0, 100))
def test_what_the_index_does_not_know_leaves_its_share_to_meaning(
    known: float, scale: CosineScale, cosine: float, text: float
):
    weights = gated(Weights(scale=scale, vector_unknown=1.0), known)
    assert weights.text == pytest.approx(0.55 * known)
    assert weights.vector + weights.text == pytest.approx(1)
    assert 0 <= score(cosine, text, 3, 1000, weights) <= 1 + 1e-9


@pytest.mark.parametrize(
    ("question", "share"),
    [
        ("what moves the tides?", 0.45),
        ("12 + 30?", 0.45),
        ("что движет приливами?", 0),
        ("東京の人口", 0),
        ("서울의 인구", 0),
    ],
)
def test_a_model_of_english_votes_on_the_scripts_that_it_reads(question: str, share: float):
    weights = shares(ENGLISH, question)
    assert (weights.vector, weights.text) == (share, 1 - share)


def test_a_question_that_is_read_in_part_has_a_part_of_the_vote():
    assert shares(ENGLISH, "abcd абв").vector == pytest.approx(0.45 * 4 / 7)
    assert shares(ENGLISH, "abc абвг").vector == 0


@pytest.mark.parametrize("question", ["what moves the tides?", "что движет приливами?", "東京の人口", "서울의 인구"])
def test_a_multilingual_model_votes_on_every_script_that_it_states(question: str):
    weights = shares(ANY, question)
    assert (weights.vector, weights.vector_unknown) == (0.45, 1)
    assert words_to_know(weights, question)


def test_a_multilingual_model_does_not_vote_on_a_script_that_it_was_not_taught():
    weights = shares(ANY, "བོད་ཡིག")
    assert weights.vector == 0
    assert words_to_know(weights, "བོད་ཡིག") == []


@pytest.mark.parametrize(
    "question",
    [
        "Wer regierte die Stadt nach dem Krieg?",
        "Quelle est la capitale de la Suisse ?",
        "¿Cuál es la capital?",
        "Kde leží Říp?",
    ],
)
def test_a_model_of_english_is_asked_in_other_languages_where_words_fail(question: str):
    weights = shares(ENGLISH, question)
    assert (weights.vector, weights.vector_unknown) == (0, pytest.approx(0.45, abs=0.01))
    assert gated(weights, 1).vector == 0
    assert gated(weights, 0).vector == pytest.approx(0.45, abs=0.01)


@pytest.mark.parametrize(
    "question", ["Who was of the café society?", "naive Bayes", "the role of la Niña in floods", "C++ templates"]
)
def test_a_question_in_english_with_foreign_words_has_the_measured_shares(question: str):
    assert shares(ENGLISH, question).vector_unknown is None


def test_the_words_of_a_question_are_asked_by_their_forms():
    weights = shares(ANY, "the tides")
    assert [forms.split()[0] for forms in words_to_know(weights, "the tides of Tokyo")] == ["tide", "tokyo"]
    assert words_to_know(weights, "東京の人口")[0] == "東京"
    assert words_to_know(shares(ENGLISH, "the tides"), "the tides") == []


@given(st.text(max_size=60))
def test_any_text_is_read_to_a_share(text: str):
    for traits in (ENGLISH, ANY, Traits(Background(0.5, 0.1))):
        assert 0 <= traits.reads(text) <= 1
        weights = shares(traits, text)
        assert weights.vector + weights.text == pytest.approx(1)


def test_scripts_are_told_by_the_names_of_letters():
    assert [script_of(letter) for letter in "aщ東ア한\uff21"] == [
        "LATIN",
        "CYRILLIC",
        "CJK",
        "KATAKANA",
        "HANGUL",
        "LATIN",
    ]


@given(st.lists(COSINES, min_size=2, max_size=20), SCALES, st.floats(0, 0.05))
def test_bounds_of_cosines_are_bounds_of_what_they_mean(cosines: list[float], scale: CosineScale, error: float):
    exact = np.array(cosines)
    for cosine in exact.tolist():
        assert meaning(cosine - error, scale) <= meaning(cosine, scale) <= meaning(cosine + error, scale)

from vectorstores_server.engines.local.search.highlight import anchor, words_of

PAGES = "Dishwasher, a short guide. The glass program is gentle. Warranty lasts three years from the day of purchase."


def at(text: str, *queries: str) -> str:
    return text[anchor(text, 0, len(text), words_of(queries)) :]


def test_a_citation_points_to_where_the_words_of_the_question_stand() -> None:
    assert at(PAGES, "How many years is the warranty?").startswith("Warranty lasts")
    assert at(PAGES, "program for glasses").startswith("glass program")


def test_the_place_where_most_different_words_stand_together_wins() -> None:
    text = "glass " + "and other things " * 30 + "the glass program"
    assert at(text, "glass program") == "glass program"


def test_forms_of_a_word_count_as_the_word() -> None:
    assert at(PAGES, "purchasing").startswith("purchase")


def test_without_a_word_of_the_question_the_middle_is_meant() -> None:
    assert anchor(PAGES, 10, 30, words_of(["zebra"])) == 20
    assert anchor(PAGES, 0, 25, words_of(["warranty"])) == 12

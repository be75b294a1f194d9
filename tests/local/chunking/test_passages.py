# ruff: noqa: RUF001
# ^ texts in other scripts
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.cutting import cut
from support.examples import examples
from vectorstores_server.engines.local.chunking.passage_text import (
    WITH_PREFIX,
    embed_text,
    passage_words,
    query_of_before,
    text_of_before,
)
from vectorstores_server.engines.local.chunking.passages import (
    MAX_CHARACTERS,
    MAX_PASSAGES,
    Passage,
    PassageLimits,
    TooManyPassages,
)
from vectorstores_server.engines.local.embedding.tokenizer import BLOCK, TokenCounter
from vectorstores_server.engines.local.parsing.document import Document, Heading

COUNTER = TokenCounter()
SENTENCE = "The quick brown fox jumps over the lazy dog. "

odd_pieces = st.sampled_from(
    [
        "\n\n",
        "\n",
        " ",
        "\t",
        "\u200b",
        "\x00",
        "e\u0301",
        "\u3000",
        "[CLS]",
        "日本語。",
        "한국어",
        "हिन्दी",
        "x" * 450,
        "# Title\n\n",
        "foo_bar(baz)",
        "\x0c",
        "🙂",
        "\ufeff",
        "don't",
        "3.14",
        "\u2028",
        " " * 300,
        "\x00 " * 90,
    ]
)
texts = st.lists(st.one_of(st.text(max_size=40), odd_pieces, st.just(SENTENCE)), max_size=120).map("".join)
limits = st.sampled_from([8, 20, 100, 150])


def uncovered(text: str, passages: list[Passage]) -> str:
    gaps = [text[a.end : b.start] for a, b in pairwise(passages)]
    ends = [text[: passages[0].start], text[passages[-1].end :]] if passages else [text]
    return "".join(gaps + ends).strip()


@given(texts, limits)
@example("x" * 5000, 100)
@example("\u200b" * 3000, 100)
@example("\x00 " * 3000, 150)
@example("日" * 3000, 100)
@example("a" + " " * 9000 + "b", 8)
@example("0국어한The quick brown fox jumps over the lazy dog. ", 8)
@settings(deadline=None, max_examples=examples(150))
def test_every_visible_character_is_in_exactly_one_passage_of_the_right_size(text: str, limit: int):
    passages = cut(Document(text), COUNTER, PassageLimits(limit, limit))
    assert uncovered(text, passages) == ""
    assert [p.ordinal for p in passages] == list(range(len(passages)))
    for before, after in pairwise(passages):
        assert before.end <= after.start
    for passage in passages:
        body = text[passage.start : passage.end]
        assert body
        assert body == body.strip()
        assert 0 < passage.tokens <= limit
        assert len(body) <= MAX_CHARACTERS


@given(texts)
@settings(deadline=None, max_examples=examples(60))
def test_tokens_are_in_order_and_cover_what_is_visible(text: str):
    offsets = COUNTER.offsets(text).tolist()
    assert COUNTER.count(text) == len(offsets)
    covered = set[int]()
    for (start, end), (following, _) in zip(offsets, [*offsets[1:], (len(text), 0)], strict=False):
        assert 0 <= start < end <= len(text)
        assert following >= start
        covered.update(range(start, end))
    assert all(i in covered or text[i].isspace() for i in range(len(text)))


def test_special_tokens_are_plain_text():
    assert COUNTER.count("[CLS]") == 4
    assert COUNTER.count("[MASK] [SEP]") == 6


def test_a_very_long_word_counts_a_token_per_four_characters():
    assert COUNTER.count("x" * 101) == 26
    assert COUNTER.count("y" * 4000) == 1000


def test_blocks_of_a_long_text_change_no_token():
    text = SENTENCE * (3 * BLOCK // len(SENTENCE))
    one = COUNTER.count(SENTENCE)
    assert COUNTER.count(text) == one * text.count(".")
    assert all(end - start <= 9 for start, end in COUNTER.offsets(text).tolist())


def test_a_lone_surrogate_is_a_character_like_any_other():
    text = "before \ud800 after"
    (passage,) = cut(Document(text), COUNTER, PassageLimits(100, 100))
    assert (passage.start, passage.end) == (0, len(text))


def test_passages_are_even_and_end_at_sentences():
    passages = cut(Document(SENTENCE * 100), COUNTER, PassageLimits(150, 150))
    sizes = [p.tokens for p in passages]
    assert max(sizes) <= 150
    assert min(sizes) > 90
    assert all((SENTENCE * 100)[p.end - 1] == "." for p in passages)


def test_a_passage_begins_at_a_heading_near_its_ideal_end():
    first, second = SENTENCE * 10, SENTENCE * 11
    text = f"{first}\nSecond part\n\n{second}"
    start = text.index("Second part")
    document = Document(text, headings=(Heading(start, 1, "Second part"),))
    passages = cut(document, COUNTER, PassageLimits(150, 150))
    assert [p.start for p in passages] == [0, start]
    assert passages[1].heading_path == ("Second part",)


def test_a_section_is_a_passage_and_a_heading_without_text_belongs_to_the_next():
    text = "# Rules\n\n## Holidays\n\nFifteen days.\n\n## Parking\n\nCloses at nine.\n"
    starts = [text.index(title) for title in ("# Rules", "## Holidays", "## Parking")]
    titles = ("Rules", "Holidays", "Parking")
    headings = tuple(
        Heading(start, 1 + (n > 0), title) for n, (start, title) in enumerate(zip(starts, titles, strict=True))
    )
    passages = cut(Document(text, headings=headings), COUNTER, PassageLimits(150, 150))
    assert [p.start for p in passages] == [0, starts[2]]


def test_a_slide_is_a_passage_and_a_page_of_print_is_not():
    slides = "Delivery in three days.\n\nFifteen days of leave.\n"
    passages = cut(Document(slides, page_starts=(0, 25)), COUNTER, PassageLimits(150, 150))
    assert [p.page for p in passages] == [1, 2]
    print_ = SENTENCE * 30
    passages = cut(Document(print_, page_starts=(0, len(SENTENCE) * 15 + 9)), COUNTER, PassageLimits(150, 150))
    assert [print_[p.end - 1] for p in passages] == ["."] * len(passages), "no sentence is cut at the end of the page"


def test_the_same_paragraph_is_about_as_many_passages_in_every_script():
    english = "Within fourteen days of the delivery every customer may return what was bought and is paid back. " * 12
    others = [
        "В течение четырнадцати дней с момента доставки каждый клиент может вернуть купленное и получить деньги. ",
        "배송일로부터 십사 일 이내에 모든 고객은 구매한 물건을 반품하고 대금을 돌려받을 수 있습니다. ",
        "すべてのお客様は、配送から十四日以内であれば購入した商品を返品し、代金の払い戻しを受けることができます。",
        "自送达之日起十四天内，每位顾客都可以退回所购买的商品并获得全额退款。",
        "Εντός δεκατεσσάρων ημερών από την παράδοση κάθε πελάτης μπορεί να επιστρέψει ό,τι αγόρασε. ",
        "في غضون أربعة عشر يوما من التسليم يجوز لكل عميل إعادة ما اشتراه واسترداد ما دفعه كاملا. ",
    ]
    limits = PassageLimits(150, 800)
    expected = len(cut(Document(english), COUNTER, limits))
    for text in others:
        assert abs(len(cut(Document(text * 12), COUNTER, limits)) - expected) <= 1, text


def test_a_passage_knows_its_page():
    text = SENTENCE * 40
    document = Document(text, page_starts=(0, 800))
    pages = [p.page for p in cut(document, COUNTER, PassageLimits(100, 100))]
    assert pages[0] == 1
    assert pages[-1] == 2


def test_white_space_has_no_passage():
    assert cut(Document(" \n\t\u3000"), COUNTER, PassageLimits(150, 150)) == []
    assert cut(Document(""), COUNTER, PassageLimits(150, 150)) == []


def test_too_many_passages_are_refused():
    text = "a " * (MAX_PASSAGES + 1)
    with pytest.raises(TooManyPassages) as refused:
        cut(Document(text), COUNTER, PassageLimits(1, 1))
    assert refused.value.code == "invalid_file"
    assert "100,000" in refused.value.message


def test_what_is_embedded_has_the_title_and_the_headings_in_front():
    text = "Intro\n\nSome words.\n\nDetails\n\n" + SENTENCE
    at = text.index(SENTENCE)
    document = Document(text, headings=(Heading(0, 1, "Intro"), Heading(at - 9, 2, "Details")))
    passage = Passage(0, at, len(text) - 1, 10, None, ("Intro", "Details"))
    assert embed_text(document, passage, "guide.md") == f"guide.md\nIntro\nDetails\n\n{SENTENCE.strip()}"


def test_a_title_that_the_passage_begins_with_is_not_repeated():
    document = Document("The Title\n\nSome words.")
    (passage,) = cut(document, COUNTER, PassageLimits(150, 150))
    assert embed_text(document, passage, "The Title") == document.text


@given(st.lists(st.text(min_size=1, max_size=900), max_size=5), st.text(max_size=600))
@settings(deadline=None, max_examples=examples(60))
def test_prefix_and_passage_stay_within_what_the_model_reads(headings: list[str], title: str):
    document = Document(SENTENCE * 20)
    passage = cut(document, COUNTER, PassageLimits(150, 150))[0]
    passage = Passage(0, passage.start, passage.end, passage.tokens, None, tuple(headings))
    text = embed_text(document, passage, title)
    assert text.endswith(document.text[passage.start : passage.end])
    assert COUNTER.count(text) <= WITH_PREFIX


def test_the_text_index_has_the_words_of_the_name_the_title_and_the_headings():
    text = "Guide\n\nIntro\n\nCall get_user now."
    document = Document(text, "Guide", headings=(Heading(7, 1, "Intro"),))
    passage = Passage(0, text.index("Call"), len(text), 9, None, ("Intro",))
    words = passage_words(document, passage, "notes-2025.md", inflected=False)
    assert words.split() == "note 2025.md 2025 md guid intro call get_us get user".replace(" 2025 ", " ").split()


def test_tables_of_before_hold_one_line_of_parts_and_are_asked_with_one():
    document = Document("call get_user now")
    (passage,) = cut(document, COUNTER, PassageLimits(150, 150))
    assert text_of_before(document, passage, "notes") == "notes\n\ncall get_user now\nget user"
    assert query_of_before("get_user") == "get_user\nget user"
    assert query_of_before("get user") == "get user"

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vectorstores_server.engines.local.chunking.passage_text import (
    WITH_PREFIX,
    embed_text,
    identifier_parts,
    index_text,
    query_text,
)
from vectorstores_server.engines.local.chunking.passages import (
    MAX_CHARACTERS,
    MAX_PASSAGES,
    Passage,
    TooManyPassages,
    cut,
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
@settings(deadline=None, max_examples=150)
def test_every_visible_character_is_in_exactly_one_passage_of_the_right_size(text: str, limit: int):
    passages = cut(Document(text), COUNTER, max_tokens=limit)
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
@settings(deadline=None, max_examples=60)
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
    (passage,) = cut(Document(text), COUNTER, max_tokens=100)
    assert (passage.start, passage.end) == (0, len(text))


def test_passages_are_even_and_end_at_sentences():
    passages = cut(Document(SENTENCE * 100), COUNTER, max_tokens=150)
    sizes = [p.tokens for p in passages]
    assert max(sizes) <= 150
    assert min(sizes) > 90
    assert all((SENTENCE * 100)[p.end - 1] == "." for p in passages)


def test_a_passage_begins_at_a_heading_near_its_ideal_end():
    first, second = SENTENCE * 10, SENTENCE * 11
    text = f"{first}\nSecond part\n\n{second}"
    start = text.index("Second part")
    document = Document(text, headings=(Heading(start, 1, "Second part"),))
    passages = cut(document, COUNTER, max_tokens=150)
    assert [p.start for p in passages] == [0, start]
    assert passages[1].heading_path == ("Second part",)


def test_a_passage_knows_its_page():
    text = SENTENCE * 40
    document = Document(text, page_starts=(0, 800))
    pages = [p.page for p in cut(document, COUNTER, max_tokens=100)]
    assert pages[0] == 1
    assert pages[-1] == 2


def test_white_space_has_no_passage():
    assert cut(Document(" \n\t\u3000"), COUNTER, max_tokens=150) == []
    assert cut(Document(""), COUNTER, max_tokens=150) == []


def test_too_many_passages_are_refused():
    text = "a " * (MAX_PASSAGES + 1)
    with pytest.raises(TooManyPassages) as refused:
        cut(Document(text), COUNTER, max_tokens=1)
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
    (passage,) = cut(document, COUNTER, max_tokens=150)
    assert embed_text(document, passage, "The Title") == document.text


@given(st.lists(st.text(min_size=1, max_size=900), max_size=5), st.text(max_size=600))
@settings(deadline=None, max_examples=60)
def test_prefix_and_passage_stay_within_what_the_model_reads(headings: list[str], title: str):
    document = Document(SENTENCE * 20)
    passage = cut(document, COUNTER, max_tokens=150)[0]
    passage = Passage(0, passage.start, passage.end, passage.tokens, None, tuple(headings))
    text = embed_text(document, passage, title)
    assert text.endswith(document.text[passage.start : passage.end])
    assert COUNTER.count(text) <= WITH_PREFIX


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("foo_bar", ["foo", "bar"]),
        ("parseHTTPHeader", ["parse", "HTTP", "Header"]),
        ("os.path.join", ["os", "path", "join"]),
        ("src/app_main.py", ["app", "main", "py"]),
        ("std::vector", []),
        ("plain words, 3.14 and RNAs", []),
        ("__init__", ["init"]),
        ("Tür_öffnen", ["Tür", "öffnen"]),
    ],
)
def test_identifiers_have_parts(text: str, parts: list[str]):
    assert identifier_parts(text) == parts


def test_the_text_index_and_the_query_get_one_line_of_parts():
    document = Document("call get_user now")
    (passage,) = cut(document, COUNTER, max_tokens=150)
    assert index_text(document, passage, "notes") == "notes\n\ncall get_user now\nget user"
    assert query_text("get_user") == "get_user\nget user"
    assert query_text("get user") == "get user"

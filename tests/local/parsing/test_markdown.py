"""Headings of Markdown against the parser of CommonMark as it is, in pieces, and whatever the blocks are."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from support.examples import examples
from vectorstores_server.engines.local.parsing import markdown as module
from vectorstores_server.engines.local.parsing.markdown import markdown

BLOCKS = st.sampled_from(
    [
        "# One", "## Two #", "   ### Three", "    # code", "#hashtag", "Setext\n===", "of two\nlines\n---", "- item",
        "- # in a list", "  more of it", "> # quoted", "> text", "```", "~~~ sh", "<div>", "</div>", "text", "1. first",
        "---", "| a |", "[a]: /b", "\\# none", "####### seven", "#", "-", "\t# tab", "*a*", "\x0b", "a\x0c# b",
        "\u2028# c",
    ]
)  # fmt: skip
"""Lines that begin, go on with or end a block."""


def by_the_library(text: str) -> list[tuple[int, int]]:
    """Line and level of each heading that has a title."""
    tokens = MarkdownIt("commonmark").parse(text)
    heads = [(token, content) for token, content in pairwise(tokens) if token.type == "heading_open"]
    return [(head.map[0], int(head.tag[1:])) for head, content in heads if head.map and content.content.strip()]


@settings(max_examples=examples(300))
@given(st.lists(st.tuples(BLOCKS, st.sampled_from(["\n", "\n\n"])), max_size=30))
def test_headings_are_those_of_commonmark(blocks: list[tuple[str, str]]) -> None:
    text = "no front matter\n\n" + "".join(part for block in blocks for part in block)
    found = [(text.count("\n", 0, heading.start), heading.level) for heading in markdown(text).headings]
    assert found == by_the_library(text)


def test_a_heading_is_where_its_line_begins() -> None:
    text = "---\ntitle: Guide\n---\n\nof two\nlines\n---\n\n> # quoted\n"
    found = markdown(text).headings
    assert [(text[heading.start :].split("\n")[0], heading.title) for heading in found] == [
        ("of two", "of two lines"),
        ("> # quoted", "quoted"),
    ]


def test_a_long_text_is_read_in_pieces_that_begin_at_headings(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join(f"# Part {n}\n\n- a\n- b\n\nwords" for n in range(200))
    whole = markdown(text)
    monkeypatch.setattr(module, "_PIECE", 100)
    assert markdown(text) == whole
    assert len(whole.headings) == 200

"""What a Document says of a place in its text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectorstores_server.engines.local.parsing.document import Document, Heading

BOOK = Document(
    "Intro\nwords\nPart A\nmore\nDetail\nend\nPart B\nlast",
    "Book",
    (0, 12, 12, 24),
    (Heading(0, 1, "Intro"), Heading(12, 1, "Part A"), Heading(24, 2, "Detail"), Heading(35, 1, "Part B")),
)


def test_an_offset_lies_on_the_last_page_that_begins_at_or_before_it() -> None:
    assert [BOOK.page_at(offset) for offset in (0, 11, 12, 23, 24, 40)] == [1, 1, 3, 3, 4, 4]


def test_a_format_without_pages_has_no_page_numbers() -> None:
    assert Document("text").page_at(0) is None


def test_a_heading_path_runs_from_the_outermost_section_to_the_innermost() -> None:
    assert BOOK.heading_path_at(3) == ("Intro",)
    assert BOOK.heading_path_at(24) == ("Part A", "Detail")
    assert BOOK.heading_path_at(40) == ("Part B",)


def test_text_before_the_first_heading_has_an_empty_path() -> None:
    assert Document("abc\nTitle", None, (), (Heading(4, 1, "Title"),)).heading_path_at(0) == ()


def test_a_heading_without_a_title_ends_a_section() -> None:
    document = Document("a" * 30, None, (), (Heading(0, 1, "class A"), Heading(10, 2, "def f"), Heading(20, 1, "")))
    assert document.heading_path_at(15) == ("class A", "def f")
    assert document.heading_path_at(25) == ()


def test_a_skipped_level_does_not_break_the_path() -> None:
    document = Document("a" * 30, None, (), (Heading(0, 1, "One"), Heading(10, 4, "Four"), Heading(20, 3, "Three")))
    assert document.heading_path_at(12) == ("One", "Four")
    assert document.heading_path_at(22) == ("One", "Three")


def test_lines_are_those_of_the_first_and_the_last_character() -> None:
    document = Document("one\ntwo\nthree\n")
    assert document.lines(0, 3) == (1, 1)
    assert document.lines(0, 4) == (1, 1)
    assert document.lines(4, 13) == (2, 3)
    assert document.lines(5, 5) == (2, 2)


@given(st.text("a\n", max_size=300), st.integers(0, 400))
def test_a_line_number_counts_the_line_ends_before_it(text: str, offset: int) -> None:
    assert Document(text).lines(offset, offset + 1)[0] == text[:offset].count("\n") + 1


def test_lines_are_right_far_into_a_long_text() -> None:
    document = Document("line\n" * 100_000)
    assert document.lines(5 * 70_000, 5 * 70_001) == (70_001, 70_001)


@given(
    st.text(st.characters(exclude_categories=["Cs"])), st.none() | st.text(max_size=20), st.lists(st.integers(0, 99))
)
def test_a_document_comes_back_as_it_was_written(text: str, title: str | None, starts: list[int]) -> None:
    starts.sort()
    headings = tuple(Heading(start, start % 6 + 1, f"{title}\n") for start in starts)
    document = Document(text, title, tuple(starts), headings)
    assert Document.loads(document.dumps()) == document


@pytest.mark.parametrize("data", [b"", b"no header", b"[]\ntext", b'{"title":null}\ntext', b"\xff\n", b"{\n"])
def test_bytes_that_are_no_document_are_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a parsed document"):
        Document.loads(data)

import time

import pytest

from vectorstores_server.engines.local.parsing.plain_text import plain

PARAGRAPH = "The first sentence of an abstract that goes on without any line end. " * 5


def test_a_first_line_that_stands_alone_is_the_title() -> None:
    assert plain(f"On the growth of bread.\n\n{PARAGRAPH}").title == "On the growth of bread."
    assert plain(f"\n  On  bread \r\n\n{PARAGRAPH}".replace("\r", "")).title == "On bread"


def test_a_title_may_stand_directly_over_a_text_that_is_not_wrapped() -> None:
    assert plain(f"On the growth of bread\n{PARAGRAPH}").title == "On the growth of bread"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "only one line",
        "only one line\n\n \n",
        "Good evening. Good evening. I would go home.\n\nMembers of the house",
        f"{PARAGRAPH}\n\nA second paragraph",
        "the first of several lines that are\nwrapped at about seventy characters\nand so no title",
    ],
)
def test_other_first_lines_are_no_title(text: str) -> None:
    document = plain(text)
    assert document.title is None
    assert document.text == text


def test_a_hostile_text_takes_no_time() -> None:
    began = time.process_time()
    plain("\n \t" * 500_000)
    plain("a" * 2_000_000)
    plain(" " * 2_000_000 + "\n" * 1_000_000)
    assert time.process_time() - began < 2

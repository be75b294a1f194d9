"""Twice the input takes about twice the work: counted in calls of functions, for each parser and for the splitter."""

import re
import sys
from pathlib import Path
from types import FrameType

import pytest
from benchmarks.doubling_inputs import INPUTS, MakeInput
from hypothesis import given
from hypothesis import strategies as st

from support.cutting import cut
from vectorstores_server.engines.local.chunking.passages import PassageLimits, TooManyPassages
from vectorstores_server.engines.local.embedding.tokenizer import TokenCounter
from vectorstores_server.engines.local.parsing import ParseFailure
from vectorstores_server.engines.local.parsing.dispatch import read_document
from vectorstores_server.engines.local.parsing.html import MAX_DEPTH, read_html, shallow
from vectorstores_server.engines.local.parsing.parser_process import ParseLimits

N = 1_500
COUNTER = TokenCounter()


def calls(path: Path, data: bytes) -> int:
    """How many functions are called to parse and cut a file."""
    path.write_bytes(data)
    count = 0

    def counted(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        del frame, argument
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        cut(read_document(path, path.name), COUNTER, PassageLimits(150, 150))
    except (ParseFailure, TooManyPassages):
        pass
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.slow
@pytest.mark.parametrize(("filename", "make"), INPUTS.values(), ids=INPUTS)
def test_twice_the_input_is_at_most_two_and_a_half_times_the_work(tmp_path: Path, filename: str, make: MakeInput):
    path = tmp_path / filename
    calls(path, make(10))  # imports what it needs
    assert calls(path, make(2 * N)) <= 2.5 * calls(path, make(N))


@pytest.mark.parametrize("tag", ["div", "table><tr><td", "ul><li", "span", "b", "blockquote", "font", "section"])
def test_no_more_tags_are_open_at_once_than_the_cap_and_no_word_between_them_is_lost(tag: str):
    page = "".join(f"<{tag}>word{number} " for number in range(2_000))
    kept = shallow(page)
    names = re.findall(r"<(\w+)", kept)
    assert (
        sum(name in ("div", "table", "ul", "span", "b", "blockquote", "font", "section") for name in names) <= MAX_DEPTH
    )
    text = read_html(page).text.split()
    assert [word for word in text if word != "-" and word != "|"] == [f"word{number}" for number in range(2_000)]


@given(st.lists(st.sampled_from(["<div>", "</div>", "<p>", "<br>", "<b>", "</b>", "word ", "<", ">", "<!--x-->"])))
def test_a_page_that_is_not_deep_is_left_as_it_is(pieces: list[str]):
    assert shallow("".join(pieces)) == "".join(pieces)


def test_a_small_file_is_allowed_seconds_and_not_minutes():
    limits = ParseLimits()
    assert limits.cpu_allowance(190_000) < 22
    assert limits.cpu_allowance(100_000_000) > 500

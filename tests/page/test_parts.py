"""What the page is made of: filters by clicking, marked pieces, sessions, and guesses that wait."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectorstores_server.page import paths
from vectorstores_server.page.filter_links import AskedFilter, FilterLinks, as_json, read_filter
from vectorstores_server.page.guesses import FREE, LONGEST_WAIT, MOST_ADDRESSES, GuessLimit
from vectorstores_server.page.markdown import as_markdown
from vectorstores_server.page.rendering import size, when
from vectorstores_server.page.sessions import PageSession, PageSessions
from vectorstores_tools.contract import filters
from vectorstores_tools.contract.characters import clean
from vectorstores_tools.contract.models import VectorStore
from vectorstores_tools.rendering.marked_passages import segments

LETTERS = st.sampled_from("abz \n\t\"'<>&%=?#/\\:;,.{}[]()`*_~|!é\u05d0\u202e\u200b漢🌊")
"""What has a meaning in HTML, addresses, JSON and Markdown, what nobody sees, and letters of several scripts."""
WORDS = st.text(LETTERS, max_size=20)
KEYS = st.text(LETTERS, min_size=1, max_size=10)
SCALARS = st.one_of(st.booleans(), st.integers(-(2**63) + 1, 2**63 - 1), WORDS)
ATTRIBUTES = st.dictionaries(KEYS, SCALARS, min_size=1, max_size=6)
TEXT = st.text(LETTERS, max_size=60)
SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda ends: (min(ends), max(ends))), max_size=4)


@given(ATTRIBUTES)
def test_every_attribute_that_is_shown_is_a_link_that_finds_its_file(held: dict[str, Any]) -> None:
    asked = AskedFilter()
    for _ in held:
        chips = FilterLinks("/stores/vs_1", {}, asked).attributes(held)
        wanted = [chip for chip, key in zip(chips, held, strict=True) if key not in _keys(asked)]
        asked = _followed(wanted[0].href)
        assert asked.wrong == ""
        assert filters.matches(filters.parse_filter(asked.given), held)
    assert len(FilterLinks("/", {}, asked).active()) == len(held)
    for left in reversed(range(len(held))):
        asked = _followed(FilterLinks("/", {}, asked).active()[0].href)
        assert len(asked.parts) == left


def _keys(asked: AskedFilter) -> set[str]:
    return {part.key for part in asked.parts if isinstance(part, filters.Comparison)}


def _followed(href: str) -> AskedFilter:
    from urllib.parse import parse_qs, urlsplit

    return read_filter(parse_qs(urlsplit(href).query).get("filters", [""])[0])


def _compounds(parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": st.sampled_from(["and", "or"]), "filters": st.lists(parts, max_size=3)})


COMPARISONS = st.fixed_dictionaries({"type": st.sampled_from(["eq", "ne"]), "key": KEYS, "value": SCALARS})
FILTERS: st.SearchStrategy[dict[str, Any]] = st.recursive(COMPARISONS, _compounds, max_leaves=6)


@given(FILTERS, ATTRIBUTES)
def test_a_filter_means_the_same_after_a_round_through_an_address(filter: dict[str, Any], held: dict[str, Any]) -> None:
    asked = read_filter(json.dumps(filter))
    assert asked.wrong == ""
    meant = filters.parse_filter(filter)
    assert meant is not None
    assert filters.parse_filter(as_json(meant)) == meant
    if asked.parts:
        assert filters.matches(filters.parse_filter(asked.given), held) == filters.matches(meant, held)


@given(
    TEXT, SPANS, st.tuples(st.integers(0, 60), st.integers(0, 60)), st.sets(st.text(LETTERS, min_size=3, max_size=5))
)
def test_no_character_is_lost_or_doubled_by_marking(
    text: str, marks: list[tuple[int, int]], window: tuple[int, int], asked: set[str]
) -> None:
    start, end = min(*window, len(text)), min(max(window), len(text))
    pieces = segments(text, marks, start, end, frozenset(asked))
    assert clean("".join(piece.text for piece in pieces)) == clean("".join(map(clean, _split(text, marks, start, end))))
    marked = sum(len(piece.text) for piece in pieces if piece.marked)
    inside = {at for first, last in marks for at in range(max(first, start), min(last, end))}
    assert marked <= len(inside)


def _split(text: str, marks: list[tuple[int, int]], start: int, end: int) -> list[str]:
    return [text[start:end]]


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=200))
def test_a_session_comes_back_from_its_cookie(token: str) -> None:
    sessions, headers = PageSessions(), {"host": "127.0.0.1:8000"}
    session = PageSession(token=token)
    value = sessions.cookie(session, headers)["set-cookie"].split(";")[0]
    assert sessions.of({**headers, "cookie": value}) == session
    assert sessions.of({"host": "127.0.0.1:9000", "cookie": value}) is None
    assert sessions.may_change(session, sessions.change_token(session))
    assert not sessions.may_change(session, PageSessions().change_token(session))


@given(st.text(LETTERS, max_size=100))
def test_a_cookie_that_is_not_ours_is_no_session_and_no_error(value: str) -> None:
    for cookie in (value, f"vector_stores_80={value}", f"vector_stores_80={'0' * 32}.{value}"):
        found = PageSessions().of({"host": "a:80", "cookie": cookie})
        assert found is None or found.token.isascii()


@given(st.text(LETTERS, max_size=60))
def test_signing_in_never_leads_off_the_page(target: str) -> None:
    for asked in (target, f"/{target}", f"//{target}", f"/stores/{target}", f"/stores\\{target}"):
        place = paths.after_sign_in(asked)
        assert place.startswith("/")
        assert not place.startswith("//")
        assert "\\" not in place
        assert paths.is_view(place.partition("?")[0].partition("#")[0])


def test_guesses_wait_longer_each_time_and_the_count_is_bounded() -> None:
    now = [0.0]
    limit = GuessLimit(lambda: now[0])
    waits: list[float] = []
    for _ in range(FREE + 12):
        limit.wrong("a")
        waits.append(limit.wait("a"))
    assert waits[:FREE] == [0.0] * FREE
    assert waits[FREE:] == sorted(waits[FREE:])
    assert waits[-1] == LONGEST_WAIT
    assert limit.wait("b") == 0.0
    now[0] += 10_000
    assert limit.wait("a") == 0.0
    for number in range(2 * MOST_ADDRESSES):
        limit.wrong(str(number))
    assert len(limit._of) <= MOST_ADDRESSES  # pyright: ignore[reportPrivateUsage]
    assert limit.wait("somebody else") > 0


def test_a_right_token_clears_what_its_address_did_before() -> None:
    limit = GuessLimit(lambda: 0.0)
    for _ in range(FREE + 1):
        limit.wrong("a")
    assert limit.wait("a") > 0
    limit.right("a")
    assert limit.wait("a") == 0.0


@given(st.text(LETTERS, max_size=80), st.text(LETTERS, max_size=200))
def test_a_text_never_leaves_its_fence_in_markdown(name: str, text: str) -> None:
    store = VectorStore(id="vs_1", name=name)
    hit = {"score": 0.5, "file_id": "file-1", "filename": name, "uri": "vectorstore://vs_1/files/file-1", "text": text}
    written = as_markdown(name, store, [hit])
    [fence] = {row for row in written.splitlines() if row.endswith("text") and set(row[:-4]) == {"`"}} or [""]
    assert fence
    assert text.count(fence[:-4]) == 0


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (123_456, "123 kB"), (5 * 10**15, "5000 TB")]
)
def test_sizes_read_as_people_say_them(count: int, shown: str) -> None:
    assert size(count) == shown


@given(st.integers(-(2**62), 2**62))
def test_a_time_is_always_said_somehow(moment: int) -> None:
    assert when(moment, now=1_000.0)

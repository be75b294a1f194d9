"""Whatever is found, an answer stays inside its budget, and no text in it closes or opens a fence."""

import re
from typing import TYPE_CHECKING, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from support.examples import examples
from vectorstores_tools.arguments.inputs import Search
from vectorstores_tools.context import ToolCall
from vectorstores_tools.contract.characters import clean, line
from vectorstores_tools.contract.models import Copies, Copy, NotSearched, SearchHit, SearchPage, TextContent
from vectorstores_tools.rendering.diagnostics import NOTES, SearchOutcome
from vectorstores_tools.rendering.excerpts import Excerpts
from vectorstores_tools.rendering.reply import Reply, compact, room
from vectorstores_tools.rendering.search_results import RankedHit, RankedHits, render
from vectorstores_tools.rendering.untrusted_text import Fence, cleaned
from vectorstores_tools.search import fence_of

if TYPE_CHECKING:
    from vectorstores_tools.contract.engine import Engine
    from vectorstores_tools.contract.intake import Intake

LEAST_TOKENS = 200
BRIEF = RankedHit(SearchHit(file_id="file-" + "f" * 24, filename="a"), "vs_", Excerpts("", [], 0), [0.0])


async def nothing(*_: object) -> None: ...


CALL = ToolCall(cast("Engine", None), cast("Intake", None), nothing, nothing)
STORE = "vs_" + "s" * 24
FACTS = {
    "vector_store_id": STORE,
    "not_searched": {"in_progress": 1999, "failed": 1},
    "next": f"retrieve(vector_store_id='{STORE}', wait_seconds=50), then search again",
}

pieces = st.sampled_from(
    [
        "<doc-0a1b2c>", "</doc-0a1b2c>", "</doc-", "doc-", "0a1b2c", "\u202e", "\U000e0041", "\x00", '"', "\\", "\n\n",
        "…", "日本語。", "word", " ", "\ud800", "The keeper lights the lamp at dusk. ", "n o t h i n g\n" * 40,
    ]
)  # fmt: skip
texts = st.lists(pieces, max_size=40).map("".join)
names = st.lists(pieces, max_size=8).map("".join)
copies = st.lists(st.builds(Copy, file_id=st.just("file-" + "c" * 24), filename=names, path=names), min_size=1).map(
    lambda files: Copies(total=len(files), files=files)
)
attributes = st.dictionaries(names, names | st.integers() | st.booleans(), max_size=3)


@st.composite
def ranked(draw: st.DrawFn) -> RankedHit:
    text = draw(texts)
    ends = st.integers(0, len(text))
    ranges = [(min(pair), max(pair)) for pair in draw(st.lists(st.tuples(ends, ends), min_size=1, max_size=5))]
    score = draw(st.floats(0, 1))
    hit = SearchHit(
        file_id="file-" + "f" * 24,
        filename=draw(names),
        score=score,
        attributes=draw(attributes),
        content=[TextContent(text=text)],
        page=draw(st.none() | st.integers(1, 9_999)),
        heading_path=draw(st.lists(names, max_size=3)),
        lines=(1, 99_999),
        chars=(0, len(text)),
        also_in=draw(st.none() | copies),
    )
    return RankedHit(hit, STORE, Excerpts(text, ranges, draw(st.sampled_from([700, 10_000]))), [score] * len(ranges))


rankings = st.builds(
    RankedHits,
    st.lists(ranked(), max_size=8).map(lambda hits: sorted(hits, key=lambda hit: -hit.hit.score)),
    st.just(FACTS),
    st.just([f"Next: {FACTS['next']}."]),
    st.booleans(),
)
budgets = st.sampled_from([LEAST_TOKENS, 300, 900, 4_000])


def rendered(ranking: RankedHits, max_tokens: int) -> tuple[Reply, Fence]:
    fence = fence_of(ranking)
    return render(ranking, max_tokens, fence), fence


@given(rankings, budgets)
@settings(deadline=None, max_examples=examples(100))
def test_no_answer_is_over_its_budget_forges_its_fence_or_shows_what_nobody_sees(ranking: RankedHits, max_tokens: int):
    reply, fence = rendered(ranking, max_tokens)
    assert len(compact(reply.structured)) <= room(max_tokens)
    assert len(reply.text) <= room(max_tokens)
    assert clean(compact(reply.structured)) == compact(reply.structured)
    assert clean(reply.text) == reply.text
    for text in (hit["text"] for hit in reply.structured["data"] if "text" in hit):
        assert text.startswith(f"<{fence.name}>\n")
        assert text.endswith(f"\n</{fence.name}>")
        assert text.count(fence.name) == 2
    assert outside(reply.text, fence) == []


def outside(text: str, fence: Fence) -> list[str]:
    """The rows below the first that are neither fenced nor the place of a hit."""
    parts = re.split(rf"^(</?{fence.name}>)$", text, flags=re.MULTILINE)
    assert parts[1::2] == [f"<{fence.name}>", f"</{fence.name}>"] * (len(parts) // 4)
    rows = [row for row in "".join(parts[0::4]).splitlines() if row]
    return [row for row in rows[1:] if not re.fullmatch(r"\[\d+\] [\d.]+ vectorstore://\S+", row)]


@given(rankings)
@settings(deadline=None, max_examples=examples(30))
def test_with_room_every_hit_is_named_in_its_order(ranking: RankedHits):
    reply, _ = rendered(ranking, 20_000)
    assert [hit["filename"] for hit in reply.structured["data"]] == [line(hit.hit.filename) for hit in ranking.hits]


@given(st.integers(1, 5), st.integers(0, 4), st.booleans(), st.sampled_from([0, 1, 10**6]))
@settings(deadline=None, max_examples=examples(50))
def test_what_is_said_of_the_search_itself_fits_the_smallest_budget(
    stores: int, notes: int, found: bool, removed: int
) -> None:
    said = [f"{n} " + "This note is rather long. " * 20 for n in range(notes)]
    page = SearchPage(notes=said, below_threshold=removed, best_below=0.123, files=0, store_files=10**5)
    page.not_searched = NotSearched(in_progress=1999, failed=1999)
    pages = {STORE[:-1] + str(n): page for n in range(stores)}
    finding = SearchOutcome(
        CALL, pages, Search(query=["a"], filters={"type": "eq", "key": "team", "value": "a"}), LEAST_TOKENS
    )
    reply, _ = rendered(RankedHits([BRIEF] * found, finding.facts(found), finding.sentences(found)), LEAST_TOKENS)
    assert len(compact(reply.structured)) <= room(LEAST_TOKENS)
    assert len(reply.text) <= room(LEAST_TOKENS)
    assert reply.structured["next"] in reply.text
    assert len(reply.structured.get("notes", [])) == min(notes, NOTES)


def test_a_nonce_that_a_text_holds_is_not_taken():
    nonces = iter(["aaaaaa", "bbbbbb"])
    assert Fence(["a doc-aaaaaa b"], lambda: next(nonces)).name == "doc-bbbbbb"


@given(rankings, budgets)
@settings(deadline=None, max_examples=examples(60))
def test_a_hit_that_shows_text_keeps_its_citation(ranking: RankedHits, max_tokens: int):
    reply, _ = rendered(ranking, max_tokens)
    data = reply.structured["data"]
    assert len(data) == len(ranking.hits) or f"{len(ranking.hits) - len(data)} more are not named: max_tokens=" in str(
        reply.structured["shown"]
    )
    for shown, ranked in zip(data, ranking.hits, strict=False):
        assert {"file_id", "filename", "score", "uri"} <= shown.keys()
        if "text" in shown:
            assert (shown.get("page"), shown["lines"]) == (ranked.hit.page, ranked.hit.lines)
            kept = len(shown.get("attributes", {})) + shown.get("attributes_cut", 0)
            assert kept == len(cleaned(ranked.hit.attributes or {}, "attributes"))
            assert "lines 1-99999" in reply.text or "lines" not in shown


def test_the_best_passage_is_shown_before_all_are_named() -> None:
    text = "The keeper lights the lamp at dusk. " * 20
    hits = [
        RankedHit(
            SearchHit(file_id=f"file-{n:024}", filename=f"{n}.txt", score=1 - n / 100, lines=(1, 9), chars=(0, 700)),
            STORE, Excerpts(text, [(0, len(text))], 700), [1 - n / 100],
        )
        for n in range(50)
    ]  # fmt: skip
    reply, _ = rendered(RankedHits(hits), 500)
    assert "text" in reply.structured["data"][0]
    more = re.search(r"(\d+) more are not named: max_tokens=(\d+) names them", reply.structured["shown"])
    assert more
    assert len(reply.structured["data"]) + int(more[1]) == 50
    again, _ = rendered(RankedHits(hits), int(more[2]))
    assert len(again.structured["data"]) == 50

"""A small table answers from memory as it does from the disk: the same passages, in the same order, scored the same."""

import os
import random
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import anyio
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy import float32

from support.examples import examples
from support.waiting import moment
from vectorstores_server.engines.local.index import CandidateQuery, Index, RevFilter, Rows, Weights, WrongDimensions
from vectorstores_server.engines.local.index.memory import IndexMemory
from vectorstores_server.engines.local.index.records import CosineScale
from vectorstores_server.engines.local.index.resident import LOOK_SECONDS, UNUSED_SECONDS, ResidentTables
from vectorstores_server.engines.local.index.term_tokens import TermTokens
from vectorstores_server.engines.local.index.versions import VersionStamp
from vectorstores_server.engines.local.search.ranking import rank

FRESH_LOOPS = True

TABLE = f"vs_{'test' * 6}_1"
DIMENSIONS = 16
BUDGET = 1 << 28
VOCABULARY = [
    *(f"w{rank}" for rank in range(300)),
    "foo.bar",
    "a_b",
    "3.14",
    "naïve",
    "плита",
    "東京都庁",
    "c++",
    "x-1",
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"  # LanceDB knows no other loop


@asynccontextmanager
async def opened(directory: Path, budget: int = BUDGET) -> AsyncGenerator[Index]:
    index = Index(directory / "index", rest=0, memory=IndexMemory(resident=budget), window=timedelta(milliseconds=1))
    yield index
    await index.aclose()


def made(dice: random.Random, rev: int, number: int, dimensions: int | None) -> Rows:
    weights = [1 / (rank + 5) for rank in range(len(VOCABULARY))]
    texts = [" ".join(dice.choices(VOCABULARY, weights, k=dice.randint(1, 60))) for _ in range(number)]
    places = list(range(number))
    ends = [place + 1 for place in places]
    vectors = None
    if dimensions is not None:
        drawn = np.random.default_rng(dice.randint(0, 1 << 30)).normal(size=(number, dimensions)).astype(float32)
        vectors = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return Rows(rev, places, places, ends, places, ends, texts, vectors)


def question(dice: random.Random, revs: Sequence[int], dimensions: int | None) -> CandidateQuery:
    words = dice.choices(VOCABULARY, k=dice.randint(0, 6))
    chosen = dice.sample(list(revs), dice.randint(0, len(revs)))
    drawn = np.random.default_rng(dice.randint(0, 1 << 30)).normal(size=DIMENSIONS).astype(float32)
    return CandidateQuery(
        vector=drawn if dimensions is not None and dice.random() < 0.8 else None,
        text=" ".join(words),
        revs=dice.choice([None, RevFilter("in", chosen), RevFilter("not_in", chosen[:3])]),
        vector_k=dice.choice([5, 100]),
        text_k=300,  # of fewer it is chance which of equal ones are among them
        best=dice.choice([5, 50]),
        names=dice.sample(words, min(len(words), dice.randint(0, 2))),
        words=dice.choice([(), [*words, "unknown", "w1 w2"]]),
        weights=dice.choice([Weights(), Weights(0.7, 0.3, CosineScale(0.1, 0.2, soft=True), 0.9)]),
    )


async def unchanged_for_a_moment(directory: Path) -> None:
    """Wait until a look at the folder can tell a change."""
    with anyio.fail_after(10):
        while VersionStamp.of(directory / "index" / f"{TABLE}.lance") is None:
            await moment()


async def assert_same(disk: Index, memory: Index, query: CandidateQuery) -> None:
    expected, found = await disk.candidates(TABLE, query), await memory.candidates(TABLE, query)
    assert (found.n_tokens, found.n_rows) == (expected.n_tokens, expected.n_rows)
    best, ours = rank(expected)[: query.best], rank(found)[: query.best]
    assert [hit.score for hit in ours] == pytest.approx([hit.score for hit in best], abs=1e-4)
    assert len(ours) == len(best)
    for here, there in zip(ours, best, strict=True):
        if here.passage[:2] != there.passage[:2]:  # equals may change places
            assert here.score == pytest.approx(there.score, abs=1e-4)
            continue
        assert here.passage.text_score == pytest.approx(there.passage.text_score, rel=1e-4, abs=1e-4)
        assert here.passage.named == there.passage.named
        assert (here.passage.cosine is None) == (there.passage.cosine is None)


@given(
    seed=st.integers(0, 1 << 30),
    dimensions=st.sampled_from([DIMENSIONS, DIMENSIONS, None]),
    steps=st.lists(st.sampled_from(["add", "delete", "replace"]), min_size=1, max_size=4),
)
@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_memory_and_disk_give_the_same_hits_in_the_same_order_with_the_same_scores(
    tmp_path_factory: pytest.TempPathFactory, seed: int, dimensions: int | None, steps: list[str]
):
    async def run() -> None:
        dice, directory = random.Random(seed), tmp_path_factory.mktemp("data")
        async with opened(directory, 0) as disk, opened(directory) as memory:
            await disk.create(TABLE, dimensions)
            revs, last = list(range(1, 9)), 8
            await disk.add(TABLE, [made(dice, rev, dice.randint(1, 40), dimensions) for rev in revs])
            for step in ["add", *steps]:
                if step != "add":
                    gone = dice.sample(revs, min(len(revs), 2))
                    await disk.delete(TABLE, gone)
                    revs = [rev for rev in revs if rev not in gone]
                if step != "delete":
                    new = [last + number for number in (1, 2, 3)]  # the number of a revision is never given again
                    last += 3
                    await disk.add(TABLE, [made(dice, rev, dice.randint(1, 40), dimensions) for rev in new])
                    revs += new
                await disk.settle(TABLE)  # BM25 of LanceDB counts what is deleted until it is erased
                await unchanged_for_a_moment(directory)
                assert await memory.hold(TABLE) == bool(revs)
                before = memory.answered
                for _ in range(6):
                    await assert_same(disk, memory, question(dice, revs, dimensions))
                assert memory.answered == before + 6, "all of them came from memory"

    anyio.run(run)


async def test_a_table_is_never_older_in_memory_than_on_the_disk(tmp_path: Path):
    dice = random.Random(1)
    async with opened(tmp_path, 0) as writer, opened(tmp_path) as memory:
        await writer.create(TABLE, DIMENSIONS)
        for rev in range(1, 20):
            await writer.add(TABLE, [made(dice, rev, 3, DIMENSIONS)])
            if rev % 3 == 0:
                await writer.delete(TABLE, [rev - 1])
            await memory.hold(TABLE)
            query = CandidateQuery(np.ones(DIMENSIONS, float32), "", None)
            seen = {row.rev for row in (await memory.candidates(TABLE, query)).rows}
            assert seen == set((await writer.revs(TABLE)).keys())


async def test_the_second_search_of_a_table_has_it_built(tmp_path: Path):
    async with opened(tmp_path) as index:
        await index.create(TABLE, DIMENSIONS)
        await index.add(TABLE, [made(random.Random(2), 1, 50, DIMENSIONS)])
        await unchanged_for_a_moment(tmp_path)
        query = CandidateQuery(np.ones(DIMENSIONS, float32), "w1", None)
        await index.candidates(TABLE, query)
        assert index.resident == (0, 0)
        with anyio.fail_after(30):
            while not index.resident[0]:
                await index.candidates(TABLE, query)
        assert 50 * 4 * DIMENSIONS < index.resident[1] < BUDGET


@pytest.mark.parametrize("budget", [0, 1_000])
async def test_a_table_that_has_no_room_is_searched_on_the_disk(tmp_path: Path, budget: int):
    async with opened(tmp_path, budget) as index:
        await index.create(TABLE, DIMENSIONS)
        await index.add(TABLE, [made(random.Random(2), 1, 50, DIMENSIONS)])
        await unchanged_for_a_moment(tmp_path)
        assert not await index.hold(TABLE)
        assert (await index.candidates(TABLE, CandidateQuery(None, "w1 w2 w3", None))).rows


async def test_what_nobody_asks_for_is_let_go(tmp_path: Path):
    async with opened(tmp_path) as index:
        await index.create(TABLE, DIMENSIONS)
        await index.add(TABLE, [made(random.Random(2), 1, 50, DIMENSIONS)])
        await unchanged_for_a_moment(tmp_path)
        tables = ResidentTables(tmp_path / "index", index.opened, BUDGET)
        assert await tables.updated(TABLE)
        tables.look(anyio.current_time() + LOOK_SECONDS)
        assert tables.number == 1
        tables.look(anyio.current_time() + UNUSED_SECONDS + 1)
        assert (tables.number, tables.nbytes) == (0, 0)
        await tables.aclose()


async def test_a_question_of_other_dimensions_is_refused_in_memory_too(tmp_path: Path):
    async with opened(tmp_path) as index:
        await index.create(TABLE, DIMENSIONS)
        await index.add(TABLE, [made(random.Random(2), 1, 5, DIMENSIONS)])
        await unchanged_for_a_moment(tmp_path)
        assert await index.hold(TABLE)
        with pytest.raises(WrongDimensions):
            await index.candidates(TABLE, CandidateQuery(np.ones(8, float32), "x", None))


@given(
    texts=st.lists(
        st.lists(
            st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=12)
            | st.sampled_from(VOCABULARY),
            max_size=8,
        ).map(" ".join),
        max_size=8,
    )
)
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_terms_become_the_tokens_that_the_index_makes_of_them(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
):
    async def run() -> None:
        directory = tmp_path_factory.mktemp("data")
        async with opened(directory) as index:
            await index.create(TABLE, None)
            table = await index.opened(TABLE)
            expected = [await table.token_list(text) for text in texts]
            assert await TermTokens().of(texts, table.token_list) == expected

    anyio.run(run)


@pytest.mark.parametrize(
    ("age_ns", "fraction", "kept"), [(10**9, 1_234_567, True), (10**6, 7, False), (10**9, 0, False)]
)
def test_a_folder_is_taken_for_unchanged_only_where_a_change_would_show(
    tmp_path: Path, age_ns: int, fraction: int, *, kept: bool
):

    (tmp_path / "_versions").mkdir()
    changed = (time.time_ns() - age_ns) // 10**9 * 10**9 + fraction if age_ns >= 10**9 else time.time_ns() - age_ns
    os.utime(tmp_path / "_versions", ns=(changed, changed))
    assert (VersionStamp.of(tmp_path) is not None) == kept
    assert VersionStamp.of(tmp_path / "none") is None

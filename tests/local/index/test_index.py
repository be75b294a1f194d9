import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Literal

import anyio
import anyio.lowlevel
import numpy as np
import pytest
from numpy import float32
from numpy.typing import NDArray

from vectorstores_server.engines.local.index import (
    Candidate,
    CandidateQuery,
    CosineScale,
    Index,
    IndexUnavailable,
    OutOfSpace,
    RevFilter,
    Rows,
    TableMissing,
    Weights,
    WrongDimensions,
)
from vectorstores_server.engines.local.index.errors import IndexBusy, translated
from vectorstores_server.engines.local.index.lance import Database, TableState
from vectorstores_server.engines.local.search.ranking import rank

DIMENSIONS = 16
WORDS = np.array([f"w{rank}" for rank in range(2_000)])
TABLE = f"vs_{'test' * 6}_1"
NO_WINDOW = timedelta(milliseconds=1)

Vectors = NDArray[float32]


@pytest.fixture
async def index(tmp_path: Path) -> AsyncGenerator[Index]:
    index = Index(tmp_path / "index", rest=0)
    yield index
    await index.aclose()


def vectors(number: int, seed: int = 0, dimensions: int = DIMENSIONS) -> Vectors:
    drawn = np.random.default_rng(seed).normal(size=(number, dimensions)).astype(float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def close_vectors(number: int, seed: int = 0, dimensions: int = DIMENSIONS) -> Vectors:
    """Vectors of an embedder whose unrelated texts are close, as those of e5: cosines about .76, .02 apart."""
    drawn = 0.494 * vectors(number, seed, dimensions)
    drawn[:, 0] += 0.869
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def prose(number: int, seed: int = 0, words: int = 30) -> list[str]:
    dice = np.random.default_rng(seed)
    weights = 1 / (np.arange(len(WORDS)) + 10)
    return [" ".join(row) for row in dice.choice(WORDS, (number, words), p=weights / weights.sum())]


def rows(rev: int, texts: Sequence[str], given: Vectors | None = None) -> Rows:
    number = len(texts)
    starts = [100 * at for at in range(number)]
    ends = [start + 100 for start in starts]
    return Rows(rev, list(range(number)), starts, ends, [0] * number, [100 * number] * number, texts, given)


def asked(
    text: str = "", vector: Vectors | None = None, *, revs: RevFilter | None = None, best: int = 50
) -> CandidateQuery:
    return CandidateQuery(vector=vector, text=text, revs=revs, best=best)


async def found(index: Index, query: CandidateQuery, table: str = TABLE) -> list[Candidate]:
    return (await index.candidates(table, query)).rows


async def text_table(index: Index, *texts: str, analysed: bool = True) -> None:
    await index.create(TABLE, None, analysed=analysed)
    await index.add(TABLE, [rows(rev, [text]) for rev, text in enumerate(texts, 1)])


async def revs_for(index: Index, text: str) -> list[int]:
    return [row.rev for row in await found(index, asked(text))]


async def test_importing_and_making_an_index_loads_no_library(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from vectorstores_server.engines.local.index import Index;"
        f"Index(Path({str(tmp_path / 'index')!r}));"
        "print([m for m in ('lancedb', 'pyarrow', 'numpy') if m in sys.modules])"
    )
    done = await anyio.run_process([sys.executable, "-c", code])
    assert done.stdout.decode().strip() == "[]"
    assert files(tmp_path) == []


async def test_nothing_reaches_the_terminal(index: Index, capfd: pytest.CaptureFixture[str]) -> None:
    await index.create(TABLE, DIMENSIONS)
    await index.add(TABLE, [rows(1, prose(20), vectors(20))])
    await found(index, asked("w1 w2", vectors(1)[0]))
    await index.optimize(TABLE, force=True)
    await index.purge(TABLE)
    await index.drop(TABLE)
    assert tuple(capfd.readouterr()) == ("", "")


async def test_a_row_comes_back_as_it_went_in(index: Index) -> None:
    await index.create(TABLE, DIMENSIONS)
    given = vectors(2)
    part = Rows(7, [3, 4], [10, 20], [20, 30], [0, 5], [50, 60], ["a heron stands", "a plover runs"], given)
    await index.add(TABLE, [part])
    answer = await index.candidates(TABLE, asked("plover", given[1]))
    by_ordinal = {row.ordinal: row for row in answer.rows}
    assert by_ordinal[4][:6] == (7, 4, 20, 30, 5, 60)
    assert by_ordinal[4].cosine == pytest.approx(1.0, abs=1e-6)
    assert by_ordinal[4].text_score > 0
    assert by_ordinal[3].text_score == 0
    assert (answer.n_tokens, answer.n_rows) == (1, 2)


async def test_creating_again_leaves_a_table_alone(index: Index) -> None:
    await text_table(index, "kestrel")
    await index.create(TABLE, None)
    assert await index.revs(TABLE) == {1: 1}
    with pytest.raises(IndexUnavailable):
        await index.create(TABLE, 8)


async def test_creating_completes_what_a_killed_process_left(index: Index, tmp_path: Path) -> None:
    database = await Database.connect(str(tmp_path / "index"))
    await database.create(TABLE, None, analysed=True)
    await text_table(index, "kestrel")
    assert await revs_for(index, "kestrel") == [1]
    assert await (await database.open(TABLE)).indexed() == {"words", "rev"}
    database.close()


async def test_deleted_revisions_are_gone_at_once(index: Index) -> None:
    await text_table(index, "kestrel one", "kestrel two", "kestrel three")
    await index.delete(TABLE, [1, 3, 99])
    assert await index.revs(TABLE) == {2: 1}
    assert await revs_for(index, "kestrel") == [2]
    assert await index.rows(TABLE, [1, 2, 3]) == 1
    assert await index.rows(TABLE, []) == 0
    await index.delete(TABLE, [])


async def test_rows_of_several_revisions_go_in_together(index: Index) -> None:
    await index.create(TABLE, DIMENSIONS)
    await index.add(TABLE, [rows(1, prose(3), vectors(3)), rows(2, prose(2), vectors(2))])
    await index.add(TABLE, [])
    assert await index.revs(TABLE) == {1: 3, 2: 2}


async def test_filters_include_and_exclude_revisions_on_both_sides(index: Index) -> None:
    await index.create(TABLE, DIMENSIONS)
    given = vectors(6)
    await index.add(TABLE, [rows(rev, ["common words"], given[rev : rev + 1]) for rev in range(6)])

    async def revs(kept: RevFilter | None) -> set[int]:
        return {row.rev for row in await found(index, asked("common", given[0], revs=kept))}

    assert await revs(None) == {0, 1, 2, 3, 4, 5}
    assert await revs(RevFilter("in", [2, 4, 77])) == {2, 4}
    assert await revs(RevFilter("not_in", [0, 1, 2])) == {3, 4, 5}
    assert await revs(RevFilter("in", [])) == set()
    assert await revs(RevFilter("not_in", [])) == {0, 1, 2, 3, 4, 5}


@pytest.mark.parametrize(
    ("drawn", "scale", "indexed"),
    [
        pytest.param(vectors, CosineScale(), False, id="unindexed"),
        pytest.param(vectors, CosineScale(), True, id="indexed"),
        pytest.param(close_vectors, CosineScale(0.756, 0.022, soft=True), True, id="indexed-close"),
    ],
)
async def test_leaving_rows_out_changes_nothing_among_the_best(
    index: Index, drawn: Callable[..., Vectors], scale: CosineScale, *, indexed: bool
) -> None:
    given, texts = drawn(6_000, dimensions=128), prose(6_000)
    weights = Weights(scale=scale)
    await index.create(TABLE, 128)
    await index.add(TABLE, [rows(1, texts, given)])
    if indexed:
        await index.optimize(TABLE, force=True)
    left_out = 0
    for turn in range(10):
        text = " ".join(texts[turn].split()[:8])
        vector = given[turn] + 0.5 * vectors(1, seed=100 + turn, dimensions=128)[0]
        vector /= np.linalg.norm(vector)
        question = replace(asked(text, vector), weights=weights)
        everything = await index.candidates(TABLE, replace(question, best=1_000))
        pruned = await index.candidates(TABLE, replace(question, best=10))
        left_out += len(everything.rows) - len(pruned.rows)
        best, expected = rank(pruned)[:10], rank(everything)[:10]
        assert [r.passage.ordinal for r in best] == [r.passage.ordinal for r in expected]
        assert [r.score for r in best] == pytest.approx([r.score for r in expected], abs=1e-6)
        cosines = given @ vector
        assert set(np.argsort(-cosines)[:10].tolist()) <= {row.ordinal for row in everything.rows}
        assert [row.cosine for row in pruned.rows] == pytest.approx(
            [float(cosines[row.ordinal]) for row in pruned.rows], abs=1e-6
        )
    assert left_out > 500


async def test_a_row_that_only_the_text_found_has_its_exact_cosine(index: Index) -> None:
    await index.create(TABLE, DIMENSIONS)
    given = vectors(500)
    texts = ["plain filler"] * 500
    vector = given[0]
    far = int(np.argmin(given @ vector))
    texts[far] = "a solitary bittern"
    await index.add(TABLE, [rows(1, texts, given)])
    by_ordinal = {row.ordinal: row for row in await found(index, asked("bittern", vector))}
    assert by_ordinal[far].cosine == pytest.approx(float(given[far] @ vector), abs=1e-6)
    assert by_ordinal[far].text_score > 0


async def test_a_narrow_filter_finds_every_row_it_leaves(index: Index) -> None:
    await index.create(TABLE, DIMENSIONS)
    given = vectors(6_000)
    await index.add(TABLE, [rows(rev, prose(60), given[60 * rev : 60 * rev + 60]) for rev in range(100)])
    await index.optimize(TABLE, force=True)
    answer = await found(index, asked(vector=given[0], revs=RevFilter("in", [42])))
    assert {(row.rev, row.ordinal) for row in answer} == {(42, ordinal) for ordinal in range(60)}


async def test_without_vectors_the_text_alone_answers(index: Index) -> None:
    await text_table(index, "the osprey dives", "an osprey and another osprey", "a gannet")
    answer = await index.candidates(TABLE, asked("osprey", vectors(1)[0]))
    assert {row.rev for row in answer.rows} == {1, 2}
    assert all(row.cosine is None and row.text_score > 0 for row in answer.rows)


async def test_without_a_query_vector_a_table_with_vectors_answers_by_text(index: Index) -> None:
    await index.create(TABLE, DIMENSIONS)
    await index.add(TABLE, [rows(1, ["an osprey dives", "a gannet"], vectors(2))])
    (row,) = await found(index, asked("osprey"))
    assert (row.ordinal, row.cosine) == (0, None)


async def test_terms_are_taken_as_they_stand_and_the_length_of_a_question_is_what_is_counted(index: Index) -> None:
    await text_table(index, "the 検索 ǂwadin foo_bar 3.14 Heron", "heron " + "x" * 100)
    for term in ("the", "検索", "ǂwadin", "foo_bar", "3.14", "Heron"):
        assert await revs_for(index, term) == [1], term
    assert await revs_for(index, "x" * 100) == [2]
    assert await revs_for(index, "wading") == []
    query = CandidateQuery(vector=None, text="heron ǂheron", revs=None, counted="heron")
    assert (await index.candidates(TABLE, query)).n_tokens == 1


async def test_a_table_of_before_knows_no_stop_words(index: Index) -> None:
    await text_table(index, "the and of", "a heron", analysed=False)
    answer = await index.candidates(TABLE, asked("the of and"))
    assert (answer.rows, answer.n_tokens) == ([], 0)
    assert (await index.candidates(TABLE, asked("  "))).rows == []


async def test_a_table_of_before_stems_folds_and_lowers_words(index: Index) -> None:
    await text_table(index, "Wading birds at the Café", "nothing of it", analysed=False)
    for text in ("BIRD", "wade", "cafe", "café"):
        assert await revs_for(index, text) == [1]


@pytest.mark.parametrize(
    "query",
    ["read_consistency_interval", "read consistency interval", "HttpRequestParser", "http request parser"],
)
async def test_identifiers_are_found_whole_and_by_their_parts(index: Index, query: str) -> None:
    parts = "read consistency interval http request parser"
    await text_table(index, f"set read_consistency_interval on HttpRequestParser\n{parts}", "something else")
    assert await revs_for(index, query) == [1]


async def test_a_path_is_found_by_its_names(index: Index) -> None:
    await text_table(index, "see server/engines/local/worker.py for it", "see elsewhere")
    assert await revs_for(index, "engines") == [1]
    assert await revs_for(index, "server/engines/local/worker.py") == [1]


@pytest.mark.parametrize("query", ["検索", "日本語の検索", "数据库", "검색"])
async def test_cjk_words_are_found(index: Index, query: str) -> None:
    await text_table(index, "日本語の検索エンジンです", "向量数据库的中文说明", "한국어 검색 엔진")
    expected = {"検索": [1], "日本語の検索": [1], "数据库": [2], "검색": [3]}
    assert await revs_for(index, query) == expected[query]


@pytest.mark.parametrize(
    "query",
    [
        'he said "heron"',
        "heron'; DROP TABLE x; --",
        "heron AND OR NOT (",
        "+heron -plover text:* [a TO b] ^2 ~",
        "heron\x00\n\t\\ %s {}",
        "🪶 heron ¿?",
        "heron " + "x" * 7_000,
        " ".join(f"word{at}" for at in range(1_000)) + " heron",
    ],
)
async def test_no_query_is_a_language(index: Index, query: str) -> None:
    await text_table(index, "a grey heron", "a small plover")
    assert 1 in await revs_for(index, query)


async def test_another_index_on_the_directory_sees_a_commit_at_once(index: Index, tmp_path: Path) -> None:
    reader = Index(tmp_path / "index")
    await text_table(index, "kestrel")
    for rev in range(2, 6):
        assert await reader.revs(TABLE) == await index.revs(TABLE)
        await index.add(TABLE, [rows(rev, ["another kestrel"])])
        assert rev in await revs_for(reader, "kestrel")
    await index.delete(TABLE, [2])
    assert 2 not in await revs_for(reader, "kestrel")
    await reader.aclose()


async def test_deleting_from_a_table_that_never_was_leaves_nothing_behind(tmp_path: Path) -> None:
    never_used = Index(tmp_path / "other" / "index")
    with pytest.raises(TableMissing):
        await never_used.delete(TABLE, [1])
    assert not (tmp_path / "other" / "index" / f"{TABLE}.deleted").exists()
    await never_used.aclose()


async def test_a_dropped_table_is_missing_for_every_reader_until_it_is_made_again(index: Index, tmp_path: Path) -> None:
    reader = Index(tmp_path / "index")
    await text_table(index, "kestrel")
    assert await revs_for(reader, "kestrel") == [1]
    await index.drop(TABLE)
    await index.drop(TABLE)
    assert await index.tables() == []
    with pytest.raises(TableMissing):
        await revs_for(reader, "kestrel")
    await index.create(TABLE, DIMENSIONS)
    await index.add(TABLE, [rows(9, ["kestrel"], vectors(1))])
    assert await revs_for(reader, "kestrel") == [9]
    await reader.aclose()


async def test_a_search_survives_a_purge_by_another_process(index: Index, tmp_path: Path) -> None:
    reader = Index(tmp_path / "index")
    await index.create(TABLE, DIMENSIONS)
    await index.add(TABLE, [rows(1, prose(200), vectors(200))])
    failures: list[IndexUnavailable] = []

    async def search() -> None:
        while not done.is_set():
            try:
                assert await found(reader, asked("w1 w2", vectors(1)[0]))
            except IndexUnavailable as error:
                failures.append(error)

    done = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(search)
        for rev in range(2, 6):
            await index.add(TABLE, [rows(rev, prose(20), vectors(20))])
            await index.purge(TABLE)
        done.set()
    assert failures == []
    await reader.aclose()


@pytest.mark.parametrize("given", [vectors(2)[:, :8], None])
async def test_vectors_of_other_dimensions_are_refused_before_anything_is_written(
    index: Index, given: Vectors | None
) -> None:
    await index.create(TABLE, DIMENSIONS)
    with pytest.raises(WrongDimensions, match="vectors of 16 numbers"):
        await index.add(TABLE, [rows(1, ["good", "good"], vectors(2)), rows(2, ["x", "y"], given)])
    assert await index.revs(TABLE) == {}


async def test_a_query_vector_of_other_dimensions_is_refused(index: Index) -> None:
    await index.create(TABLE, DIMENSIONS)
    with pytest.raises(WrongDimensions):
        await index.candidates(TABLE, asked("x", np.ones(8, float32)))


@pytest.mark.parametrize("broken", ["_versions/*.manifest", "data/*.lance", "_indices/*/*"])
async def test_a_damaged_table_is_unavailable_and_can_be_dropped(tmp_path: Path, broken: str) -> None:
    writer = Index(tmp_path / "index")
    await writer.create(TABLE, DIMENSIONS)
    await writer.add(TABLE, [rows(1, prose(50), vectors(50))])
    await writer.optimize(TABLE, force=True)
    await writer.aclose()
    for path in files(tmp_path):
        if path.match(f"{TABLE}.lance/{broken}"):
            overwrite(path)
    index = Index(tmp_path / "index")
    with pytest.raises(IndexUnavailable) as caught:
        await found(index, asked("w1 w2", vectors(1)[0]))
    assert str(tmp_path) not in str(caught.value)
    assert await index.tables() == [TABLE]
    await index.drop(TABLE)
    assert await index.tables() == []
    await index.aclose()


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (ValueError("Table 'x' was not found"), TableMissing),
        (RuntimeError("Retryable commit conflict for version 3"), IndexBusy),
        (RuntimeError("Too many concurrent writers. Attempted 10 retries"), IndexBusy),
        (OSError(28, "No space left on device"), OutOfSpace),
        (RuntimeError("lance error: something new"), IndexUnavailable),
    ],
)
def test_errors_of_the_library_are_told_apart(raised: Exception, kind: type[IndexUnavailable]) -> None:
    with pytest.raises(IndexUnavailable) as caught, translated("t"):
        raise raised
    assert type(caught.value) is kind
    assert caught.value.__cause__ is raised


async def test_optimize_waits_until_it_is_due(index: Index) -> None:
    await index.create(TABLE, DIMENSIONS)
    await index.add(TABLE, [rows(1, prose(100), vectors(100))])
    assert not await index.optimize(TABLE)
    assert await index.optimize(TABLE, force=True)
    await index.add(TABLE, [rows(2, prose(400), vectors(400))])
    assert await index.optimize(TABLE)
    assert not await index.optimize(TABLE)


async def test_a_table_rests_after_an_optimize_however_fast_rows_come(tmp_path: Path) -> None:
    index = Index(tmp_path / "index", rest=1e6)
    await index.create(TABLE, None)
    for rev in (1, 2):
        await index.add(TABLE, [rows(rev, prose(300))])
        assert await index.optimize(TABLE) == (rev == 1)
    left = await index.settle(TABLE)
    assert left is not None
    assert left > 1e4, "it rests from settling, too, and says for how long"
    await index.aclose()


async def test_settling_leaves_no_row_without_index(index: Index, tmp_path: Path) -> None:
    assert await index.settle(TABLE) is None, "there is nothing to do for a table that is not there"
    await index.create(TABLE, DIMENSIONS)
    for rev in range(1, 4):
        await index.add(TABLE, [rows(rev, prose(1), vectors(1))])
        left = await index.settle(TABLE)
        assert left is not None
        assert left >= 300, "its old versions can go when nobody reads them any more"
        assert (await state_of(tmp_path)).unindexed == 0


async def test_many_small_commits_make_optimize_due(index: Index) -> None:
    await index.create(TABLE, None)
    for rev in range(31):
        await index.add(TABLE, [rows(rev, ["one"])])
    assert await index.optimize(TABLE)
    assert not await index.optimize(TABLE)


@pytest.mark.parametrize("kind", ["in", "not_in"])
async def test_a_run_of_revisions_is_one_comparison(index: Index, kind: Literal["in", "not_in"]) -> None:
    await index.create(TABLE, None)
    await index.add(TABLE, [rows(rev, ["heron"]) for rev in range(60)])
    chosen = [3, 5, *range(10, 50), 55]
    filter = RevFilter(kind, chosen)
    assert (filter.sql() or "").count("rev") == 3
    assert filter.cost < len(chosen)
    seen = {row.rev for row in (await index.candidates(TABLE, asked("heron", revs=filter, best=100))).rows}
    assert seen == (set(chosen) if kind == "in" else set(range(60)) - set(chosen))


async def test_segments_of_the_vector_index_are_made_one_again(index: Index, tmp_path: Path) -> None:
    await index.create(TABLE, DIMENSIONS)
    await index.add(TABLE, [rows(1, ["one"] * 5_000, vectors(5_000))])
    seen: list[int] = []
    for rev in range(2, 9):
        await index.add(TABLE, [rows(rev, ["one"] * 30, vectors(30, rev))])
        await index.settle(TABLE)
        state = await state_of(tmp_path)
        seen.append(state.segments)
        assert state.fragments <= state.segments
    assert 1 < max(seen) <= 4
    assert seen[-1] < max(seen)


async def test_a_search_is_complete_when_no_other_row_matches(index: Index) -> None:
    await index.create(TABLE, DIMENSIONS)
    await index.add(TABLE, [rows(rev, ["heron"], vectors(1, seed=rev)) for rev in range(8)])
    vector = vectors(1)[0]
    assert (await index.candidates(TABLE, asked("heron", vector))).complete
    assert (await index.candidates(TABLE, asked("heron"))).complete
    assert not (await index.candidates(TABLE, asked("heron", vector, best=3))).complete
    assert not (await index.candidates(TABLE, CandidateQuery(vector, "heron", None, text_k=8))).complete


def held_files() -> list[str]:
    """The files of tables that this process holds open."""
    links = list(Path("/proc/self/fd").iterdir())
    targets = [str(link.readlink()) for link in links if link.is_symlink()]
    return [target for target in targets if ".lance/" in target]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not show a process its descriptors")
async def test_searching_after_every_change_holds_no_more_files_open_the_longer_it_goes_on(tmp_path: Path) -> None:
    index = Index(tmp_path / "index", window=NO_WINDOW, rest=0)
    await index.create(TABLE, None)
    most = 0
    for number in range(60):
        await index.add(TABLE, [rows(number, prose(2, seed=number))])
        await index.optimize(TABLE, force=True)
        await index.candidates(TABLE, asked("w1"))
        most = max(most, len(held_files()))
    assert most < 24
    await index.purge(TABLE)
    assert [path for path in held_files() if "deleted" in path] == []
    await index.aclose()


async def test_a_table_is_settled_when_its_old_versions_have_left_the_window(tmp_path: Path) -> None:
    index = Index(tmp_path / "index", window=NO_WINDOW, rest=0)
    await text_table(index, "kestrel", "plover")
    assert await index.unsettled() == [TABLE]
    with anyio.fail_after(10):
        while await index.settle(TABLE) is not None:
            await anyio.lowlevel.checkpoint()
    assert await index.unsettled() == []
    assert await index.revs(TABLE) == {1: 1, 2: 1}
    await index.aclose()


async def test_deleted_rows_leave_the_disk_by_optimize_when_the_window_has_passed(tmp_path: Path) -> None:
    index = Index(tmp_path / "index", window=NO_WINDOW, rest=0)
    await text_table(index, *prose(30))
    await optimized(index)
    await index.delete(TABLE, [3])
    assert await index.unsettled() == [TABLE]
    await optimized(index)
    assert await index.unsettled() == []
    assert not [path for path in files(tmp_path) if path.parent.name == "_deletions"]
    assert set(await index.revs(TABLE)) == {1, 2, *range(4, 31)}
    await index.aclose()


async def test_the_window_keeps_what_readers_may_still_read(index: Index, tmp_path: Path) -> None:
    await text_table(index, "kestrel")
    before = {path for path in files(tmp_path) if path.suffix == ".lance"}
    await index.delete(TABLE, [1])
    assert not await index.optimize(TABLE)
    assert await index.optimize(TABLE, force=True)
    assert before <= set(files(tmp_path))


async def test_what_was_deleted_leaves_the_disk(index: Index, tmp_path: Path) -> None:
    await index.create(TABLE, DIMENSIONS)
    secret = "xq" + "zjkwv" * 6
    texts = [*prose(40), f"{secret} told once", *prose(40)]
    await index.add(TABLE, [rows(1, texts[:40], vectors(40)), rows(2, texts[40:41], vectors(1))])
    await index.add(TABLE, [rows(3, texts[41:], vectors(40))])
    await index.optimize(TABLE, force=True)
    await index.delete(TABLE, [2])
    await index.purge(TABLE)
    assert await index.unsettled() == []
    assert not [path for path in files(tmp_path) if secret.encode() in path.read_bytes()]
    assert not [path for path in files(tmp_path) if path.parent.name == "_deletions"]
    assert await index.revs(TABLE) == {1: 40, 3: 40}
    assert await revs_for(index, secret) == []
    assert await revs_for(index, texts[0])


async def state_of(tmp_path: Path) -> TableState:
    """The table as another process finds it."""
    return await (await (await Database.connect(str(tmp_path / "index"))).open(TABLE)).state()


def files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


def overwrite(path: Path) -> None:
    path.write_bytes(b"not what was written")


async def optimized(index: Index) -> None:
    """Optimize until nothing is due, as the worker does in time."""
    with anyio.fail_after(10):
        while await index.optimize(TABLE):
            await anyio.lowlevel.checkpoint()

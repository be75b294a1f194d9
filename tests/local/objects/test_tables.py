"""The index in object storage: the same answers as in a folder, and an outage is never taken for damage."""

import random
from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from support.buckets import QUICK, line_to, new_bucket, place_at, s3_server
from vectorstores_server.engines.local.index import (
    CandidateQuery,
    Candidates,
    Index,
    IndexUnavailable,
    IndexUnreachable,
    Rows,
    TableMissing,
)
from vectorstores_server.engines.local.index.memory import IndexMemory
from vectorstores_server.engines.local.objects.bucket import ObjectBucket
from vectorstores_server.engines.local.objects.table_copies import TableCopies
from vectorstores_server.engines.local.objects.tables import ObjectTables

TABLE = f"vs_{'0' * 24}_1"
OTHER = f"vs_{'1' * 24}_1"
DIMENSIONS = 4
ROOM = 1 << 30
WORDS = ["fox", "hound", "river", "stone", "moss", "heron", "oak"]


@pytest.fixture(scope="module")
def endpoint() -> Generator[str]:
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture
def bucket(endpoint: str) -> ObjectBucket:
    return ObjectBucket(place_at(endpoint, f"{new_bucket(endpoint)}/data"))


def rows(rev: int, number: int, dice: random.Random) -> Rows:
    drawn = np.random.default_rng(dice.randint(0, 1 << 30)).normal(size=(number, DIMENSIONS)).astype(np.float32)
    places, texts = list(range(number)), [" ".join(dice.choices(WORDS, k=6)) for _ in range(number)]
    ends = [place + 1 for place in places]
    return Rows(rev, places, places, ends, places, ends, texts, drawn / np.linalg.norm(drawn, axis=1, keepdims=True))


def question(dice: random.Random) -> CandidateQuery:
    drawn = np.random.default_rng(dice.randint(0, 1 << 30)).normal(size=DIMENSIONS).astype(np.float32)
    return CandidateQuery(vector=drawn, text=" ".join(dice.choices(WORDS, k=2)), revs=None)


def found(candidates: Candidates) -> list[tuple[object, ...]]:
    return sorted((c.rev, c.ordinal, round(c.cosine or 0, 5), round(c.text_score, 4)) for c in candidates.rows)


def index_of(bucket: ObjectBucket, folder: Path | None, room: int = ROOM, resident: int = 0) -> Index:
    copies = None if folder is None else TableCopies(bucket, folder, room, lapse=0.0)
    memory = IndexMemory(resident=resident)
    return Index(ObjectTables(bucket, copies), rest=0, window=timedelta(milliseconds=1), memory=memory)


async def test_a_table_is_made_filled_searched_emptied_and_dropped(bucket: ObjectBucket, tmp_path: Path) -> None:
    dice = random.Random(1)
    for index in (index_of(bucket, None), index_of(bucket, tmp_path / "copies"), Index(tmp_path / "index", rest=0)):
        assert await index.tables() == []
        await index.create(TABLE, DIMENSIONS)
        assert await index.add(TABLE, [rows(1, 5, dice), rows(2, 4, dice)]) is not None
        assert await index.tables() == [TABLE]
        assert await index.revs(TABLE) == {1: 5, 2: 4}
        assert len((await index.candidates(TABLE, question(dice))).rows) == 9
        await index.delete(TABLE, [1])
        assert await index.unsettled() == [TABLE]
        assert len((await index.candidates(TABLE, question(dice))).rows) == 4
        await index.purge(TABLE)
        assert (await index.place.traces(TABLE)).deleted_since is None
        assert await index.revs(TABLE) == {2: 4}
        await index.settle(TABLE)
        assert not await index.damaged(TABLE)
        assert await index.has_room(TABLE)
        assert not await index.place.holds_others(TABLE)
        assert await index.drop(TABLE)
        with pytest.raises(TableMissing):
            await index.candidates(TABLE, question(dice))
        assert await index.tables() == []
        await index.aclose()


async def test_a_table_that_is_discarded_goes_to_the_trash(bucket: ObjectBucket) -> None:
    index = index_of(bucket, None)
    await index.create(TABLE, DIMENSIONS)
    await index.discard(TABLE)
    assert await index.tables() == []
    assert {stored.name.split("/")[0] for stored in await bucket.list("")} == {"trash"}
    await index.aclose()


@pytest.mark.parametrize("seed", range(4))
async def test_a_copy_answers_as_the_original_does_at_each_version(
    bucket: ObjectBucket, tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    straight, copied = index_of(bucket, None), index_of(bucket, tmp_path / "copies", resident=dice.choice([0, 1 << 24]))
    await straight.create(TABLE, DIMENSIONS)
    live: list[int] = []
    for rev in range(1, 9):
        match dice.choice(["add", "add", "add", "delete", "optimize", "purge", "begin again"]):
            case "delete" if live:
                await straight.delete(TABLE, [live.pop(dice.randrange(len(live)))])
            case "optimize":
                await straight.optimize(TABLE, force=True)
            case "purge":
                await straight.purge(TABLE)
            case "begin again":
                await copied.aclose()
                copied = index_of(bucket, tmp_path / "copies")
            case _:
                await straight.add(TABLE, [rows(rev, dice.randint(1, 20), dice)])
                live.append(rev)
        asked = question(dice)
        assert found(await copied.candidates(TABLE, asked)) == found(await straight.candidates(TABLE, asked))
    await straight.aclose()
    await copied.aclose()


async def test_a_copy_that_is_new_enough_is_searched_without_a_request(endpoint: str, tmp_path: Path) -> None:
    dice = random.Random(2)
    with line_to(endpoint) as line:
        bucket = ObjectBucket(place_at(line.endpoint, f"{new_bucket(endpoint)}/data"))
        copies = TableCopies(bucket, tmp_path / "copies", ROOM)
        writer, reader = index_of(bucket, None), Index(ObjectTables(bucket, copies))
        await writer.create(TABLE, DIMENSIONS)
        version = await writer.add(TABLE, [rows(1, 5, dice)])
        assert len((await reader.candidates(TABLE, question(dice), version)).rows) == 5
        line.requests.clear()
        assert len((await reader.candidates(TABLE, question(dice), version)).rows) == 5
        assert line.requests == []
        newer = await writer.add(TABLE, [rows(2, 5, dice)])
        line.requests.clear()
        assert len((await reader.candidates(TABLE, question(dice), newer)).rows) == 10
        assert sum("list-type" in request for request in line.requests) == 1
        await writer.aclose()
        await reader.aclose()


async def test_copies_stay_within_their_bound_and_what_is_larger_is_searched_where_it_lies(
    bucket: ObjectBucket, tmp_path: Path
) -> None:
    dice, folder = random.Random(3), tmp_path / "copies"
    writer = index_of(bucket, None)
    for table in (TABLE, OTHER):
        await writer.create(table, DIMENSIONS)
        await writer.add(table, [rows(1, 20, dice)])
    parts = [await bucket.list(f"index/{TABLE}.lance/{part}") for part in ("data", "_indices")]
    size = sum(stored.size for part in parts for stored in part)
    for room, kept in ((1, set[str]()), (size + size // 2, {OTHER}), (3 * size, {TABLE, OTHER})):
        reader = index_of(bucket, folder, room)
        for table in (TABLE, OTHER):
            asked = question(dice)
            assert (await reader.candidates(table, asked)).distant == (not kept)
            assert found(await reader.candidates(table, asked)) == found(await writer.candidates(table, asked))
        assert {path.stem for path in folder.glob("*.lance")} == kept
        await reader.aclose()
    await writer.aclose()


@pytest.mark.parametrize(
    "broken_at", [0, 9, *(pytest.param(at, marks=pytest.mark.slow) for at in (3, 6, *range(12, 30, 3)))]
)
async def test_a_copy_that_was_interrupted_anywhere_is_never_taken_for_whole(
    endpoint: str, tmp_path: Path, broken_at: int
) -> None:
    dice = random.Random(broken_at)
    with line_to(endpoint) as line:
        name = f"{new_bucket(endpoint)}/data"
        writer = index_of(ObjectBucket(place_at(endpoint, name)), None)
        await writer.create(TABLE, DIMENSIONS)
        for rev in range(1, 4):
            await writer.add(TABLE, [rows(rev, 5, dice)])
        await writer.optimize(TABLE, force=True)
        bucket = ObjectBucket(place_at(line.endpoint, name, QUICK))
        line.break_at(broken_at, 503)
        with suppress(IndexUnreachable):
            await index_of(bucket, tmp_path / "copies").place.readable(TABLE)
        line.mend()
        reader, asked = index_of(bucket, tmp_path / "copies"), question(dice)
        assert await reader.place.readable(TABLE)
        assert found(await reader.candidates(TABLE, asked)) == found(await writer.candidates(TABLE, asked))
        await reader.aclose()
        await writer.aclose()


async def test_files_of_a_copy_that_another_process_took_away_are_not_missed(
    bucket: ObjectBucket, tmp_path: Path
) -> None:
    dice = random.Random(4)
    writer, reader = index_of(bucket, None), index_of(bucket, tmp_path / "copies")
    await writer.create(TABLE, DIMENSIONS)
    await writer.add(TABLE, [rows(1, 20, dice)])
    await reader.place.readable(TABLE)
    for path in (tmp_path / "copies" / f"{TABLE}.lance" / "data").iterdir():
        path.unlink()
    asked = question(dice)
    assert found(await reader.candidates(TABLE, asked)) == found(await writer.candidates(TABLE, asked))
    await writer.aclose()
    await reader.aclose()


OPERATIONS: dict[str, Callable[[Index], Awaitable[object]]] = {
    "create": lambda index: index.create(TABLE, DIMENSIONS),
    "create another": lambda index: index.create(OTHER, DIMENSIONS),
    "add": lambda index: index.add(TABLE, [rows(7, 3, random.Random(7))]),
    "delete": lambda index: index.delete(TABLE, [1]),
    "revs": lambda index: index.revs(TABLE),
    "stored": lambda index: index.stored(TABLE, 2),
    "rows": lambda index: index.rows(TABLE, [1, 2]),
    "candidates": lambda index: index.candidates(TABLE, question(random.Random(8))),
    "tables": lambda index: index.tables(),
    "unsettled": lambda index: index.unsettled(),
    "settle": lambda index: index.settle(TABLE),
    "optimize": lambda index: index.optimize(TABLE, force=True),
    "purge": lambda index: index.purge(TABLE),
}


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_an_outage_at_any_request_of_any_operation_is_no_damage(
    endpoint: str, tmp_path: Path, operation: str
) -> None:
    dice = random.Random(operation)
    with line_to(endpoint) as line:
        bucket = ObjectBucket(place_at(line.endpoint, f"{new_bucket(endpoint)}/data", QUICK))
        writer = index_of(bucket, None)
        await writer.create(TABLE, DIMENSIONS)
        await writer.add(TABLE, [rows(1, 5, dice), rows(2, 5, dice)])
        refused = 0
        for broken_at in (0, 1, 2, 4, 8, 16):
            index = index_of(bucket, tmp_path / str(broken_at) if dice.random() < 0.5 else None)
            line.break_at(broken_at, dice.choice([401, 403, 500, 503, "cut"]))
            try:
                await OPERATIONS[operation](index)
            except IndexUnreachable:
                refused += 1
            line.mend()
            await index.aclose()
        assert refused
        assert set(await writer.tables()) >= {TABLE}
        assert (await writer.revs(TABLE))[2] == 5
        await writer.aclose()


async def test_a_storage_that_hangs_ends_a_search_in_bounded_time_and_not_as_damage(endpoint: str) -> None:
    with line_to(endpoint) as line:
        bucket = ObjectBucket(place_at(line.endpoint, f"{new_bucket(endpoint)}/data", QUICK))
        index = index_of(bucket, None)
        await index.create(TABLE, DIMENSIONS)
        await index.add(TABLE, [rows(1, 5, random.Random(9))])
        line.break_at(0, "silent")
        with pytest.raises(IndexUnreachable):
            await index.candidates(TABLE, question(random.Random(10)))
        line.mend()
        assert len((await index.candidates(TABLE, question(random.Random(10)))).rows) == 5
        await index.aclose()


async def test_a_missing_table_and_a_damaged_one_are_told_from_an_outage(bucket: ObjectBucket) -> None:
    index = index_of(bucket, None)
    with pytest.raises(TableMissing):
        await index.revs(TABLE)
    await index.create(TABLE, DIMENSIONS)
    await index.add(TABLE, [rows(1, 5, random.Random(11))])
    manifests = [o.name for o in await bucket.list(f"index/{TABLE}.lance/_versions")]
    for name in manifests:
        await bucket.put(name, b"not a manifest")
    with pytest.raises(IndexUnavailable) as caught:
        await index.revs(TABLE)
    assert not isinstance(caught.value, IndexUnreachable)
    await index.aclose()

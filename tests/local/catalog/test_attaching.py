import random
from collections.abc import Generator
from contextlib import closing

import pytest

from support.memory_catalog import (
    NOW,
    SMALL,
    add_file,
    attach,
    batch_of,
    build,
    dead,
    fail_all,
    live,
    make_store,
    open_memory,
    queued,
    status,
)
from vectorstores_server.engines.local.catalog import attachments, batches, files, sources, stores
from vectorstores_server.engines.local.catalog.dialect import DB
from vectorstores_server.engines.local.catalog.ids import new_id
from vectorstores_server.engines.local.catalog.places import Origin
from vectorstores_server.engines.local.catalog.work_queue import BuiltRevision, blocked, doable, flip, still_wanted
from vectorstores_tools.contract.engine import AttachOptions
from vectorstores_tools.contract.errors import BatchNotFound, FileNotFound, FileNotInStore
from vectorstores_tools.contract.models import File
from vectorstores_tools.contract.requests import FileAttach, StoreFilesRequest

pytestmark = pytest.mark.usefixtures("dialect")


@pytest.fixture
def db() -> Generator[DB]:
    with closing(open_memory()) as db:
        yield db


# Attaching


def test_an_attached_file_is_in_progress_until_its_revision_goes_live(db: DB):
    store, file = make_store(db), add_file(db)
    assert attach(db, store, file).status == "in_progress"
    assert stores.retrieve_store(db, store, NOW).status == "in_progress"
    build(db)
    done = attachments.retrieve_store_file(db, store, file)
    assert (done.status, done.usage_bytes) == ("completed", 100)
    assert stores.retrieve_store(db, store, NOW).status == "completed"
    assert stores.retrieve_store(db, store, NOW).usage_bytes == 100


def test_attaching_an_attached_file_again_does_nothing(db: DB):
    store, file = make_store(db), add_file(db)
    attach(db, store, file, attributes={"a": 1})
    build(db)
    again = attach(db, store, file)
    assert (again.status, again.attributes) == ("completed", {"a": 1})
    assert not queued(db)


def test_given_attributes_replace_the_map_at_once_without_processing(db: DB):
    store, file = make_store(db), add_file(db)
    attach(db, store, file, attributes={"a": 1, "b": 2})
    build(db)
    again = attach(db, store, file, attributes={"c": 3})
    assert (again.status, again.attributes) == ("completed", {"c": 3})


def test_another_chunking_strategy_processes_again_and_the_old_version_stays_searchable_until_then(
    db: DB,
):
    store, file = make_store(db), add_file(db)
    attach(db, store, file)
    build(db)
    (old,) = live(db, store)
    again = attach(db, store, file, chunking_strategy=SMALL)
    assert again.status == "in_progress"
    assert again.chunking_strategy == {
        "type": "static",
        "static": {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 50},
    }
    assert live(db, store) == [old]
    build(db)
    (new,) = live(db, store)
    assert new > old
    assert dead(db) == {old}


def test_auto_chunking_is_reported_as_static_800_400(db: DB):
    store, file = make_store(db), add_file(db)
    shown = attach(db, store, file, chunking_strategy={"type": "auto"}).chunking_strategy
    assert shown == {"type": "static", "static": {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400}}


def test_a_failed_file_is_tried_again_when_it_is_attached_again(db: DB):
    store, file = make_store(db), add_file(db, "x.pdf")
    attach(db, store, file)
    fail_all(db)
    bad = attachments.retrieve_store_file(db, store, file)
    assert bad.status == "failed"
    assert bad.last_error is not None
    assert (bad.last_error.code, bad.last_error.message) == ("invalid_file", "x.pdf is damaged.")
    assert attach(db, store, file).status == "in_progress"
    build(db)
    good = attachments.retrieve_store_file(db, store, file)
    assert (good.status, good.last_error) == ("completed", None)


def test_a_failed_second_version_leaves_the_first_one_completed_with_the_error(db: DB):
    store, file = make_store(db), add_file(db)
    attach(db, store, file)
    build(db)
    before = live(db, store)
    batch = batches.create_batch(db, store, [FileAttach(file_id=file, chunking_strategy=SMALL)], NOW).id
    fail_all(db)
    kept = attachments.retrieve_store_file(db, store, file)
    assert (kept.status, kept.usage_bytes) == ("completed", 100)
    assert kept.last_error is not None
    assert kept.chunking_strategy is not None
    assert kept.chunking_strategy["static"]["max_chunk_size_tokens"] == 800
    assert live(db, store) == before
    assert batches.retrieve_batch(db, store, batch).status == "failed"


def test_a_file_that_was_attached_anew_while_in_work_goes_live_in_its_last_version_only(db: DB):
    store, file = make_store(db), add_file(db)
    attach(db, store, file)
    (first,) = queued(db)
    attach(db, store, file, chunking_strategy=SMALL)
    (second,) = queued(db)
    assert still_wanted(db, [first.rev, second.rev]) == {second.rev}
    assert flip(db, [BuiltRevision(first.rev, first.table, 1, 1)], NOW) == set()
    assert status(db, store, file) == "in_progress"
    assert flip(db, [BuiltRevision(second.rev, second.table, 1, 1)], NOW) == {second.rev}
    assert live(db, store) == [second.rev]
    assert dead(db) == {first.rev}


def test_single_files_come_before_batches_and_then_the_oldest(db: DB):
    store = make_store(db)
    many = [add_file(db) for _ in range(3)]
    batch_of(db, store, *many)
    lone = add_file(db)
    attach(db, store, lone)
    assert [w.file_id for w in queued(db)] == [lone, *many]
    assert [w.file_id for w in queued(db)][1:] == many


def test_a_batch_of_one_file_counts_as_a_single_file_until_a_second_comes(db: DB):
    store = make_store(db)
    many = [add_file(db) for _ in range(3)]
    batch_of(db, store, *many)
    growing, second = batch_of(db, store, add_file(db)), add_file(db)
    assert queued(db)[0].file_id not in many
    batches.add_to_batch(db, growing, store, FileAttach(file_id=second), NOW)
    assert [w.file_id for w in queued(db)][:3] == many
    assert batches.cancel_batch(db, store, growing, NOW).file_counts.cancelled == 2


def test_attaching_a_batch_file_alone_makes_it_urgent(db: DB):
    store = make_store(db)
    many = [add_file(db) for _ in range(3)]
    batch_of(db, store, *many)
    attach(db, store, many[2])
    assert queued(db)[0].file_id == many[2]


def test_work_of_another_embedder_is_left_to_who_has_it(db: DB):
    with_vectors, words = make_store(db, embedder="minilm"), make_store(db)
    attach(db, with_vectors, add_file(db))
    attach(db, words, add_file(db))
    assert [w.store_id for w in queued(db)] == [words]
    assert [w.store_id for w in queued(db, ["minilm"])] == [with_vectors, words]
    assert (blocked(db, [], NOW), blocked(db, ["minilm"], NOW)) == (1, 0)
    build(db)
    assert not doable(db, [], NOW)
    assert doable(db, ["minilm"], NOW)


# Batches


def test_a_batch_counts_its_own_files_as_it_left_them(db: DB):
    store, file, other = make_store(db), add_file(db), add_file(db)
    batch = batch_of(db, store, file, other)
    assert batches.retrieve_batch(db, store, batch).status == "in_progress"
    fail_all(db)
    attach(db, store, file)
    build(db)
    counted = batches.retrieve_batch(db, store, batch)
    assert (counted.status, counted.file_counts.failed, counted.file_counts.total) == ("failed", 2, 2)
    page = batches.list_batch_files(db, store, batch, StoreFilesRequest(filter="failed"))
    assert {f.id for f in page.data} == {file, other}
    assert all(f.last_error and f.last_error.message == "a.txt is damaged." for f in page.data)


def test_a_batch_with_some_failures_is_completed(db: DB):
    store, file = make_store(db), add_file(db)
    attach(db, store, file)
    build(db)
    batch = batch_of(db, store, file, add_file(db))
    assert batches.retrieve_batch(db, store, batch).file_counts.completed == 1
    fail_all(db)
    done = batches.retrieve_batch(db, store, batch)
    assert (done.status, done.file_counts.completed, done.file_counts.failed) == ("completed", 1, 1)


def test_cancelling_stops_what_no_other_batch_wants(db: DB):
    store, mine, shared, lone = make_store(db), add_file(db), add_file(db), add_file(db)
    batch, other = batch_of(db, store, mine, shared, lone), batch_of(db, store, shared)
    attach(db, store, lone)
    cancelled = batches.cancel_batch(db, store, batch, NOW)
    assert (cancelled.status, cancelled.file_counts.cancelled) == ("cancelled", 3)
    assert [status(db, store, f) for f in (mine, shared, lone)] == ["cancelled", "in_progress", "in_progress"]
    build(db)
    assert batches.retrieve_batch(db, store, other).status == "completed"
    assert batches.retrieve_batch(db, store, batch).file_counts.cancelled == 3


def test_cancelling_keeps_a_version_that_is_live(db: DB):
    store, file = make_store(db), add_file(db)
    attach(db, store, file)
    build(db)
    batch = batches.create_batch(db, store, [FileAttach(file_id=file, chunking_strategy=SMALL)], NOW).id
    batches.cancel_batch(db, store, batch, NOW)
    assert status(db, store, file) == "completed"
    assert len(live(db, store)) == 1


def test_cancelling_a_batch_that_has_ended_changes_nothing(db: DB):
    store = make_store(db)
    batch = batch_of(db, store, add_file(db))
    build(db)
    assert batches.cancel_batch(db, store, batch, NOW).status == "completed"


def test_two_batches_wait_for_one_revision_and_follow_it_to_the_next(db: DB):
    store, file = make_store(db), add_file(db)
    first, second = batch_of(db, store, file), batch_of(db, store, file)
    attach(db, store, file, chunking_strategy=SMALL)
    build(db)
    assert [batches.retrieve_batch(db, store, b).status for b in (first, second)] == ["completed", "completed"]


def test_a_batch_counts_a_file_that_was_detached_meanwhile_as_cancelled(db: DB):
    store, file, other = make_store(db), add_file(db), add_file(db)
    batch = batch_of(db, store, file, other)
    attachments.detach_file(db, store, file, NOW)
    build(db)
    done = batches.retrieve_batch(db, store, batch)
    assert (done.status, done.file_counts.cancelled, done.file_counts.completed) == ("completed", 1, 1)


def test_a_batch_names_a_missing_file_and_attaches_nothing(db: DB):
    store, file = make_store(db), add_file(db)
    with pytest.raises(FileNotFound, match="file-none"):
        batch_of(db, store, file, "file-none")
    with pytest.raises(FileNotInStore):
        attachments.retrieve_store_file(db, store, file)


def test_a_batch_of_another_store_is_not_found(db: DB):
    store = make_store(db)
    batch = batch_of(db, store, add_file(db))
    with pytest.raises(BatchNotFound):
        batches.retrieve_batch(db, make_store(db), batch)


# Sources


def enter(
    db: DB, store: str, source: str, sha256: str, batch: str | None = None, **options: object
) -> sources.EnteredSource:
    file = File(id=new_id("file-"), bytes=9, created_at=NOW, filename="a.txt")
    chosen = AttachOptions(**options)  # pyright: ignore[reportArgumentType] checked by the dataclass's users
    return sources.enter(db, store, Origin(source, sha256), file, lambda: None, chosen, batch, NOW)


def test_the_same_source_and_bytes_are_attached_once(db: DB):
    store = make_store(db)
    first, second = enter(db, store, "/a", "1" * 64), enter(db, store, "/a", "1" * 64)
    assert (first.new, second.new) == (True, False)
    assert second.file_id == first.file_id
    assert sources.standing(db, store, Origin("/a", "1" * 64), AttachOptions()) is not None
    assert sources.standing(db, store, Origin("/a", "2" * 64), AttachOptions()) is None
    assert stores.retrieve_store(db, store, NOW).file_counts.total == 1


def test_new_bytes_replace_the_old_file_in_the_moment_they_are_completed(db: DB):
    store = make_store(db)
    old = enter(db, store, "/a", "1" * 64)
    build(db)
    new = enter(db, store, "/a", "2" * 64)
    assert len(live(db, store)) == 1
    assert status(db, store, old.file_id) == "completed"
    build(db)
    assert len(live(db, store)) == 1
    assert status(db, store, new.file_id) == "completed"
    with pytest.raises(FileNotFound):
        files.retrieve_file(db, old.file_id, NOW)


def test_a_replaced_file_stays_where_another_store_has_it(db: DB):
    store, other = make_store(db), make_store(db)
    old = enter(db, store, "/a", "1" * 64)
    attach(db, other, old.file_id)
    enter(db, store, "/a", "2" * 64)
    build(db)
    assert status(db, other, old.file_id) == "completed"
    with pytest.raises(FileNotInStore):
        attachments.retrieve_store_file(db, store, old.file_id)


def test_bytes_that_came_back_before_their_successor_was_done_win(db: DB):
    store = make_store(db)
    enter(db, store, "/a", "1" * 64)
    build(db)
    enter(db, store, "/a", "2" * 64)
    last = enter(db, store, "/a", "1" * 64)
    assert last.new
    build(db)
    page = attachments.list_store_files(db, store, StoreFilesRequest())
    assert [f.id for f in page.data] == [last.file_id]


def test_a_failed_replacement_leaves_the_old_file_and_is_tried_again(db: DB):
    store = make_store(db)
    old = enter(db, store, "/a", "1" * 64)
    build(db)
    new = enter(db, store, "/a", "2" * 64)
    fail_all(db)
    assert status(db, store, old.file_id) == "completed"
    again = enter(db, store, "/a", "2" * 64)
    assert (again.new, again.file_id) == (False, new.file_id)
    assert again.batch_id is not None
    build(db)
    assert status(db, store, new.file_id) == "completed"
    with pytest.raises(FileNotInStore):
        attachments.retrieve_store_file(db, store, old.file_id)


def test_no_update_of_attributes_touches_the_source(db: DB):
    store = make_store(db)
    entered = enter(db, store, "/a", "1" * 64, attributes={"a": 1})
    attachments.update_store_file(db, store, entered.file_id, None, NOW)
    again = enter(db, store, "/a", "1" * 64)
    assert not again.new
    assert again.batch_id is None


@pytest.mark.parametrize("seed", range(5))
def test_the_last_batch_of_files_is_the_newest_that_holds_one_of_them(db: DB, seed: int) -> None:
    chance = random.Random(seed)
    ids = [make_store(db), make_store(db)]
    known = [add_file(db) for _ in range(12)]
    made: list[tuple[int, str, str, list[str]]] = []
    for _ in range(8):
        some, id, now = chance.sample(known, chance.randint(1, 4)), chance.choice(ids), NOW + chance.randint(0, 3)
        batch = batches.create_batch(db, id, [FileAttach(file_id=file) for file in some], now)
        made.append((now, batch.id, id, some))
    strangers = [f"file-{number}" for number in range(2 * batches.AT_ONCE)]
    questions = [*([file] for file in known), known[:5], [*strangers, *known[3:6], *strangers], strangers, []]
    found = [batches.last_batch(db, id, asked) for asked in questions for id in ids]
    assert found == [
        max(((now, batch) for now, batch, of, some in made if of == id and set(some) & set(asked)), default=(0, None))[
            1
        ]
        for asked in questions
        for id in ids
    ]

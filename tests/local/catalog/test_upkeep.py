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
from vectorstores_server.engines.local.catalog import (
    attachments,
    batches,
    enqueue,
    expiry,
    files,
    index_tables,
    reconciliation,
    search_view,
    stores,
)
from vectorstores_server.engines.local.catalog.dialect import DB
from vectorstores_server.engines.local.catalog.ids import new_id
from vectorstores_server.engines.local.catalog.work_queue import BuiltRevision, flip
from vectorstores_tools.contract.errors import FileNotFound, FileNotInStore, StoreExpired, StoreNotFound
from vectorstores_tools.contract.filters import parse_filter
from vectorstores_tools.contract.models import File
from vectorstores_tools.contract.requests import FileAttach, StoreCreate, StoreFilesRequest, StoreUpdate

pytestmark = pytest.mark.usefixtures("dialect")

DAY = 24 * 3600


@pytest.fixture
def db() -> Generator[DB]:
    with closing(open_memory()) as db:
        yield db


# Leaving


def test_deleting_a_file_detaches_it_everywhere(db: DB):
    file = add_file(db)
    owners = [make_store(db), make_store(db)]
    for store in owners:
        attach(db, store, file)
    build(db)
    revs = {rev for store in owners for rev in live(db, store)}
    files.delete_file(db, file, NOW)
    assert dead(db) == revs
    assert [stores.retrieve_store(db, s, NOW).file_counts.total for s in owners] == [0, 0]


def test_a_deleted_store_leaves_its_files_and_a_table_to_drop(db: DB):
    store, file = make_store(db), add_file(db)
    attach(db, store, file)
    build(db)
    stores.delete_store(db, store, NOW)
    assert files.retrieve_file(db, file, NOW)[0].id == file
    assert expiry.tables_to_drop(db, NOW) == []
    assert expiry.tables_to_drop(db, NOW + 61) == [f"{store}_1"]
    expiry.forget_table(db, f"{store}_1")
    assert reconciliation.known_tables(db) == {}
    assert db.execute("SELECT count(*) FROM attachment").fetchone()[0] == 0


def test_revisions_are_swept_a_minute_after_they_died(db: DB):
    store, file = make_store(db), add_file(db)
    attach(db, store, file)
    build(db)
    revs = live(db, store)
    attachments.detach_file(db, store, file, NOW)
    assert not expiry.due(db, NOW + 59)
    assert expiry.next_due(db) == NOW + 60
    assert expiry.dead_revs(db, NOW + 60) == {f"{store}_1": revs}
    expiry.forget_revs(db, revs)
    assert not expiry.due(db, NOW + 60)


def test_an_expired_store_can_be_retrieved_listed_and_deleted_only(db: DB):
    store = make_store(db, expires_after={"anchor": "last_active_at", "days": 1})
    file = add_file(db)
    attach(db, store, file)
    late = NOW + DAY
    assert stores.retrieve_store(db, store, late - 1).status != "expired"
    assert stores.retrieve_store(db, store, late).status == "expired"
    assert attachments.list_store_files(db, store, StoreFilesRequest()).data[0].id == file
    with pytest.raises(StoreExpired, match=r"create_store\(file_ids=\[\"" + file):
        attach(db, store, file, late)
    for act in (
        lambda: search_view.view(db, store, None, late),
        lambda: stores.update_store(db, store, StoreUpdate(name="x"), late),
        lambda: attachments.detach_file(db, store, file, late),
        lambda: attachments.update_store_file(db, store, file, {}, late),
        lambda: batch_of_late(db, store, file, late),
    ):
        with pytest.raises(StoreExpired):
            act()
    stores.delete_store(db, store, late)


def batch_of_late(db: DB, store: str, file: str, now: int) -> object:
    return batches.create_batch(db, store, [FileAttach(file_id=file)], now)


def test_the_worker_makes_expiry_final_and_nothing_revives_the_store(db: DB):
    store = make_store(db, expires_after={"anchor": "last_active_at", "days": 1})
    batch = batch_of(db, store, add_file(db))
    late = NOW + DAY
    assert not queued(db, now=late)
    assert expiry.due(db, late)
    assert expiry.expire(db, late) == 1
    assert batches.retrieve_batch(db, store, batch).status == "cancelled"
    assert expiry.tables_to_drop(db, late + 60) == [f"{store}_1"]
    stores.touch(db, store, late)
    assert stores.retrieve_store(db, store, NOW).status == "expired"
    assert not expiry.due(db, late)


def test_use_moves_expiry_at_most_once_a_minute(db: DB):
    store = make_store(db, expires_after={"anchor": "last_active_at", "days": 1})
    stores.touch(db, store, NOW + 59)
    assert stores.retrieve_store(db, store, NOW).expires_at == NOW + DAY
    stores.touch(db, store, NOW + 60)
    moved = stores.retrieve_store(db, store, NOW)
    assert (moved.last_active_at, moved.expires_at) == (NOW + 60, NOW + 60 + DAY)
    stores.touch(db, store, NOW + 60 + DAY)
    assert stores.retrieve_store(db, store, NOW).last_active_at == NOW + 60
    assert expiry.expire(db, NOW + 60 + DAY - 1) == 0


def test_expired_files_go_with_their_attachments(db: DB):
    store = make_store(db)
    file = File(id=new_id("file-"), bytes=1, created_at=NOW, expires_at=NOW + 3600, filename="a")
    files.insert_file(db, file, "f" * 64)
    attach(db, store, file.id)
    with pytest.raises(FileNotFound):
        files.retrieve_file(db, file.id, NOW + 3600)
    assert expiry.next_due(db) == NOW + 3600
    expiry.expire(db, NOW + 3600)
    assert stores.retrieve_store(db, store, NOW).file_counts.total == 0
    assert expiry.unreferenced(db, ["f" * 64]) == {"f" * 64}


def test_tombstones_last_a_week(db: DB):
    file = add_file(db)
    files.delete_file(db, file, NOW)
    expiry.expire(db, NOW + 7 * DAY - 1)
    assert db.execute("SELECT count(*) FROM tombstone").fetchone()[0] == 1
    expiry.expire(db, NOW + 7 * DAY)
    assert db.execute("SELECT count(*) FROM tombstone").fetchone()[0] == 0


# Names for ids


def test_a_name_in_the_place_of_an_id_is_answered_with_the_id(db: DB):
    store, file = make_store(db, name="papers"), add_file(db, "a.pdf")
    attach(db, store, file)
    with pytest.raises(StoreNotFound, match=store):
        stores.retrieve_store(db, "papers", NOW)
    with pytest.raises(FileNotFound, match=file):
        files.retrieve_file(db, "a.pdf", NOW)
    with pytest.raises(FileNotInStore, match=file):
        attachments.retrieve_store_file(db, store, "a.pdf")


def test_a_store_of_a_known_name_is_made_and_the_others_are_named(db: DB):
    first = make_store(db, name="papers")
    second, others = enqueue.create_store(db, StoreCreate(name="papers"), None, None, NOW)
    assert others == [first]
    assert second.id != first


def test_what_was_set_is_replaced_and_none_clears(db: DB):
    store = make_store(
        db, name="a", metadata={"k": "v"}, description="d", expires_after={"anchor": "last_active_at", "days": 2}
    )
    stores.update_store(db, store, StoreUpdate(metadata={"x": "y"}), NOW + 5)
    kept = stores.retrieve_store(db, store, NOW)
    assert (kept.name, kept.metadata, kept.description) == ("a", {"x": "y"}, "d")
    assert kept.expires_at == NOW + 5 + 2 * DAY
    stores.update_store(db, store, StoreUpdate(name=None, metadata=None, expires_after=None), NOW + 6)
    cleared = stores.retrieve_store(db, store, NOW)
    assert (cleared.name, cleared.metadata, cleared.expires_after, cleared.expires_at) == (None, None, None, None)


# Searching


def test_a_search_sees_what_is_live_and_knows_what_is_not(db: DB):
    store = make_store(db)
    red, blue, bad = (add_file(db, f"{n}.txt") for n in ("red", "blue", "bad"))
    attach(db, store, bad)
    fail_all(db)
    attach(db, store, red, attributes={"colour": "red"})
    attach(db, store, blue)
    build(db)
    attach(db, store, blue, chunking_strategy=SMALL)
    (wanted,) = queued(db)
    seen = search_view.view(db, store, None, NOW)
    # blue is in progress again, but its first version is there to be found
    assert (seen.total, seen.live, seen.in_progress, seen.failed, seen.matching) == (3, 2, 0, 1, None)
    assert wanted.rev in seen.unfinished
    assert set(live(db, store)).isdisjoint(seen.unfinished)
    filter = parse_filter({"type": "eq", "key": "colour", "value": "red"})
    assert filter is not None
    matching = search_view.view(db, store, filter, NOW).matching
    assert matching is not None
    (rev,) = matching
    assert len(live(db, store)) == 2
    cited = search_view.cited(db, store, [rev, wanted.rev])
    assert cited.keys() == {rev}
    assert (cited[rev].file_id, cited[rev].filename, cited[rev].attributes) == (red, "red.txt", {"colour": "red"})


# A new table, and repair


def test_a_store_moves_to_a_new_table_when_it_holds_everything_live(db: DB):
    store = make_store(db)
    one, two = add_file(db), add_file(db)
    attach(db, store, one)
    build(db)
    new = index_tables.begin_table(db, store, "e", 3)
    (first,) = index_tables.live_files(db, store, (), 10)
    attach(db, store, two)
    build(db)
    built = {first.rev: BuiltRevision(first.rev, new, 5, 50)}
    (missing,) = index_tables.switch_table(db, store, new, built, NOW)
    assert [f.rev for f in index_tables.live_files(db, store, [first.rev], 10)] == [missing]
    built |= {missing: BuiltRevision(missing, new, 6, 60), 99: BuiltRevision(99, new, 1, 1)}
    assert index_tables.switch_table(db, store, new, built, NOW) == []
    moved = index_tables.store_table(db, store)
    assert moved is not None
    assert (moved.name, moved.embedder, moved.dimensions, moved.files) == (new, "e", 3, 2)
    assert reconciliation.live_rows(db, new) == {first.rev: 5, missing: 6}
    assert stores.retrieve_store(db, store, NOW).usage_bytes == 110
    assert expiry.tables_to_drop(db, NOW + 60) == [f"{store}_1"]
    assert reconciliation.kept_revs(db, new) == {first.rev, missing, 99}


def test_what_was_built_for_a_table_that_is_no_longer_live_is_built_again(db: DB):
    store, file = make_store(db), add_file(db)
    attach(db, store, file)
    (work,) = queued(db)
    new = index_tables.begin_table(db, store, None, None)
    assert index_tables.switch_table(db, store, new, {}, NOW) == []
    assert flip(db, [BuiltRevision(work.rev, work.table, 1, 1)], NOW) == set()
    (again,) = queued(db)
    assert (again.rev, again.table) == (work.rev, new)


def test_a_live_revision_that_lost_rows_is_queued_and_stays_live_until_it_is_built(db: DB):
    store, file = make_store(db), add_file(db)
    attach(db, store, file)
    build(db)
    (rev,) = live(db, store)
    assert reconciliation.requeue(db, [rev], NOW) == 1
    assert reconciliation.requeue(db, [rev], NOW) == 0
    assert live(db, store) == [rev]
    build(db)
    assert live(db, store) != [rev]
    assert rev in dead(db)


def test_an_unreadable_table_is_set_aside_and_everything_queued(db: DB):
    store, file = make_store(db), add_file(db)
    attach(db, store, file, attributes={"a": 1})
    build(db)
    assert reconciliation.rebuild(db, f"{store}_1", NOW)
    assert not reconciliation.rebuild(db, f"{store}_1", NOW)
    assert reconciliation.known_tables(db) == {f"{store}_2": "live"}
    assert status(db, store, file) == "in_progress"
    assert stores.retrieve_store(db, store, NOW).usage_bytes == 0
    build(db)
    assert status(db, store, file) == "completed"
    assert len(live(db, store)) == 1


def test_the_worker_notes_how_it_left(db: DB):
    assert reconciliation.worker_row(db) == (True, "")
    reconciliation.mark_worker(db, clean=False, boot_id="b1")
    assert reconciliation.worker_row(db) == (False, "b1")

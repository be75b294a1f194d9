"""Order, cursors, and that lists of any length come from an index."""

import sqlite3
import time
from collections.abc import Generator
from contextlib import closing
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.examples import examples
from support.memory_catalog import (
    NOW,
    add_file,
    attach,
    batch_of,
    build,
    fail_all,
    make_store,
    open_memory,
    open_sqlite,
)
from vectorstores_server.engines.local.catalog import attachments, batches, expiry, files, stores
from vectorstores_server.engines.local.catalog.dialect import DB
from vectorstores_server.engines.local.catalog.ids import new_id
from vectorstores_tools.contract.errors import BadCursor
from vectorstores_tools.contract.requests import FilesRequest, PageRequest, StoreFilesRequest

pytestmark = pytest.mark.usefixtures("dialect")

Order = Literal["asc", "desc"]


@pytest.fixture
def db() -> Generator[DB]:
    with closing(open_memory()) as db:
        yield db


@pytest.fixture
def sqlite(dialect: None) -> Generator[sqlite3.Connection]:
    del dialect
    with closing(open_sqlite()) as db:
        yield db


@settings(max_examples=examples(100), deadline=None)
@given(
    times=st.lists(st.integers(0, 3), max_size=12),
    limit=st.integers(1, 4),
    order=st.sampled_from(["asc", "desc"]),
    gone=st.lists(st.integers(0, 11), max_size=6),
)
def test_paging_shows_every_store_that_stays_once_and_in_order_whatever_is_deleted_meanwhile(
    times: list[int], limit: int, order: Order, gone: list[int]
):
    with closing(open_memory()) as db:
        made = [make_store(db, now=t) for t in times]
        placed = sorted(zip(times, made, strict=True), reverse=order == "desc")
        doomed = {made[i] for i in gone if i < len(made)}
        seen: list[str] = []
        after = None
        while True:
            page = stores.list_stores(db, PageRequest(limit=limit, order=order, after=after), NOW)
            seen += [s.id for s in page.data]
            for store in doomed & set(seen):
                stores.delete_store(db, store, NOW)
                doomed.discard(store)
            if not page.has_more:
                break
            after = page.last_id
        assert seen == [id for _, id in placed]


@settings(max_examples=examples(100), deadline=None)
@given(times=st.lists(st.integers(0, 3), min_size=1, max_size=12), limit=st.integers(1, 4), data=st.data())
def test_before_gives_the_items_just_before_the_cursor_in_the_lists_order(
    times: list[int], limit: int, data: st.DataObject
):
    order: Order = data.draw(st.sampled_from(["asc", "desc"]))
    with closing(open_memory()) as db:
        placed = [id for _, id in sorted(((t, make_store(db, now=t)) for t in times), reverse=order == "desc")]
        cursor = data.draw(st.sampled_from(placed))
        page = stores.list_stores(db, PageRequest(limit=limit, order=order, before=cursor), NOW)
        earlier = placed[: placed.index(cursor)]
        assert [s.id for s in page.data] == earlier[-limit:]
        assert page.has_more == (len(earlier) > limit)


def test_after_and_before_together_give_what_lies_between(db: DB):
    made = [make_store(db, now=t) for t in range(6)]
    page = stores.list_stores(db, PageRequest(order="asc", after=made[1], before=made[4]), NOW)
    assert [s.id for s in page.data] == made[2:4]


def test_an_empty_page_has_no_first_and_no_last(db: DB):
    page = stores.list_stores(db, PageRequest(), NOW)
    assert (page.data, page.first_id, page.last_id, page.has_more) == ([], None, None, False)


@pytest.mark.parametrize("param", ["after", "before"])
def test_an_id_that_never_existed_is_a_bad_cursor(db: DB, param: str):
    store, file = make_store(db), add_file(db)
    request = {param: "nothing"}
    for list_it in (
        lambda: stores.list_stores(db, PageRequest.model_validate(request), NOW),
        lambda: files.list_files(db, FilesRequest.model_validate(request), NOW),
        lambda: attachments.list_store_files(db, store, StoreFilesRequest.model_validate(request)),
        lambda: attachments.list_store_files(db, store, StoreFilesRequest.model_validate({param: file})),
    ):
        with pytest.raises(BadCursor) as refused:
            list_it()
        assert refused.value.param == param


def test_a_cursor_stays_good_for_a_week_after_its_item_is_gone(db: DB):
    store = make_store(db)
    members = [add_file(db, now=NOW + number) for number in range(3)]
    for number, file in enumerate(members):
        attach(db, store, file, NOW + number)
    attachments.detach_file(db, store, members[1], NOW)
    request = StoreFilesRequest(order="asc", after=members[1])
    assert [f.id for f in attachments.list_store_files(db, store, request).data] == members[2:]
    files.delete_file(db, members[0], NOW)
    assert files.list_files(db, FilesRequest(after=members[0], order="asc"), NOW).data
    expiry.expire(db, NOW + 7 * 24 * 3600)
    with pytest.raises(BadCursor):
        attachments.list_store_files(db, store, request)


def test_files_are_listed_by_status_and_uploads_by_purpose(db: DB):
    store, good, bad = make_store(db), add_file(db), add_file(db)
    attach(db, store, bad)
    fail_all(db)
    attach(db, store, good)
    build(db)
    failed = attachments.list_store_files(db, store, StoreFilesRequest(filter="failed"))
    assert [f.id for f in failed.data] == [bad]
    assert len(files.list_files(db, FilesRequest(purpose="assistants"), NOW).data) == 2
    assert files.list_files(db, FilesRequest(purpose="batch"), NOW).data == []


def test_a_batch_lists_its_own_files_only(db: DB):
    store, mine, other = make_store(db), [add_file(db) for _ in range(3)], add_file(db)
    attach(db, store, other)
    batch = batch_of(db, store, *mine)
    page = batches.list_batch_files(db, store, batch, StoreFilesRequest(limit=2, order="asc"))
    rest = batches.list_batch_files(db, store, batch, StoreFilesRequest(order="asc", after=page.last_id))
    assert page.has_more
    assert sorted(f.id for f in (*page.data, *rest.data)) == sorted(mine)
    with pytest.raises(BadCursor):
        batches.list_batch_files(db, store, batch, StoreFilesRequest(after=other))


def plan_of(db: sqlite3.Connection, run: object) -> list[str]:
    """The plans of the statements that `run` executes."""
    told: list[str] = []
    db.set_trace_callback(told.append)
    assert callable(run)
    run()
    db.set_trace_callback(None)
    return [
        f"{row['detail']}: {sql}"
        for sql in told
        if sql.startswith("SELECT")
        for row in db.execute(f"EXPLAIN QUERY PLAN {sql}")
    ]


def test_no_page_sorts_or_reads_more_than_it_shows(sqlite: sqlite3.Connection):
    db = sqlite
    store, file = make_store(db), add_file(db)
    attach(db, store, file)
    for run in (
        lambda: stores.list_stores(db, PageRequest(after=store), NOW),
        lambda: files.list_files(db, FilesRequest(after=file), NOW),
        lambda: files.list_files(db, FilesRequest(after=file, purpose="assistants"), NOW),
        lambda: attachments.list_store_files(db, store, StoreFilesRequest(after=file)),
        lambda: attachments.list_store_files(
            db, store, StoreFilesRequest(after=file, filter="in_progress", order="asc")
        ),
    ):
        plan = plan_of(db, run)
        assert plan
        for step in plan:
            assert "TEMP B-TREE" not in step
            assert not step.startswith("SCAN") or "USING INDEX" in step.split(":")[0] or "USING COVERING" in step


def test_ids_sort_in_the_order_in_which_they_are_made() -> None:
    ids: list[str] = []
    for _ in range(20):
        ids.append(new_id("vs_"))
        until = time.time_ns() + 2_000
        while time.time_ns() < until:
            pass
    assert ids == sorted(ids)
    assert {len(one) for one in ids} == {27}

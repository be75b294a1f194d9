"""What holds after any sequence of what can happen to a catalog."""

import json
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.examples import examples
from support.memory_catalog import NOW, SMALL, add_file, fail_all, make_store, open_memory, queued
from vectorstores_server.engines.local.catalog import (
    attachments,
    batches,
    enqueue,
    expiry,
    files,
    index_tables,
    reconciliation,
)
from vectorstores_server.engines.local.catalog.dialect import DB
from vectorstores_server.engines.local.catalog.work_queue import BuiltRevision, flip
from vectorstores_tools.contract.errors import VectorStoreError
from vectorstores_tools.contract.requests import AttributeValue, FileAttach

pytestmark = pytest.mark.usefixtures("dialect")

if TYPE_CHECKING:
    from collections.abc import Callable

Step = tuple[str, int, int]


class Play:
    """Two stores and four files, to which steps happen."""

    def __init__(self, db: DB) -> None:
        self.db = db
        self.stores = [make_store(db), make_store(db, expires_after={"anchor": "last_active_at", "days": 1})]
        self.files = [add_file(db) for _ in range(4)]
        self.batches: list[tuple[str, str]] = []
        self.flipped: list[int] = []

    def step(self, name: str, store: int, file: int) -> None:
        steps: dict[str, Callable[[str, str], object]] = {
            "attach": lambda s, f: self.attach(s, f),
            "resize": lambda s, f: self.attach(s, f, small=True),
            "tag": lambda s, f: attachments.update_store_file(self.db, s, f, {"a": file}, NOW),
            "batch": lambda s, f: self.batch(s),
            "cancel": lambda s, f: [batches.cancel_batch(self.db, *b, NOW) for b in self.batches[-1:]],
            "detach": lambda s, f: attachments.detach_file(self.db, s, f, NOW),
            "delete": lambda s, f: files.delete_file(self.db, f, NOW),
            "build": lambda s, f: self.build(),
            "build one": lambda s, f: self.build(1),
            "fail": lambda s, f: fail_all(self.db),
            "rebuild": lambda s, f: self.rebuild(self.stores[0]),
            "requeue": lambda s, f: reconciliation.requeue(self.db, self.flipped, NOW),
            "switch": lambda s, f: self.switch(self.stores[0]),
            "expire": lambda s, f: expiry.expire(self.db, NOW + 24 * 3600),
        }
        try:
            steps[name](self.stores[store], self.files[file])
        except VectorStoreError:
            return

    def attach(self, store: str, file: str, *, small: bool = False) -> None:
        attributes: dict[str, AttributeValue] = {"b": True}
        chosen = SMALL if small else None
        enqueue.attach_file(
            self.db, store, FileAttach(file_id=file, attributes=attributes, chunking_strategy=chosen), NOW
        )

    def batch(self, store: str) -> None:
        made = batches.create_batch(self.db, store, [FileAttach(file_id=f) for f in self.files], NOW)
        self.batches.append((store, made.id))

    def build(self, limit: int = 10) -> None:
        built = [BuiltRevision(w.rev, w.table, 1, 10) for w in queued(self.db)[:limit]]
        self.flipped += flip(self.db, built, NOW)

    def rebuild(self, store: str) -> None:
        (table,) = self.db.execute("SELECT table_name FROM store WHERE id = ?", (store,)).fetchone()
        assert reconciliation.rebuild(self.db, table, NOW)

    def switch(self, store: str) -> None:
        new = index_tables.begin_table(self.db, store, None, None)
        built = {f.rev: BuiltRevision(f.rev, new, 1, 10) for f in index_tables.live_files(self.db, store, (), 10)}
        assert index_tables.switch_table(self.db, store, new, built, NOW) == []


STEPS = st.sampled_from([
    "attach", "resize", "tag", "batch", "cancel", "detach", "delete", "build", "build one", "fail", "rebuild",
    "requeue", "switch", "expire",
])  # fmt: skip


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(st.tuples(STEPS, st.integers(0, 1), st.integers(0, 3)), max_size=25))
def test_counts_queue_and_batches_agree_with_the_attachments(steps: list[Step]):
    with closing(open_memory()) as db:
        play = Play(db)
        for step in steps:
            play.step(*step)
        assert_true(db)
        play.build()
        assert db.execute("SELECT count(*) FROM batch_file WHERE rev IS NOT NULL").fetchone()[0] == 0


def assert_true(db: DB) -> None:
    nothing: dict[str, str] = {
        "an attachment is in progress exactly while it is queued": (
            "SELECT 1 FROM attachment WHERE (status = 'in_progress') != (want_rev IS NOT NULL)"
        ),
        "sizes are wanted exactly while a revision is": (
            "SELECT 1 FROM attachment WHERE (want_size IS NULL) != (want_rev IS NULL)"
        ),
        "completed means searchable": "SELECT 1 FROM attachment WHERE status = 'completed' AND live_rev IS NULL",
        "failed or cancelled means not searchable": (
            "SELECT 1 FROM attachment WHERE status IN ('failed', 'cancelled') AND live_rev IS NOT NULL"
        ),
        "a batch waits for what somebody builds": (
            "SELECT 1 FROM batch_file WHERE rev IS NOT NULL AND rev NOT IN"
            " (SELECT want_rev FROM attachment WHERE want_rev IS NOT NULL)"
        ),
        "a batch's file is in progress exactly while it waits": (
            "SELECT 1 FROM batch_file WHERE (status = 'in_progress') != (rev IS NOT NULL)"
        ),
        "no revision is both alive and dead in one table": (
            "SELECT 1 FROM attachment JOIN store ON store.id = store_id JOIN dead_rev ON dead_rev.table_name ="
            " store.table_name WHERE rev IN (live_rev, want_rev)"
        ),
        "no two revisions are the same": (
            "SELECT rev FROM (SELECT live_rev AS rev FROM attachment UNION ALL SELECT want_rev FROM attachment)"
            " AS revs WHERE rev IS NOT NULL GROUP BY rev HAVING count(*) > 1"
        ),
        "a store counts its attachments": (
            "SELECT 1 FROM store LEFT JOIN attachment ON store_id = store.id GROUP BY store.id HAVING"
            " n_in_progress != count(CASE status WHEN 'in_progress' THEN 1 END)"
            " OR n_completed != count(CASE status WHEN 'completed' THEN 1 END)"
            " OR n_failed != count(CASE status WHEN 'failed' THEN 1 END)"
            " OR n_cancelled != count(CASE status WHEN 'cancelled' THEN 1 END)"
            " OR n_live != count(live_rev)"
            " OR store.usage_bytes != coalesce(sum(attachment.usage_bytes), 0)"
        ),
        "attributes carry what is live": (
            "SELECT 1 FROM attribute JOIN attachment ON id = attachment_id"
            " WHERE coalesce(rev, -1) != coalesce(live_rev, -1)"
        ),
        "each living store has one live table": (
            "SELECT 1 FROM store LEFT JOIN store_table ON store_id = id AND state = 'live' GROUP BY store.id"
            " HAVING count(store_table.name) != 1 - expired OR max(store_table.name) != table_name"
        ),
    }
    for promise, violation in nothing.items():
        assert db.execute(violation).fetchone() is None, promise
    held = db.execute("SELECT id, attributes, key FROM attachment LEFT JOIN attribute ON attachment_id = id").fetchall()
    given = {row["id"]: set(json.loads(row["attributes"])) for row in held}
    read = {id: {row["key"] for row in held if row["id"] == id} - {None} for id in given}
    assert read == given, "attributes are what filters read"

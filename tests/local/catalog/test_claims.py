"""Builders that come late: whatever is claimed, built, taken over, deleted and swept in whichever order, rows stay."""

from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.examples import examples
from support.memory_catalog import NOW, SMALL, add_file, attach, build, dead, live, make_store, open_memory, queued
from vectorstores_server.engines.local.catalog import attachments, enqueue, expiry, files, index_tables, reconciliation
from vectorstores_server.engines.local.catalog.dialect import DB
from vectorstores_server.engines.local.catalog.places import Origin
from vectorstores_server.engines.local.catalog.revisions import bury_revs
from vectorstores_server.engines.local.catalog.work_queue import BuiltRevision, QueuedRevision, failed, flip
from vectorstores_server.engines.local.index import TableMissing
from vectorstores_server.engines.local.worker.reconciliation import reconcile
from vectorstores_tools.contract.errors import VectorStoreError
from vectorstores_tools.contract.requests import FileAttach

pytestmark = pytest.mark.usefixtures("dialect")

if TYPE_CHECKING:
    from vectorstores_server.engines.local.catalog import Catalog
    from vectorstores_server.engines.local.index import Index

Step = tuple[str, int, int]
FRESH_LOOPS = True
ROWS = 2


class Builders:
    """Two stores, three files, several builders that know nothing of each other, and the rows of the index.

    Steps that are put into `meanwhile` happen while a reconcile waits for the catalog or the index.
    """

    def __init__(self, db: DB) -> None:
        self.db = db
        self.stores = [make_store(db), make_store(db)]
        self.files = [add_file(db) for _ in range(3)]
        self.claims: list[QueuedRevision] = []
        self.rows: dict[str, dict[int, int]] = {f"{store}_1": {} for store in self.stores}
        self.meanwhile: deque[Step] = deque()

    def step(self, name: str, which: int, file: int) -> None:
        store, file_id = self.stores[which % 2], self.files[file]
        steps: dict[str, Callable[[], object]] = {
            "attach": lambda: attach(self.db, store, file_id),
            "requeue": lambda: attach(self.db, store, file_id, chunking_strategy=SMALL.model_dump()),
            "replace": lambda: self.replace(store, file_id),
            "detach": lambda: attachments.detach_file(self.db, store, file_id, NOW),
            "delete": lambda: files.delete_file(self.db, file_id, NOW),
            "claim": lambda: self.claims.extend(queued(self.db)[: 1 + which]),
            "add": lambda: [self.add(claim) for claim in self.picked(which)],
            "flip": lambda: flip(self.db, [self.built(claim) for claim in self.picked(which)], NOW),
            "give up": lambda: [failed(self.db, claim.rev, "invalid_file", "x", NOW) for claim in self.picked(which)],
            "abandon": lambda: [bury_revs(self.db, claim.table, [claim.rev], NOW) for claim in self.picked(which)],
            "take over": lambda: reconciliation.take_over(self.db, [claim.rev for claim in self.claims[:which]], NOW),
            "sweep": lambda: self.sweep(),
            "switch": lambda: self.switch(store),
        }
        try:
            steps[name]()
        except VectorStoreError:
            return

    def picked(self, which: int) -> list[QueuedRevision]:
        """Return a claim, an old one as likely as a new one; it stays, so that its builder may come again."""
        return self.claims[which::5][:1]

    def replace(self, store: str, file: str) -> None:
        enqueue.require_files(self.db, [file], NOW)
        enqueue.attach(self.db, store, FileAttach(file_id=file), NOW, enqueue.ALONE, Origin("/a", "0" * 64))

    def add(self, claim: QueuedRevision) -> None:
        if claim.table in self.rows:
            self.rows[claim.table][claim.rev] = ROWS

    def built(self, claim: QueuedRevision) -> BuiltRevision:
        self.add(claim)  # a builder flips what it has added
        return BuiltRevision(claim.rev, claim.table, ROWS, 10)

    def sweep(self) -> None:
        for table, revs in expiry.dead_revs(self.db, NOW, grace=0).items():
            for rev in revs:
                self.rows.get(table, {}).pop(rev, None)
            expiry.forget_revs(self.db, revs)

    def switch(self, store: str) -> None:
        new = index_tables.begin_table(self.db, store, None, None)
        found = index_tables.live_files(self.db, store, (), 10)
        self.rows[new] = {file.rev: ROWS for file in found}
        built = {file.rev: BuiltRevision(file.rev, new, ROWS, 10) for file in found}
        assert index_tables.switch_table(self.db, store, new, built, NOW) == []

    def assert_rows_are_there(self) -> None:
        for store in self.stores:
            table = index_tables.store_table(self.db, store)
            assert table is not None
            expected = reconciliation.live_rows(self.db, table.name)
            found = self.rows[table.name]
            assert {rev: found.get(rev) for rev in expected} == expected
            assert not reconciliation.buried_revs(self.db, table.name) & expected.keys()

    # The catalog and the index as a reconcile uses them

    def happen(self) -> None:
        if self.meanwhile:
            self.step(*self.meanwhile.popleft())

    async def read(self, fn: Callable[..., Any], *args: Any) -> Any:
        self.happen()
        return fn(self.db, *args)

    write = read

    async def tables(self) -> list[str]:
        self.happen()
        return list(self.rows)

    async def revs(self, table: str) -> dict[int, int]:
        self.happen()
        if table not in self.rows:
            raise TableMissing(table)
        return dict(self.rows[table])

    async def delete(self, table: str, revs: Sequence[int]) -> None:
        self.happen()
        for rev in revs:
            self.rows[table].pop(rev, None)

    async def discard(self, table: str) -> None:
        self.happen()
        self.rows.pop(table, None)

    def reconcile(self) -> None:
        """Run a reconcile to its end; nothing in it waits, so that it needs no loop."""
        with pytest.raises(StopIteration):
            reconcile(cast("Catalog", self), cast("Index", self)).send(None)


STEPS = st.tuples(
    st.sampled_from([
        "attach", "requeue", "replace", "detach", "delete", "claim", "add", "flip", "give up", "abandon", "take over",
        "sweep", "switch",
    ]),
    st.integers(0, 4),
    st.integers(0, 2),
)  # fmt: skip


def play(db: DB, steps: Collection[Step]) -> Builders:
    builders = Builders(db)
    for step in steps:
        builders.step(*step)
        builders.assert_rows_are_there()
    return builders


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(STEPS, max_size=30))
@example([("attach", 0, 0), ("claim", 0, 0), ("flip", 0, 0), ("flip", 0, 0), ("sweep", 0, 0)])
@example([("attach", 0, 0), ("claim", 0, 0), ("flip", 0, 0), ("abandon", 0, 0), ("sweep", 0, 0)])
@example([("attach", 0, 0), ("claim", 0, 0), ("add", 0, 0), ("abandon", 0, 0), ("sweep", 0, 0), ("flip", 0, 0)])
def test_a_live_revision_keeps_its_rows_whatever_late_builders_do(steps: list[Step]):
    with closing(open_memory()) as db:
        builders = play(db, steps)
        builders.sweep()
        builders.assert_rows_are_there()


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(STEPS, max_size=15), st.lists(STEPS, max_size=12))
@example([("attach", 0, 0), ("claim", 0, 0), ("add", 0, 0)], [("sweep", 0, 0)] * 5 + [("flip", 0, 0)])
@example([("attach", 0, 0), ("claim", 0, 0), ("add", 0, 0)], [("sweep", 0, 0)] * 2 + [("flip", 0, 0)])
@example([("attach", 0, 0), ("claim", 0, 0), ("flip", 0, 0)], [("sweep", 0, 0), ("switch", 0, 0)])
def test_a_reconcile_beside_builders_takes_no_row_of_a_live_revision(before: list[Step], meanwhile: list[Step]):
    with closing(open_memory()) as db:
        builders = play(db, before)
        builders.meanwhile.extend(meanwhile)
        builders.reconcile()
        builders.assert_rows_are_there()
        while builders.meanwhile:
            builders.happen()
        builders.sweep()
        builders.assert_rows_are_there()


def test_what_was_under_construction_is_begun_again_and_its_late_builder_buries_only_its_own_rows():
    with closing(open_memory()) as db:
        store, file = make_store(db), add_file(db)
        attach(db, store, file)
        (late,) = queued(db)
        assert reconciliation.kept_revs(db, late.table) == {late.rev}
        assert reconciliation.take_over(db, [late.rev, 99], NOW) == 1
        (other,) = queued(db)
        assert other.rev != late.rev
        build(db)
        assert flip(db, [BuiltRevision(late.rev, late.table, ROWS, 10)], NOW) == set()
        assert (live(db, store), dead(db)) == ([other.rev], {late.rev})

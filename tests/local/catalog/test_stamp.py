"""The stamp of the catalog: as long as it is the same nobody has committed anything."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import anyio
from hypothesis import given
from hypothesis import strategies as st

from support.upgrading import execute
from support.waiting import moment
from vectorstores_server.engines.local.catalog.database import UNSETTLED_NS, CatalogStamp, SqliteCatalog, log_stamp
from vectorstores_server.mirrors.keeper import LastLook
from vectorstores_tools.contract.mirrors import Mirror


async def settled(catalog: SqliteCatalog) -> CatalogStamp:
    with anyio.fail_after(10):
        while (stamp := catalog.stamp()) is None:
            await moment()
    return stamp


async def test_each_commit_of_another_connection_changes_the_stamp_and_reading_does_not(tmp_path: Path) -> None:
    catalog = SqliteCatalog(tmp_path)
    assert catalog.stamp() is None, "nobody knows of a catalog that is not there"
    await catalog.write(lambda db: db.execute("UPDATE worker SET boot_id = 'a'").rowcount)
    stamps = [await settled(catalog)]
    for number in range(5):
        execute(tmp_path, "UPDATE worker SET boot_id = ?", str(number))
        stamps.append(await settled(catalog))
        await catalog.read(lambda db: db.execute("SELECT count(*) FROM store").fetchone()[0])
        stamps.append(await settled(catalog))
    assert stamps[1::2] == stamps[2::2]
    assert len(set(stamps)) == 6
    with closing(sqlite3.connect(catalog.path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert await settled(catalog) not in stamps
    await catalog.aclose()


def test_a_log_that_has_changed_just_now_has_no_stamp(tmp_path: Path) -> None:
    """Another commit within a tick of the system's clock would have the same time."""
    log = tmp_path / "log"
    assert log_stamp(log) is None
    log.write_text("a commit")
    now = log.stat().st_mtime_ns
    os.utime(log, ns=(now + 10**12, now + 10**12))
    assert log_stamp(log) is None, "nor has one whose time lies ahead"
    os.utime(log, ns=(now - 2 * UNSETTLED_NS, now - 2 * UNSETTLED_NS))
    assert (log_stamp(log) is None) == (os.name == "nt")


stamps = st.sampled_from([None, "a", "b"])


@given(st.lists(st.tuples(stamps, st.sets(st.integers(1, 3))), max_size=12), st.sets(st.integers(1, 3)))
def test_a_look_is_left_out_only_where_nothing_can_have_changed_and_all_are_kept(
    asked: list[tuple[str | None, set[int]]], there: set[int]
) -> None:
    look, last = LastLook(), None
    needed: list[bool] = []
    expected: list[bool] = []
    for stamp, kept in asked:
        expected.append(stamp is None or stamp != last or not there <= kept)
        needed.append(look.is_needed(stamp, kept))
        if needed[-1]:
            last = stamp
            look.mirrors = [Mirror(id, "vs_1", "/d") for id in there]
    assert needed == expected

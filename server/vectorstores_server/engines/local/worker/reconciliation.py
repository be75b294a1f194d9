"""The only repair: after a crash, make the index agree with the catalog again."""

import logging
import sys
from pathlib import Path

from vectorstores_server.engines.local.catalog import Catalog, index_tables, reconciliation, work_queue
from vectorstores_server.engines.local.catalog.ids import clock
from vectorstores_server.engines.local.index import Index, IndexUnavailable, IndexUnreachable, TableMissing
from vectorstores_server.system.logs import event

log = logging.getLogger(__name__)

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


if sys.platform == "linux":

    def boot_id() -> str:
        """Name this boot: Lance does not fsync, so after a power loss its tables have to be looked at."""
        return _BOOT_ID.read_text().strip()

else:
    import uuid

    def boot_id() -> str:
        """Give another name each time: without one for the boot, every worker looks at the tables first."""
        return str(uuid.uuid4())


async def needed(catalog: Catalog, boot: str | None) -> bool:
    """Tell whether the last worker ended without letting go, or on another boot; None: of another machine, perhaps."""
    clean, worked_on = await catalog.read(reconciliation.worker_row)
    return not clean or (boot is not None and worked_on != boot)


async def reconcile(catalog: Catalog, index: Index, *, alone: bool = True) -> None:
    """Compare every table with the catalog. The caller holds the worker's lock and has written nothing yet.

    Where it is not `alone` others build files meanwhile: what is under construction stays theirs, and tables that were
    begun are begun again, since the server that did so may only have been frozen.

    Rows that no revision owns are deleted; a revision that was under construction is begun again as another, and a live
    one that lacks rows too. A table without a store goes to the trash, a store whose table is damaged gets a new one
    and is queued.
    """
    if not alone:
        await catalog.write(index_tables.begin_again, clock())
    # Lance first: revisions that go live or die meanwhile, by other processes, are then seen in the catalog.
    tables = await index.tables()
    found = {table: await _revs(index, table) for table in tables}
    known = await catalog.read(reconciliation.known_tables)
    for table, revs in found.items():
        if table not in known:
            await index.discard(table)
        elif known[table] == "live" and revs is not None:
            await _mend(catalog, index, table, revs, alone=alone)
    for table, state in known.items():
        if state == "live" and found.get(table) is None:
            await _replace(catalog, index, table)


async def _revs(index: Index, table: str) -> dict[int, int] | None:
    """Count the rows of each revision; None where the table is missing or damaged."""
    try:
        return await index.revs(table)
    except IndexUnreachable:
        raise
    except IndexUnavailable:
        return None


async def _trouble(index: Index, table: str) -> str | None:
    """Return why a table is missing or damaged, None where it is neither; of a missing one without loading LanceDB."""
    if table not in await index.tables():
        return TableMissing.reason
    try:
        await index.revs(table)
    except IndexUnreachable:
        raise
    except IndexUnavailable as error:
        return error.reason
    return None


async def _mend(catalog: Catalog, index: Index, table: str, revs: dict[int, int], *, alone: bool) -> None:
    kept = await catalog.read(reconciliation.kept_revs, table)
    strangers = [rev for rev in revs if rev not in kept]
    if strangers:
        await index.delete(table, strangers)
    if alone and (begun := await catalog.read(work_queue.still_wanted, revs)):
        await catalog.write(reconciliation.take_over, begun, clock())
    expected = await catalog.read(reconciliation.live_rows, table)
    short = [rev for rev, rows in expected.items() if revs.get(rev, 0) != rows]
    if short:
        await catalog.write(reconciliation.requeue, short, clock())


async def _replace(catalog: Catalog, index: Index, table: str) -> None:
    """Give a store whose table is missing or damaged a new one, unless it has no rows to lose.

    It is looked at once more first: what was learned while the machine failed, or before the table was made, is gone.
    """
    reason = await _trouble(index, table)
    if reason is None:
        return
    expected = await catalog.read(reconciliation.live_rows, table)
    if any(expected.values()):
        extra = event("table_unreadable", table=table)
        log.warning("Index table %s cannot be read and is rebuilt: %s", table, reason, extra=extra)
        if not await catalog.write(reconciliation.rebuild, table, clock()):
            return
    await index.discard(table)

"""The queue: attachments for which a revision is to be built. An entry stays until its revision ends."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from vectorstores_server.engines.local.catalog import index_tables
from vectorstores_server.engines.local.catalog.dialect import DB, Row, marks
from vectorstores_server.engines.local.catalog.expiry import due
from vectorstores_server.engines.local.catalog.index_tables import ANY_SIZE, TABLE_FORMAT, lacks_vectors, wants_embedder
from vectorstores_server.engines.local.catalog.outcomes import failed, flip
from vectorstores_server.engines.local.catalog.revisions import BuiltRevision

__all__ = [
    "BuiltRevision",
    "FormerRows",
    "QueuedRevision",
    "blocked",
    "doable",
    "failed",
    "flip",
    "next_work",
    "note_progress",
    "still_wanted",
]


NO_EMBEDDER = ""
"""The identity of none: no list after IN may be empty."""
MOST_STORES = 64
"""The most stores that one look at the queue reads: each costs a query of some ten microseconds."""


@dataclass(frozen=True, slots=True)
class FormerRows:
    """The table that holds rows of the file already, of a text made by the parsers' version `text_version`.

    `kept`: their passages and vectors are to be used again. `rev`: their revision, where it is not the one to build.
    """

    table: str
    text_version: int
    kept: bool
    rev: int | None = None


@dataclass(frozen=True, slots=True)
class QueuedRevision:
    """One revision to build, in the store's table, with the store's embedder (None = no vectors).

    `text_version`: it is live, of a text that these parsers made; a table that is rebuilt does not lose it.
    `undecided`: the first file that is read decides which embedder the store has.
    """

    rev: int
    attachment_id: int
    store_id: str
    file_id: str
    filename: str
    sha256: str
    bytes: int
    table: str
    embedder: str | None
    dimensions: int | None
    chunk_size: int
    chunk_overlap: int
    format: int = TABLE_FORMAT
    former: FormerRows | None = None
    text_version: int | None = None
    undecided: bool = False


_WORK = (
    "SELECT want_rev, attachment.id, attachment.store_id, file_id, coalesce(attachment.name, filename), file.sha256,"
    " bytes, table_name, store.embedder, store.dimensions, want_size, want_overlap, format,"
    " attachment.name IS NOT NULL AS renamed, live_rev, text_version, undecided FROM attachment"
    " JOIN store ON store.id = attachment.store_id JOIN file ON file.id = file_id"
    " JOIN store_table ON store_table.name = table_name"
)
_OPEN = "n_in_progress > 0 AND expired = 0 AND (store.expires_at IS NULL OR store.expires_at > ?)"


def next_work(
    db: DB,
    identities: Collection[str],
    now: int,
    *,
    limit: int = 1,
    besides: Collection[int] = (),
    sizes: range = ANY_SIZE,
) -> list[QueuedRevision]:
    """Return the revisions to build next: single files before batches, stores in turn, in each the oldest first.

    Revisions in `besides` are being built already and are left out; stores without any of these come first. `sizes` are
    the bytes that a file may have.
    """
    stores = _doable_stores(db, identities, now)
    found: list[QueuedRevision] = []
    for priorities in ("want_priority > 0", "want_priority = 0"):
        room = limit - len(found)
        if stores and room:
            turn = _in_turn(db, stores, besides)
            queues = [_oldest(db, store_id, priorities, room, besides, sizes) for store_id in turn]
            found += [work for round_ in zip_longest(*queues) for work in round_ if work is not None][:room]
    return found


def next_unread(db: DB, identities: Collection[str], now: int) -> QueuedRevision | None:
    """Return the oldest revision that waits for the recognition of its pictures."""
    for store_id in _doable_stores(db, identities, now):
        for work in _oldest(db, store_id, "want_priority < 0", 1, (), ANY_SIZE):
            return work
    return None


def is_waiting(db: DB, identities: Collection[str], now: int) -> bool:
    """Tell whether work other than the recognition of pictures waits for a process with these embedders."""
    return bool(next_work(db, identities, now)) or due(db, now)


def _in_turn(db: DB, stores: Sequence[str], besides: Collection[int]) -> list[str]:
    """Return the stores that come next, MOST_STORES at most: first those of which nothing is in hand."""
    busy: set[str] = set()
    if besides:
        in_hand = f"SELECT store_id FROM attachment WHERE want_rev IN {marks(besides)}"  # noqa: S608 marks only
        busy = {row["store_id"] for row in db.execute(in_hand, tuple(besides))}
    return sorted(stores, key=lambda store_id: store_id in busy)[:MOST_STORES]


def _oldest(
    db: DB, store_id: str, priorities: str, limit: int, besides: Collection[int], sizes: range
) -> list[QueuedRevision]:
    query = [
        _WORK,
        "WHERE want_rev IS NOT NULL AND bytes >= ? AND bytes < ? AND attachment.store_id = ? AND",
        priorities,
    ]
    order = "ORDER BY want_priority DESC, want_rev LIMIT ?"
    rows = db.execute(" ".join([*query, order]), (sizes.start, sizes.stop, store_id, limit + len(besides)))
    return [_queued(row) for row in rows if row["want_rev"] not in besides][:limit]


def _queued(row: Row) -> QueuedRevision:
    """Return the revision to build; a file that was only renamed keeps the vectors of its live revision."""
    *columns, renamed, live_rev, text_version, undecided = row
    former = None
    if renamed and live_rev is not None:
        former = FormerRows(row["table_name"], text_version, kept=False, rev=live_rev)
    return QueuedRevision(*columns, former=former, undecided=bool(undecided))


def still_wanted(db: DB, revs: Collection[int]) -> set[int]:
    """Return those of `revs` that are still to be built."""
    wanted: set[int] = set()
    for rev in revs:
        if db.execute("SELECT 1 FROM attachment WHERE want_rev = ?", (rev,)).fetchone():
            wanted.add(rev)
    return wanted


def note_progress(db: DB, rev: int, built: int, of: int) -> None:
    """Note how many of a revision's passages are in the index."""
    db.execute("UPDATE attachment SET built = ?, to_build = ? WHERE want_rev = ?", (built, of, rev))


def doable(db: DB, identities: Collection[str], now: int) -> bool:
    """Tell whether there is anything to build, to sweep or to keep up that a process with these embedders can do."""
    return bool(_doable_stores(db, identities, now)) or due(db, now) or index_tables.upkeep_due(db, now)


def blocked(db: DB, identities: Collection[str], now: int) -> int:
    """Return how many files wait for an embedder that is not among `identities`."""
    others = [
        "SELECT coalesce(sum(n_in_progress), 0) FROM store WHERE",
        _OPEN,
        "AND embedder IS NOT NULL AND embedder NOT IN",
        marks(known := (*identities, NO_EMBEDDER)),
    ]
    return db.execute(" ".join(others), (now, *known)).fetchone()[0]


def _doable_stores(db: DB, identities: Collection[str], now: int) -> list[str]:
    known = (*identities, NO_EMBEDDER)
    query = ["SELECT id FROM store WHERE", _OPEN, "AND (embedder IS NULL OR embedder IN", marks(known), ")"]
    return [row["id"] for row in db.execute(" ".join(query), (now, *known))]


def wants_vectors(db: DB, now: int) -> bool:
    """Tell whether anything waits for an embedder, whichever it is."""
    building = db.execute("SELECT 1 FROM store_table WHERE state = 'building' AND embedder IS NOT NULL").fetchone()
    return building is not None or lacks_vectors(db) or wants_embedder(db) or blocked(db, (), now) > 0

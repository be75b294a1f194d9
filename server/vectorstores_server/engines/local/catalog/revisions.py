"""Revisions: integers that are never used twice, and those that are dead but may still have rows in Lance."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from vectorstores_server.engines.local.catalog.dialect import DB

UNREAD = -1
"""The priority of a file that waits until its pictures are recognised, after everything else."""


@dataclass(frozen=True, slots=True)
class BuiltRevision:
    """A revision whose rows are in `table`; usage_bytes = its indexed words and vectors.

    `text_version` is the version of the parsers that made its text, `notes` are the notes on that text, `found` its
    properties. `unread`: pages of the file wait to be recognised, and it is built again then.
    """

    rev: int
    table: str
    rows: int
    usage_bytes: int
    text_version: int = 1
    notes: Sequence[str] = ()
    found: Mapping[str, str] = field(default_factory=dict[str, str])
    unread: bool = False


def new_rev(db: DB) -> int:
    """Return the next revision."""
    rev: int = db.execute("SELECT next_rev FROM counter").fetchone()[0]
    db.execute("UPDATE counter SET next_rev = next_rev + 1")
    return rev


def bury_revs(db: DB, table: str, revs: Iterable[int | None], now: int) -> None:
    """Let the sweep take the rows of `revs` out of `table`; None, and what is live or wanted there, is passed over.

    A builder that comes late may bury what somebody else has made live meanwhile, or is about to. So a caller that ends
    a revision takes it from its attachment first.
    """
    db.executemany(
        "INSERT INTO dead_rev (rev, table_name, died_at) SELECT ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM attachment"
        " JOIN store ON store.id = store_id WHERE (live_rev = ? OR want_rev = ?) AND table_name = ?)"
        " ON CONFLICT (rev) DO UPDATE SET table_name = excluded.table_name, died_at = excluded.died_at",
        [(rev, table, now, rev, rev, table) for rev in revs if rev is not None],
    )

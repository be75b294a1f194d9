"""Claims, in PostgreSQL alone: which server builds which revision, and until when by the database's clock.

A claim that runs out is taken over as another revision: what its builder brings later is nobody's, and it buries its
own rows. All of it happens in writing transactions, which wait for each other.
"""

from collections.abc import Collection

from vectorstores_server.engines.local.catalog.dialect import DB
from vectorstores_server.engines.local.catalog.postgres_leases import NOW
from vectorstores_server.engines.local.catalog.reconciliation import take_over
from vectorstores_server.engines.local.catalog.work_queue import QueuedRevision, next_work


def has_unclaimed(db: DB, identities: Collection[str], now: int, sizes: range, besides: Collection[int]) -> bool:
    """Tell whether a revision waits that no other server builds, or no longer."""
    if db.execute(f"SELECT 1 FROM claim WHERE ends_at < {NOW} LIMIT 1").fetchone() is not None:  # noqa: S608 a constant
        return True
    claimed = {row["rev"] for row in db.execute("SELECT rev FROM claim")}
    return bool(next_work(db, identities, now, besides=claimed | set(besides), sizes=sizes))


def claim(
    db: DB,
    identities: Collection[str],
    now: int,
    *,
    holder: str,
    seconds: float,
    limit: int,
    besides: Collection[int],
    sizes: range,
) -> list[QueuedRevision]:
    """Claim the revisions to build next; those in `besides` are being built by this holder already."""
    _settle(db, now)
    taken = {row["rev"] for row in db.execute("SELECT rev FROM claim WHERE holder <> ?", (holder,))}
    found = next_work(db, identities, now, limit=limit, besides=taken | set(besides), sizes=sizes)
    sql = [
        "INSERT INTO claim (rev, holder, ends_at) VALUES (?, ?,", NOW, "+ CAST(? AS DOUBLE PRECISION))",
        "ON CONFLICT (rev) DO UPDATE SET ends_at = excluded.ends_at",
    ]  # fmt: skip
    db.executemany(" ".join(sql), [(work.rev, holder, seconds) for work in found])
    return found


def has_claims(db: DB, holder: str) -> bool:
    """Tell whether a holder has claims."""
    return db.execute("SELECT 1 FROM claim WHERE holder = ? LIMIT 1", (holder,)).fetchone() is not None


def renew_claims(db: DB, holder: str, seconds: float) -> None:
    """Let the claims of a holder last longer, those that nobody has taken over."""
    db.execute(
        f"UPDATE claim SET ends_at = {NOW} + CAST(? AS DOUBLE PRECISION) WHERE holder = ?",  # noqa: S608 a constant
        (seconds, holder),
    )


def release_claims(db: DB, holder: str, now: int) -> None:
    """Give what a holder has not ended to the next builder, as other revisions: rows of these may be in the index."""
    revs = [row["rev"] for row in db.execute("SELECT rev FROM claim WHERE holder = ?", (holder,))]
    take_over(db, revs, now)
    db.execute("DELETE FROM claim WHERE holder = ?", (holder,))


def _settle(db: DB, now: int) -> None:
    """Take over what ran out, and strike the claims on what is wanted no longer."""
    expired = [row["rev"] for row in db.execute(f"SELECT rev FROM claim WHERE ends_at < {NOW}")]  # noqa: S608 a constant
    take_over(db, expired, now)
    db.execute("DELETE FROM claim WHERE NOT EXISTS (SELECT 1 FROM attachment WHERE want_rev = rev)")

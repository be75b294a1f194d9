"""Measurements of embedders, kept so that each is made once: the mean and deviation of their background."""

from vectorstores_server.engines.local.catalog.dialect import DB


def background(db: DB, identity: str) -> tuple[float, float] | None:
    """Return mean and deviation of an embedder's background; None where nobody has measured it."""
    row = db.execute("SELECT mean, sd FROM background WHERE embedder = ?", (identity,)).fetchone()
    return (row["mean"], row["sd"]) if row else None


def keep_background(db: DB, identity: str, mean: float, sd: float) -> None:
    """Keep it; what another process has kept meanwhile stays, so that all scores mean the same."""
    db.execute("INSERT INTO background VALUES (?, ?, ?) ON CONFLICT (embedder) DO NOTHING", (identity, mean, sd))

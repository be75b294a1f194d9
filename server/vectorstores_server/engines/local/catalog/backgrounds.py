"""Measurements of embedders, kept so that each is made once: the mean and deviation of their background."""

import sqlite3


def background(db: sqlite3.Connection, identity: str) -> tuple[float, float] | None:
    """Return mean and deviation of an embedder's background; None where nobody has measured it."""
    row = db.execute("SELECT mean, sd FROM background WHERE embedder = ?", (identity,)).fetchone()
    return (row["mean"], row["sd"]) if row else None


def keep_background(db: sqlite3.Connection, identity: str, mean: float, sd: float) -> None:
    """Keep it; what another process has kept meanwhile stays, so that all scores mean the same."""
    db.execute("INSERT OR IGNORE INTO background VALUES (?, ?, ?)", (identity, mean, sd))

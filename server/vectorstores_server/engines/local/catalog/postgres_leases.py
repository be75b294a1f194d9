"""Rows that only PostgreSQL has: leases, which last by the database's clock, and the place of the bytes."""

from vectorstores_server.engines.local.catalog.dialect import DB

TABLES = (
    "CREATE TABLE lease (name TEXT PRIMARY KEY, holder TEXT NOT NULL, ends_at REAL NOT NULL)",
    "CREATE TABLE claim (rev INTEGER PRIMARY KEY, holder TEXT NOT NULL, ends_at REAL NOT NULL)",
    "CREATE TABLE object_place (id TEXT NOT NULL)",
)
NOW = "extract(epoch FROM clock_timestamp())"


def take(db: DB, name: str, holder: str, seconds: float) -> bool:
    """Enter a lease unless somebody else has one that has not run out."""
    sql = [
        "INSERT INTO lease (name, holder, ends_at) VALUES (?, ?,", NOW, "+ CAST(? AS DOUBLE PRECISION))",
        "ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, ends_at = excluded.ends_at",
        "WHERE lease.holder = excluded.holder OR lease.ends_at <", NOW,
    ]  # fmt: skip
    return db.execute(" ".join(sql), (name, holder, seconds)).rowcount == 1


def renew(db: DB, name: str, holder: str, seconds: float) -> bool:
    """Let a lease last longer; False where another has it. One that has run out and that nobody took goes on."""
    sql = [
        "UPDATE lease SET ends_at =", NOW, "+ CAST(? AS DOUBLE PRECISION) WHERE name = ? AND holder = ?",
    ]  # fmt: skip
    return db.execute(" ".join(sql), (seconds, name, holder)).rowcount == 1


def end(db: DB, name: str, holder: str) -> None:
    """Strike a lease."""
    db.execute("DELETE FROM lease WHERE name = ? AND holder = ?", (name, holder))


def place(db: DB) -> str | None:
    """Return the id of the place whose bytes this catalog names; None before there is one."""
    row = db.execute("SELECT id FROM object_place").fetchone()
    return row["id"] if row else None


def bind(db: DB, found: str) -> str:
    """Enter the place where the catalog has none yet; return the one that it has."""
    if (known := place(db)) is None:
        db.execute("INSERT INTO object_place VALUES (?)", (found,))
    return known or found

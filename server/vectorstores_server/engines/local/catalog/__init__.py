"""The catalog: the truth about stores, files and batches, in SQLite or PostgreSQL, behind typed functions.

Each module holds functions `fn(db, ...)` that run inside a transaction that `Catalog.read` or `.write` opened.
"""

from vectorstores_server.engines.local.catalog.port import Catalog, Snapshot

__all__ = ["Catalog", "Snapshot"]

"""A catalog in memory, for tests of what its functions mean rather than of how they are kept."""

import itertools
import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Protocol

from vectorstores_server.engines.local.catalog import (
    attachments,
    batches,
    enqueue,
    files,
    index_tables,
    reconciliation,
    stores,
)
from vectorstores_server.engines.local.catalog.dialect import DB
from vectorstores_server.engines.local.catalog.ids import new_id
from vectorstores_server.engines.local.catalog.migrations import MIGRATIONS, statements
from vectorstores_server.engines.local.catalog.work_queue import BuiltRevision, QueuedRevision, failed, flip, next_work
from vectorstores_tools.contract.models import File, VectorStoreFile
from vectorstores_tools.contract.requests import ChunkingStrategy, FileAttach, StaticChunking, StoreCreate

NOW = 1_800_000_000
SMALL = ChunkingStrategy(type="static", static=StaticChunking(max_chunk_size_tokens=200, chunk_overlap_tokens=50))
_numbers = itertools.count(1)


class ClosableDB(DB, Protocol):
    """A connection that a test closes."""

    def close(self) -> None:
        """Close it."""
        ...


def open_sqlite() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA foreign_keys = ON")
    for script in MIGRATIONS:
        for statement in statements(script):
            db.execute(statement)
    return db


_OPENERS: list[Callable[[], ClosableDB]] = [open_sqlite]


def open_memory() -> ClosableDB:
    """Return an empty catalog: in SQLite, or in what `opened_by` names."""
    return _OPENERS[-1]()


@contextmanager
def opened_by(other: Callable[[], ClosableDB]) -> Generator[None]:
    """Let tests have the catalogs of another database meanwhile."""
    _OPENERS.append(other)
    try:
        yield
    finally:
        _OPENERS.pop()


def make_store(db: DB, now: int = NOW, embedder: str | None = None, **fields: object) -> str:
    return stores.insert_store(db, StoreCreate.model_validate(fields), embedder, 3 if embedder else None, now)


def add_file(db: DB, filename: str = "a.txt", now: int = NOW, sha256: str | None = None) -> str:
    file = File(id=new_id("file-"), bytes=9, created_at=now, filename=filename)
    files.insert_file(db, file, sha256 or f"{next(_numbers):064d}")
    return file.id


def queued(db: DB, identities: Sequence[str] = (), now: int = NOW) -> list[QueuedRevision]:
    return next_work(db, identities, now, limit=10_000)


def build(db: DB, now: int = NOW) -> set[int]:
    """Do what the worker does with everything that is queued."""
    return flip(db, [BuiltRevision(w.rev, w.table, rows=2, usage_bytes=100) for w in queued(db, ("e",), now)], now)


def fail_all(db: DB, now: int = NOW) -> None:
    for work in queued(db, ("e",), now):
        failed(db, work.rev, "invalid_file", f"{work.filename} is damaged.", now)


def attach(db: DB, store: str, file: str, now: int = NOW, **fields: object) -> VectorStoreFile:
    return enqueue.attach_file(db, store, FileAttach.model_validate({"file_id": file, **fields}), now)


def batch_of(db: DB, store: str, *file_ids: str) -> str:
    return batches.create_batch(db, store, [FileAttach(file_id=f) for f in file_ids], NOW).id


def status(db: DB, store: str, file: str) -> str:
    return attachments.retrieve_store_file(db, store, file).status


def live(db: DB, store: str) -> list[int]:
    row = index_tables.store_table(db, store)
    return sorted(reconciliation.live_rows(db, row.name)) if row else []


def dead(db: DB) -> set[int]:
    return {row["rev"] for row in db.execute("SELECT rev FROM dead_rev")}

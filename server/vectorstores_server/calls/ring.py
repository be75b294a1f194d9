"""The last calls in a file of their own, `calls.db` in the data directory, shared by all processes on it.

Nothing else depends on it: a call that could not be written is lost, and a file that cannot be read as such a list is
put aside, whatever program wrote it, and a new one begun.
"""

import os
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, cast

from vectorstores_server.system.aside import aside_folder
from vectorstores_tools.contract.characters import line

KEPT = 500
LONGEST_QUERY = 300
LONGEST_NAME = 80
"""Characters of a query, and of a store, a tool or a caller."""
SECONDS_TO_WAIT = 1.0
"""Seconds to wait while another process writes, which takes it a millisecond at a time."""
NAME = "calls.db"


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call of a tool, or a search over /v1.

    `at` is in Unix seconds; `hits` is None for tools that find nothing; `error` is its code.
    """

    at: float
    process: int
    caller: str
    tool: str
    store: str
    query: str
    milliseconds: float
    hits: int | None
    error: str

    @classmethod
    def of(
        cls, at: float, seconds: float, *, caller: str, tool: str, store: Any, query: Any, hits: int | None, error: str
    ) -> "CallRecord":
        """Return the record of a call of this process, each text of others clean and bounded."""
        return cls(
            at=at,
            process=os.getpid(),
            caller=line(caller, LONGEST_NAME),
            tool=line(tool, LONGEST_NAME),
            store=on_one_line(store, LONGEST_NAME),
            query=on_one_line(query, LONGEST_QUERY),
            milliseconds=round(1e3 * seconds, 1),
            hits=hits,
            error=line(error, LONGEST_NAME),
        )


def on_one_line(value: Any, limit: int) -> str:
    """Return a value on one line of at most `limit` characters; several of them with semicolons."""
    if value is None:
        return ""
    values = cast("list[Any]", value) if isinstance(value, list) else [value]
    return line("; ".join(map(str, values)), limit)


class CallRing:
    """The file with the last KEPT calls."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME

    def append(self, calls: Sequence[CallRecord]) -> None:
        """Add calls and forget the oldest. Raises OSError or sqlite3.Error where that cannot be done."""
        if not self._path.parent.exists():
            return
        try:
            self._append(calls)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            self._path.replace(aside_folder(self._path.parent) / NAME)
            self._append(calls)

    def latest(self, limit: int = KEPT) -> list[CallRecord]:
        """Return the last calls, newest first; none where there is no file."""
        if not self._path.exists():
            return []
        with self._opened() as db:
            rows = db.execute(
                "SELECT at, process, caller, tool, store, query, milliseconds, hits, error FROM call"
                " ORDER BY at DESC, id DESC LIMIT ?",
                (limit,),
            )
            return [CallRecord(*row) for row in rows]

    def _append(self, calls: Sequence[CallRecord]) -> None:
        with self._opened() as db, db:
            db.executemany(
                "INSERT INTO call (at, process, caller, tool, store, query, milliseconds, hits, error)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [astuple(call) for call in calls],
            )
            db.execute("DELETE FROM call WHERE id <= (SELECT MAX(id) FROM call) - ?", (KEPT,))

    @contextmanager
    def _opened(self) -> Generator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=SECONDS_TO_WAIT)) as db:
            db.execute("PRAGMA synchronous = OFF")  # a power loss takes the last calls alone, and nobody's data
            db.execute(
                "CREATE TABLE IF NOT EXISTS call (id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL, process INTEGER,"
                " caller TEXT, tool TEXT, store TEXT, query TEXT, milliseconds REAL, hits INTEGER, error TEXT)"
            )
            yield db

"""One connection to PostgreSQL as the catalog's functions use it. The only module that imports psycopg, and late."""
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# ^ psycopg is there with the extra alone; what leaves this module is typed.

import re
import select
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, ClassVar

import psycopg
from psycopg import RawCursor, errors

from vectorstores_server.engines.local.catalog.dialect import HeldValue
from vectorstores_server.engines.local.catalog.postgres_schema import placed
from vectorstores_tools.contract.errors import DiskFull, InvalidRequest, Unavailable, VectorStoreError

SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_SECONDS: Mapping[str, Any] = {
    "connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3,
}  # fmt: skip
"""The time after which a host that vanished is given up, and its locks with it."""
_LOCK_SECONDS = 30

_placed = lru_cache(maxsize=1024)(placed)


class NamedRow(tuple[Any, ...]):
    """A row whose columns are found by number and by name, the first of a name."""

    columns: ClassVar[Mapping[str, int]] = {}

    def __getitem__(self, key: Any) -> Any:
        """Return a column."""
        return super().__getitem__(self.columns[key] if isinstance(key, str) else key)

    def keys(self) -> Iterable[str]:
        """Return the names of the columns."""
        return self.columns.keys()


class PostgresDB:
    """A connection that takes the catalog's SQL. One thread at a time may use it. Errors are psycopg's."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = (), /) -> Any:
        """Run one statement."""
        statement, places = _placed(sql)
        return self._connection.execute(statement, _values(places, parameters))

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Any:
        """Run one statement for each of the parameters."""
        statement, places = _placed(sql)
        cursor = self._connection.cursor()
        cursor.executemany(statement, [_values(places, given) for given in parameters])
        return cursor

    @property
    def in_transaction(self) -> bool:
        """Tell whether a transaction is open, failed or not."""
        return self._connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE

    @property
    def is_lost(self) -> bool:
        """Tell whether the connection cannot be used any more."""
        return self._connection.closed

    @property
    def has_hung_up(self) -> bool:
        """Tell whether the server has ended a connection that nobody uses: it says nothing else to such a one."""
        return self.is_lost or bool(select.select([self._connection.fileno()], [], [], 0)[0])

    def notified(self, seconds: float) -> bool:
        """Wait for a notification, and take all that have come."""
        return any(True for _ in self._connection.notifies(timeout=seconds, stop_after=1))

    def damages(self) -> list[str]:
        """Return a sentence for each table of which the server cannot read every row."""
        found: list[str] = []
        for table in self._tables():
            try:
                self.execute(f"SELECT sum(length(t::text)) FROM {table} t")  # noqa: S608 the server's own name
            except (errors.DataCorrupted, errors.IndexCorrupted) as error:
                found.append(f"the table {table}: {str(error).splitlines()[0]}")
        return found

    def vacuum(self) -> None:
        """Have the server free what deleted rows took, table by table."""
        for table in self._tables():
            self.execute(f"VACUUM {table}")

    def _tables(self) -> list[str]:
        rows = self.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename")
        return [row["tablename"] for row in rows]

    def close(self) -> None:
        """Close it; an open transaction is rolled back."""
        self._connection.close()


def connect(address: str, schema: str, password: str | None = None) -> PostgresDB:
    """Return a new connection whose tables are those of `schema`. Raises Unavailable, InvalidRequest."""
    if SCHEMA.fullmatch(schema) is None:
        raise InvalidRequest(f"{schema!r} is no name of a schema;", "use small letters, digits and underscores.")
    options = f"-c search_path={schema} -c lock_timeout={_LOCK_SECONDS}s -c client_min_messages=warning"
    secret: dict[str, Any] = {} if password is None else {"password": password}
    with translated(), _understood():
        connection = psycopg.connect(
            address,
            autocommit=True,
            cursor_factory=RawCursor,
            row_factory=_named,
            options=options,
            **_SECONDS,
            **secret,
        )
    return PostgresDB(connection)


@contextmanager
def _understood() -> Generator[None]:
    """Refuse an address that libpq does not take; it holds no password."""
    try:
        yield
    except psycopg.ProgrammingError as error:
        raise InvalidRequest(
            f"The address of the catalog's database is not understood: {str(error).splitlines()[0]}.",
            "Set VECTOR_STORES_DATA to postgresql://USER@HOST/DATABASE.",
        ) from error


@contextmanager
def translated() -> Generator[None]:
    """Raise what the contract says for errors of the database; wrong SQL is a fault of ours, and stays what it is."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise InvalidRequest(
            f"{error.object!a} holds half of a character (a lone surrogate).", "Send it as valid Unicode."
        ) from error
    except psycopg.Error as error:
        meaning = _meaning(error)
        if meaning is None:
            raise
        raise meaning from error


def _meaning(error: Exception) -> VectorStoreError | None:
    for kinds, make in _MEANINGS:
        if isinstance(error, kinds):
            return make(error)
    return None


def _of_data(error: Exception) -> VectorStoreError | None:
    if "NUL" not in str(error):
        return None
    return InvalidRequest("U+0000 is in a text, which cannot be kept or looked for.", "Leave it out.")


def _of_connection(error: Exception) -> VectorStoreError:
    if "FATAL:" in str(error):
        return _refused(error)
    return Unavailable("The catalog's database does not answer.", "Nothing is lost; try again when it is back.")


def _refused(error: Exception) -> Unavailable:
    return Unavailable(
        f"The catalog's database refuses the connection: {_first_line(error)}.",
        "Check its address, user and password.",
    )


def _first_line(error: Exception) -> str:
    """Return the server's sentence, which names no password."""
    text = str(error).rpartition("FATAL:")[2].strip()
    return text.splitlines()[0].rstrip(".") if text else type(error).__name__


_MEANINGS: Sequence[tuple[Any, Callable[[Exception], VectorStoreError | None]]] = (
    (psycopg.DataError, _of_data),
    (errors.DiskFull, lambda _: DiskFull("the catalog's database")),
    (
        errors.LockNotAvailable,
        lambda _: Unavailable("The catalog's database is busy with another server.", "Try again."),
    ),
    (
        errors.InsufficientPrivilege,
        lambda error: Unavailable(
            f"The catalog's database does not allow it: {str(error).splitlines()[0]}.", "Give its user the schema."
        ),
    ),
    ((psycopg.OperationalError, psycopg.InterfaceError), _of_connection),
)
"""The errors of the database that have a meaning for the caller, the narrow ones first."""


def _values(places: Sequence[str | int], parameters: Sequence[Any] | Mapping[str, Any]) -> list[Any] | None:
    """Return the values in the order of their places, as PostgreSQL takes them."""
    if not places:
        return None
    given: Any = parameters
    values = [given[place] for place in places]
    return [value.text if isinstance(value, HeldValue) else value for value in values]


def _named(cursor: Any) -> Any:
    if cursor.description is None:
        return NamedRow
    return _row_class(tuple(column.name for column in cursor.description))


@lru_cache(maxsize=512)
def _row_class(names: tuple[str, ...]) -> type[NamedRow]:
    numbers = {name: number for number, name in reversed(list(enumerate(names)))}
    return type("NamedRow", (NamedRow,), {"columns": numbers})

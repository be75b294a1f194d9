"""The seam between SQL dialects: what the catalog's functions ask of a connection, whichever database is behind it.

They write SQL that SQLite and PostgreSQL take alike: `?` and `:name` for values, `ON CONFLICT` for what is replaced,
no empty list after IN, no minimum or maximum of two values, a condition that is always one. `CROSS JOIN ... ON`, which
tells SQLite in which order to read, is a JOIN elsewhere.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from vectorstores_tools.contract.filters import Scalar

ALWAYS, NEVER = "1 = 1", "1 = 0"

_EXPONENT = 50_000
"""Added to an exponent, so that it is never negative: JSON's numbers have 4,300 digits at most."""
_COMPLEMENT = str.maketrans("0123456789", "9876543210")


class Row(Protocol):
    """A row: its columns by number and by name, and its values in order."""

    def __getitem__(self, key: int | str, /) -> Any:
        """Return a column."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the values."""
        ...

    def __len__(self) -> int:
        """Return the number of columns."""
        ...

    def keys(self) -> Iterable[str]:
        """Return the names of the columns."""
        ...


class Cursor(Protocol):
    """The result of a statement. `rowcount` is the number of rows that it changed."""

    @property
    def rowcount(self) -> int:
        """The number of rows that were changed."""
        ...

    def fetchone(self) -> Any:
        """Return the next row, None at the end."""
        ...

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the rows."""
        ...


class DB(Protocol):
    """A connection in a transaction, in which the catalog's functions run."""

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ..., /) -> Cursor:
        """Run one statement."""
        ...

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Cursor:
        """Run one statement for each of the parameters."""
        ...


@dataclass(frozen=True, slots=True)
class HeldValue:
    """A value of an attribute, as a column of the catalog holds it: SQLite as it is, others as a text that sorts."""

    value: Scalar

    def __conform__(self, protocol: object) -> Scalar | None:
        """Return the value to sqlite3."""
        return self.value if protocol is sqlite3.PrepareProtocol else None

    @property
    def text(self) -> str:
        """The value as a text: of two of one kind the texts compare, by their code points, as the values do."""
        if isinstance(self.value, bool):
            return str(int(self.value))
        return self.value if isinstance(self.value, str) else _sortable(Decimal(self.value))


def held(kind: str, stored: Any) -> Scalar:
    """Return the value of that kind that a column holds."""
    if kind == "boolean":
        return bool(int(stored))
    if kind == "number" and isinstance(stored, str):
        return _number(stored)
    return stored


def marks(values: Collection[object]) -> str:
    """Return the list after IN for so many values. Raises ValueError for none: no dialect but SQLite's takes that."""
    if not values:
        raise ValueError("an empty list after IN")
    return f"({', '.join('?' * len(values))})"


def tuples(db: DB, sql: str, parameters: Sequence[Any]) -> Iterable[tuple[Any, ...]]:
    """Return rows without names, where there are many: SQLite makes them in half the time."""
    if isinstance(db, sqlite3.Connection):
        cursor = db.cursor()
        cursor.row_factory = None
        return cursor.execute(sql, parameters)
    return (tuple(row) for row in db.execute(sql, parameters))


def _sortable(number: Decimal) -> str:
    """Return 5 for zero, else 4 or 6 for the sign, the exponent and the digits, complemented of a negative one."""
    if not number:
        return "5"
    digits = "".join(map(str, number.as_tuple().digits)).rstrip("0")
    text = f"{number.adjusted() + _EXPONENT:06}{digits}"
    return f"6{text}" if number > 0 else f"4{text.translate(_COMPLEMENT)}:"


def _number(text: str) -> int | float:
    if text == "5":
        return 0
    plain = text[1:] if text[0] == "6" else text[1:-1].translate(_COMPLEMENT)
    exponent, digits = int(plain[:6]) - _EXPONENT, plain[6:]
    number = Decimal(f"{'' if text[0] == '6' else '-'}{digits[0]}.{digits[1:] or '0'}E{exponent}")
    return int(number) if number == number.to_integral_value() else float(number)

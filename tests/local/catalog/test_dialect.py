"""The seam between SQL dialects: SQL that more than SQLite takes, and values that sort as texts."""

import ast
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vectorstores_server.engines.local.catalog import dialect
from vectorstores_server.engines.local.catalog.dialect import HeldValue, held, marks
from vectorstores_tools.contract.filters import Scalar, kind

FOLDER = Path(dialect.__file__).parent
OF_SQLITE = {"connection.py", "database.py", "migrations.py"}
"""What opens SQLite, and what counts on a connection of its own. What is PostgreSQL's is called so."""
ONLY_SQLITE = re.compile(
    r"\bINSERT OR\b|\bREPLACE INTO\b|\bjson_\w+\(|\btotal\(|\bPRAGMA\b|\bVACUUM\b|\blast_insert_rowid|\browid\b"
    r"|\bGLOB\b|\bIN \(\)|\bIS NOT \?|\bIS \?|\b(?:max|min)\([^()]*,"
)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)


def literals(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def test_no_statement_of_the_catalog_is_sqlites_alone():
    modules = [
        path for path in sorted(FOLDER.glob("*.py")) if path.name not in OF_SQLITE and "postgres" not in path.name
    ]
    assert len(modules) > 20
    found = {path.name: hits for path in modules if (hits := ONLY_SQLITE.findall("\n".join(literals(path))))}
    assert found == {}


@pytest.mark.parametrize("sql", ["INSERT OR REPLACE INTO a", "SELECT total(a)", "max(?, b)", "c IN ()", "a IS NOT ?"])
def test_statements_of_sqlite_alone_are_recognised(sql: str):
    assert ONLY_SQLITE.search(sql)


def test_an_empty_list_is_refused_before_a_database_does():
    assert marks([1, 2]) == "(?, ?)"
    with pytest.raises(ValueError, match="empty list"):
        marks([])


@given(NUMBERS, NUMBERS)
@example(2**53, float(2**53))
@example(2**53 + 1, float(2**53))
@example(0.1, 1 / 10)
@example(-0.0, 0)
@example(-1.23, -1.2)
@example(10**40, 1e40)
@example(5e-324, 0)
def test_numbers_compare_as_their_texts_do(one: float, other: float):
    first, second = HeldValue(one).text, HeldValue(other).text
    assert (first < second, first == second) == (one < other, one == other)


@given(NUMBERS | st.booleans() | st.text())
def test_a_value_comes_back_from_its_text_and_from_sqlite(value: Scalar):
    assert held(kind(value), HeldValue(value).text) == value
    if isinstance(value, str) or -(2**63) <= value < 2**63:
        with closing(sqlite3.connect(":memory:")) as db:
            (stored,) = db.execute("SELECT ?", (HeldValue(value),)).fetchone()
        assert held(kind(value), stored) == value

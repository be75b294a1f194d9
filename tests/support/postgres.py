"""A PostgreSQL for tests, where one answers: 127.0.0.1:5432, or what VECTOR_STORES_TESTS_POSTGRES names."""

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from vectorstores_tools.contract.errors import Unavailable

if TYPE_CHECKING:
    from vectorstores_server.engines.local.catalog.postgres_connection import PostgresDB

ADDRESS = os.environ.get("VECTOR_STORES_TESTS_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")

SCHEMA_NAME = "schema.txt"
"""The file beside an engine's folders that names its schema, for a test that changes it behind the engine's back."""


@lru_cache
def missing() -> str | None:
    """Return why there is no PostgreSQL to test with; None where there is one."""
    if find_spec("psycopg") is None:
        return "psycopg is not installed"
    from vectorstores_server.engines.local.catalog.postgres_connection import connect

    try:
        connect(ADDRESS, "public").close()
    except Unavailable as error:
        return str(error)
    return None


def connection(schema: str) -> "PostgresDB":
    """Return a connection to a schema, or skip the test with the reason; in `.ci/run` there has to be one."""
    if reason := missing():
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    from vectorstores_server.engines.local.catalog.postgres_connection import connect

    return connect(ADDRESS, schema)


@contextmanager
def schema() -> Generator[str]:
    """Give the name of a schema of its own, which is gone afterwards."""
    name = f"tests_{secrets.token_hex(8)}"
    db = connection(name)
    try:
        yield name
    finally:
        db.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")
        db.close()


@contextmanager
def catalog_tables() -> Generator["PostgresDB"]:
    """Give a connection to a schema that has the tables of an empty catalog."""
    from vectorstores_server.engines.local.catalog.postgres_schema import migrations

    with schema() as name:
        db = connection(name)
        try:
            db.execute(f"CREATE SCHEMA {name}")
            for script in migrations():
                for statement in script:
                    db.execute(statement)
            yield db
        finally:
            db.close()


class RolledBack:
    """A catalog for one test in tables that all tests share: nothing of it stays."""

    def __init__(self, db: "PostgresDB") -> None:
        self._db = db
        self.execute = db.execute
        self.executemany = db.executemany
        db.execute("BEGIN")

    def close(self) -> None:
        self._db.execute("ROLLBACK")

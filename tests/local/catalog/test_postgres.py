"""The catalog in PostgreSQL: what several servers see of it, and what happens while it is away."""

import ast
import contextlib
import re
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import SocketStream

from support.catalogs import make, names, opening_with
from support.memory_catalog import NOW, open_sqlite
from support.postgres import ADDRESS, catalog_tables, connection, schema
from vectorstores_server.engines.local.catalog import attachments, dialect, sources, stores
from vectorstores_server.engines.local.catalog.dialect import DB
from vectorstores_server.engines.local.catalog.places import Origin
from vectorstores_server.engines.local.catalog.postgres import CONNECTIONS, PostgresCatalog
from vectorstores_server.engines.local.catalog.postgres_schema import migrations, placed
from vectorstores_tools.contract.engine import AttachOptions
from vectorstores_tools.contract.errors import (
    DirectoryUpgraded,
    InvalidRequest,
    Unavailable,
)
from vectorstores_tools.contract.models import File
from vectorstores_tools.contract.requests import StoreFilesRequest

OF_SQLITE = {"connection.py", "database.py", "migrations.py"}
OF_POSTGRES = {"lease", "claim", "object_place"}
Open = Callable[[], PostgresCatalog]


@pytest.fixture
def name() -> Generator[str]:
    with schema() as name:
        yield name


@pytest.fixture
async def open_catalog(name: str) -> AsyncGenerator[Open]:
    async with opening_with(lambda: PostgresCatalog(ADDRESS, name, version="1.2")) as once_more:
        yield once_more


async def test_many_servers_that_begin_at_once_make_the_tables_once(open_catalog: Open):
    catalogs = [open_catalog() for _ in range(6)]
    async with anyio.create_task_group() as tasks:
        for catalog in catalogs:
            tasks.start_soon(make, catalog)
    assert await names(catalogs[0]) == ["a"] * 6


async def test_servers_that_take_in_the_same_files_at_once_attach_each_once(open_catalog: Open):
    catalogs = [open_catalog() for _ in range(3)]
    store = await make(catalogs[0])

    def take_in(db: DB, server: int, number: int) -> None:
        origin = Origin(f"/docs/{number}", f"{number:064}")
        file = File(id=f"file-{server}-{number}", bytes=1, created_at=NOW, filename=f"{number}.txt")
        sources.enter(db, store, origin, file, lambda: None, AttachOptions(), None, NOW)

    async def work(server: int) -> None:
        for number in range(20):
            await catalogs[server].write(take_in, server, number)

    async with anyio.create_task_group() as tasks:
        for server in range(3):
            tasks.start_soon(work, server)
    listed = await catalogs[1].read(attachments.list_store_files, store, StoreFilesRequest(limit=100))
    assert sorted(file.source or "" for file in listed.data) == sorted(f"/docs/{number}" for number in range(20))


async def test_more_snapshots_at_once_than_there_are_connections_all_end(open_catalog: Open):
    catalog = open_catalog()
    await make(catalog)
    seen: list[int] = []

    async def look() -> None:
        async with catalog.snapshot() as snapshot:
            for _ in range(3):
                await anyio.lowlevel.checkpoint()
                seen.append(len(await snapshot.read(stores.namesakes, "a")))

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for _ in range(10 * CONNECTIONS):
                tasks.start_soon(look)
            await make(catalog, "b")
    assert seen == [1] * 30 * CONNECTIONS


# What is refused


async def test_a_schema_of_a_newer_program_is_left_alone(name: str, open_catalog: Open):
    running = open_catalog()
    await make(running)
    db = connection(name)
    db.execute("UPDATE catalog_version SET version = ?", (len(migrations()) + 1,))
    db.execute("UPDATE meta SET version = '9.9'")
    db.close()
    for catalog in (running, open_catalog()):
        with pytest.raises(DirectoryUpgraded, match=r"9\.9"):
            await names(catalog)


async def test_a_schema_with_tables_of_others_is_refused(name: str, open_catalog: Open):
    db = connection(name)
    db.execute(f"CREATE SCHEMA {name}")
    db.execute("CREATE TABLE invoices (id BIGINT)")
    db.close()
    with pytest.raises(Unavailable, match="not of vector-stores-mcp"):
        await names(open_catalog())


async def test_a_name_that_is_none_of_a_schema_is_refused():
    with pytest.raises(InvalidRequest, match="schema"):
        await names(PostgresCatalog(ADDRESS, "a; DROP TABLE x"))


async def test_a_database_that_is_not_there_is_named_and_no_password_is(name: str):
    server, _, _ = re.sub(r"//.*?@", "//postgres:a-secret@", ADDRESS).rpartition("/")
    with pytest.raises(Unavailable, match="no_such_database") as caught:
        await names(PostgresCatalog(f"{server}/no_such_database", name))
    assert "a-secret" not in f"{caught.value}{caught.value.__cause__}"


async def test_a_text_that_holds_nul_is_refused_with_a_sentence(open_catalog: Open):
    with pytest.raises(InvalidRequest, match=r"U\+0000"):
        await open_catalog().read(stores.namesakes, "a\0b")


async def test_half_of_a_character_is_refused_with_a_sentence(open_catalog: Open):
    with pytest.raises(InvalidRequest, match="surrogate"):
        await open_catalog().read(stores.namesakes, "\ud800")


# While the database is away


class Proxy:
    """A way to the database that can be cut."""

    def __init__(self) -> None:
        self.cut = False
        self.port = 0
        self._streams: list[SocketStream] = []

    @property
    def address(self) -> str:
        return re.sub(r"@[^/]*", f"@127.0.0.1:{self.port}", ADDRESS)

    async def serve(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        self.port = listener.extra(anyio.abc.SocketAttribute.local_port)
        task_status.started()
        async with listener:
            await listener.serve(self._pass_on)

    async def hang_up(self) -> None:
        self.cut = True
        for stream in self._streams:
            await stream.aclose()
        self._streams.clear()

    async def _pass_on(self, client: SocketStream) -> None:
        if self.cut:
            await client.aclose()
            return
        host, _, port = ADDRESS.rpartition("@")[2].partition("/")[0].partition(":")
        async with await anyio.connect_tcp(host, int(port or 5432)) as server, client:
            self._streams += [client, server]
            with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_copy, client, server)
                    tasks.start_soon(_copy, server, client)


async def _copy(source: SocketStream, target: SocketStream) -> None:
    with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        async for data in source:
            await target.send(data)
        await target.send_eof()


async def test_while_the_database_is_away_the_answer_says_so_and_all_works_when_it_is_back(name: str):
    proxy = Proxy()
    async with anyio.create_task_group() as tasks:
        await tasks.start(proxy.serve)
        catalog = PostgresCatalog(proxy.address, name)
        await make(catalog)
        mark = await catalog.changed(0)
        async with catalog.snapshot() as snapshot:
            await snapshot.read(stores.namesakes, "a")
            await proxy.hang_up()
            with pytest.raises(Unavailable, match="does not answer"):
                await snapshot.read(stores.namesakes, "a")
        for _ in range(3):
            with pytest.raises(Unavailable, match="does not answer"):
                await make(catalog, "lost")
            with pytest.raises(Unavailable, match="does not answer"):
                await names(catalog)
        with pytest.raises(Unavailable, match="does not answer"):
            await catalog.changed(mark)
        proxy.cut = False
        await make(catalog, "b")
        assert await names(catalog) == ["a", "b"]
        with anyio.fail_after(20):
            assert await catalog.changed(mark) > mark
        await catalog.aclose()
        tasks.cancel_scope.cancel()


# The tables


def columns_of_sqlite() -> set[tuple[str, str, bool]]:
    with contextlib.closing(open_sqlite()) as db:
        tables = [row["name"] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            (table, row["name"], bool(row["notnull"] or row["pk"]))
            for table in tables
            if not table.startswith("sqlite_")
            for row in db.execute(f"PRAGMA table_info({table})")
        }


def indexes_of_sqlite() -> set[str]:
    with contextlib.closing(open_sqlite()) as db:
        return {
            row["name"] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql NOT NULL")
        }


def test_both_databases_have_the_same_tables_columns_and_indexes():
    with catalog_tables() as db:
        here = "table_schema = current_schema()"
        found = db.execute(f"SELECT table_name, column_name, is_nullable FROM information_schema.columns WHERE {here}")
        columns = {(row[0], row[1], row[2] == "NO") for row in found}
        assert {column for column in columns if column[0] not in OF_POSTGRES} == columns_of_sqlite()
        indexes = db.execute("SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()").fetchall()
        assert indexes_of_sqlite() <= {row[0] for row in indexes}


def test_no_text_of_the_tables_is_sorted_by_the_rules_of_a_language():
    with catalog_tables() as db:
        found = db.execute(
            "SELECT table_name, column_name, collation_name FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND data_type = 'text'"
        ).fetchall()
        assert len(found) > 40
        assert {row["collation_name"] for row in found} == {"C"}


def constant_statements() -> dict[str, str]:
    """Return the statements that stand in the catalog's modules as they are run, by their places."""
    found: dict[str, str] = {}
    for path in sorted(Path(dialect.__file__).parent.glob("*.py")):
        if path.name in OF_SQLITE or path.name.startswith("postgres"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                given = node.args[0]
                if node.func.attr in ("execute", "executemany") and isinstance(given, ast.Constant):
                    found[f"{path.name}:{node.lineno}"] = str(given.value)
    return found


def test_every_statement_that_is_written_out_is_understood():
    statements = constant_statements()
    assert len(statements) > 100
    refused: dict[str, str] = {}
    with catalog_tables() as db:
        for place, sql in statements.items():
            try:
                db.execute(f"PREPARE tried AS {placed(sql)[0]}")
                db.execute("DEALLOCATE tried")
            except Exception as error:  # noqa: BLE001 all that are refused are shown together
                refused[place] = str(error)
    assert refused == {}


@pytest.mark.parametrize(
    ("sql", "statement", "places"),
    [
        ("a = ? AND b = ?", "a = $1 AND b = $2", [0, 1]),
        ("a = :x OR b = :y OR c = :x", "a = $1 OR b = $2 OR c = $1", ["x", "y"]),
        ("a = '?' AND b LIKE ':x%' AND c::int = ?", "a = '?' AND b LIKE ':x%' AND c::int = $1", [0]),
        ("a CROSS JOIN b ON c", "a JOIN b ON c", []),
    ],
)
def test_places_for_values_are_numbered(sql: str, statement: str, places: list[str | int]):
    assert placed(sql) == (statement, places)


def test_the_driver_is_imported_by_the_first_call_alone():
    module = "vectorstores_server.engines.local.catalog.postgres"
    code = f"import sys, {module} as p; p.PostgresCatalog('x'); print('psycopg' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"

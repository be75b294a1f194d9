"""Settings of several servers over one database: what belongs together, and a password that is shown nowhere."""

import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from support.buckets import KEY, SECRET, lasting_server, new_bucket
from support.commands import Run
from support.planted import Planted
from support.postgres import ADDRESS, schema
from vectorstores_server.settings import Settings, read_settings, settings_from
from vectorstores_server.settings.places import DatabaseAddress
from vectorstores_tools.contract.errors import InvalidRequest

AWAY = "postgresql://someone@127.0.0.1:1/stores"
OBJECTS = "file:///srv/objects"


@pytest.fixture
def shared(tmp_path: Path) -> Generator[tuple[str, str]]:
    """The address of a schema of its own, and a folder for objects."""
    with schema() as name:
        yield f"{ADDRESS}{'&' if '?' in ADDRESS else '?'}schema={name}", (tmp_path / "objects").as_uri()


def settings_of(**values: str) -> Settings:
    return settings_from({**values, "embedder": "none"})


def test_an_address_is_that_of_a_database_and_its_schema_and_reads_as_it_was_written() -> None:
    settings = settings_of(data="postgresql://a@db:5433/stores?sslmode=require&schema=team_7", objects=OBJECTS)
    assert settings.storage.database == DatabaseAddress("postgresql://a@db:5433/stores?sslmode=require", "team_7")
    assert str(settings.storage.place) == "postgresql://a@db:5433/stores?sslmode=require&schema=team_7"
    assert settings_of(data=str(settings.storage.place), objects=OBJECTS).storage.place == settings.storage.place
    assert settings_of(data="postgresql://db/stores", objects=OBJECTS).storage.database == DatabaseAddress(
        "postgresql://db/stores", "vector_stores"
    )


def test_the_folder_of_a_server_is_the_one_of_copies(tmp_path: Path) -> None:
    settings = settings_of(data=AWAY, objects=OBJECTS, copies=str(tmp_path))
    assert settings.storage.data == tmp_path
    assert settings_of(data=AWAY, objects=OBJECTS).storage.data.name == "server"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"data": AWAY}, "set VECTOR_STORES_OBJECTS"),
        ({"data": "/srv/data", "objects": OBJECTS}, "set VECTOR_STORES_DATA to their database"),
        ({"data": "postgresql://", "objects": OBJECTS}, "USER@HOST/DATABASE"),
        ({"data": "postgresql://db/", "objects": OBJECTS}, "USER@HOST/DATABASE"),
        ({"data": "postgresql://db/a?schema=A;", "objects": OBJECTS}, "small letters"),
        ({"data": AWAY, "objects": "/srv/objects"}, "s3://BUCKET"),
        ({"data": AWAY, "objects": "s3://key:secret@bucket/x"}, "s3://BUCKET"),
    ],
)
def test_what_does_not_belong_together_is_a_sentence_with_the_next_step(values: dict[str, str], sentence: str) -> None:
    with pytest.raises(InvalidRequest, match="Settings: ") as refused:
        read_settings(values)
    assert sentence in str(refused.value)


PASSWORDS = st.text(st.characters(codec="ascii", exclude_characters="/?#@[]& \t\r\n\x00%"), min_size=8, max_size=30)


@given(PASSWORDS)
def test_an_address_with_a_password_is_refused_and_not_shown(password: str) -> None:
    for address in (f"postgresql://a:{password}@db/stores", f"postgresql://db/stores?password={password}"):
        with pytest.raises(ValidationError) as refused:
            settings_of(data=address, objects=OBJECTS)
        assert "DATA_PASSWORD_FILE" in str(refused.value)
        assert (
            password
            not in f"{refused.value} {refused.value!r} {refused.value.errors(include_url=False, include_input=False)}"
        )


def test_a_database_that_is_away_is_an_error_with_the_next_step_and_shows_no_password(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plant = Planted()
    (tmp_path / "password").write_text(plant("password"), encoding="utf-8")
    for name, value in {
        "DATA": AWAY, "OBJECTS": OBJECTS, "DATA_PASSWORD_FILE": str(tmp_path / "password"),
        "COPIES": str(tmp_path / "server"), "LOG_LEVEL": "debug",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"VECTOR_STORES_{name}", value)
    outputs: dict[str, str] = {}
    for words in (("ls",), ("doctor",), ("search", "x"), ("backup", str(tmp_path / "b")), ("config", "vscode")):
        code, out, err = run(*words)
        outputs[words[0]] = out + err
        assert (code == 0) == (words[0] == "config"), words
    assert "does not answer" in outputs["ls"]
    assert "try again" in outputs["ls"]
    assert "pg_dump" in outputs["backup"]
    assert AWAY in outputs["config"]
    assert plant.leaks(outputs) == {}


def test_an_option_of_the_address_that_libpq_does_not_know_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VECTOR_STORES_DATA", f"{AWAY}?colour=red")
    monkeypatch.setenv("VECTOR_STORES_OBJECTS", OBJECTS)
    code, _, err = run("ls")
    assert code != 0
    assert "colour" in err
    assert "VECTOR_STORES_DATA" in err


@pytest.mark.process
def test_without_the_extra_the_error_says_how_to_get_it(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['psycopg'] = None\nfrom vectorstores_server import cli; sys.exit(cli.run(['ls']))"
    )
    environment = {
        "VECTOR_STORES_DATA": AWAY, "VECTOR_STORES_OBJECTS": OBJECTS, "HOME": str(tmp_path), "PATH": "",
        "VECTOR_STORES_EMBEDDER": "none",
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert 'pip install "vector-stores-mcp[shared]"' in done.stderr


def test_what_one_server_stored_another_finds_by_the_command_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, shared: tuple[str, str], tmp_path: Path
) -> None:
    monkeypatch.setenv("VECTOR_STORES_DATA", shared[0])
    monkeypatch.setenv("VECTOR_STORES_OBJECTS", shared[1])
    (tmp_path / "walrus.txt").write_text("A walrus has tusks.", encoding="utf-8")
    monkeypatch.setenv("VECTOR_STORES_COPIES", str(tmp_path / "one"))
    code, _, err = run("add", "--store", "animals", tmp_path / "walrus.txt")
    assert code == 0, err
    monkeypatch.setenv("VECTOR_STORES_COPIES", str(tmp_path / "other"))
    code, out, err = run("search", "tusks")
    assert (code, "walrus.txt" in out) == (0, True), err
    code, out, err = run("doctor")
    assert code == 0, err
    assert "1 with 1 file" in out
    assert "?schema=" in out


def test_files_and_index_go_to_an_object_storage_with_the_credentials_of_the_environment(
    run: Run, monkeypatch: pytest.MonkeyPatch, shared: tuple[str, str], tmp_path: Path
) -> None:
    endpoint = lasting_server()
    for name, value in {
        "VECTOR_STORES_DATA": shared[0], "VECTOR_STORES_OBJECTS": f"s3://{new_bucket(endpoint)}/team",
        "VECTOR_STORES_OBJECTS_ENDPOINT": endpoint, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    (tmp_path / "walrus.txt").write_text("A walrus has tusks.", encoding="utf-8")
    monkeypatch.setenv("VECTOR_STORES_COPIES", str(tmp_path / "one"))
    code, out, err = run("add", "--store", "animals", tmp_path / "walrus.txt")
    assert code == 0, err
    monkeypatch.setenv("VECTOR_STORES_COPIES", str(tmp_path / "other"))
    found, shown, errors = run("search", "tusks")
    assert (found, "walrus.txt" in shown) == (0, True), errors
    assert SECRET not in "".join([out, err, shown, errors, *run("doctor")[1:]])

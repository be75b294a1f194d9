import argparse
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from support.checkout import TESTS
from vectorstores_server.console.parser import parse_command_line
from vectorstores_server.settings import (
    CLOSED_WHEN_EMPTY,
    FIELDS,
    PREFIX,
    SECRETS,
    Settings,
    flag_of,
    read_settings,
    unknown_variables,
)
from vectorstores_server.settings.groups import named
from vectorstores_server.settings.model import GROUPS
from vectorstores_tools.contract.errors import InvalidRequest


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in FIELDS:
        monkeypatch.delenv(f"VECTOR_STORES_{name.upper()}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)


def settings_of(*argv: str) -> Settings:
    return read_settings(parse_command_line(argv)[1])


def test_without_anything_set_the_engine_is_local_and_private(tmp_path: Path) -> None:
    settings = settings_of()

    assert tmp_path in settings.storage.data.parents
    assert (
        settings.embedder.name,
        settings.embedder.download,
        settings.intake.file_roots,
        settings.intake.url_hosts,
    ) == (
        "auto",
        False,
        None,
        (),
    )
    assert not settings.agents.read_only


def test_a_flag_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VECTOR_STORES_TOOLSET", "core")
    monkeypatch.setenv("VECTOR_STORES_READ_ONLY", "true")

    assert settings_of().agents.toolset == "core"
    assert settings_of("--toolset", "all").agents.toolset == "all"
    assert not settings_of("--no-read-only").agents.read_only


def test_a_flag_may_stand_before_and_after_the_command() -> None:
    assert settings_of("--embedder", "none", "ls").embedder.name == "none"
    assert settings_of("ls", "--embedder", "none").embedder.name == "none"


def test_a_list_is_one_variable_or_a_repeated_flag_in_the_singular(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VECTOR_STORES_FILE_ROOTS", "/a:~/b")
    monkeypatch.setenv("VECTOR_STORES_URL_HOSTS", "a.org, *.b.org")

    settings = settings_of()

    assert settings.intake.file_roots == (Path("/a"), Path.home() / "b")
    assert settings.intake.url_hosts == ("a.org", "*.b.org")
    assert settings_of("--file-root", "/x", "--file-root", "/y").intake.file_roots == (Path("/x"), Path("/y"))
    assert flag_of("exclude_tools") == "--exclude-tool"


def test_no_roots_at_all_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VECTOR_STORES_FILE_ROOTS", "")

    assert settings_of().intake.file_roots == ()


def test_a_relative_path_is_wrong_in_the_environment_and_meant_from_here_on_the_command_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)

    assert settings_of("--data", "x").storage.data == tmp_path / "x"
    monkeypatch.setenv("VECTOR_STORES_DATA", "x")
    with pytest.raises(InvalidRequest, match="VECTOR_STORES_DATA: 'x' is relative"):
        settings_of()


def test_a_key_comes_from_the_environment_or_a_file_and_is_never_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("sk-secret\n", encoding="utf-8")
    monkeypatch.setenv("VECTOR_STORES_EMBEDDER_API_KEY_FILE", str(tmp_path / "key"))

    settings = settings_of()

    assert settings.embedder.api_key is not None
    assert settings.embedder.api_key.get_secret_value() == "sk-secret"
    assert "sk-secret" not in repr(settings) + settings.model_dump_json()


def test_a_key_that_is_given_twice_or_cannot_be_read_is_an_error_without_the_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VECTOR_STORES_EMBEDDER_API_KEY_FILE", str(tmp_path / "none"))
    with pytest.raises(InvalidRequest, match="EMBEDDER_API_KEY_FILE cannot be read: No such file"):
        settings_of()
    monkeypatch.setenv("VECTOR_STORES_EMBEDDER_API_KEY", "sk-secret")
    with pytest.raises(InvalidRequest, match="both set") as caught:
        settings_of()
    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize("command", [(), ("serve",), ("ls",), ("add", "notes"), ("model", "install")])
@pytest.mark.parametrize("flag", ["--embedder-api-key", "--remote-api-key", "--remote-headers", "--tokens", "--token"])
def test_there_is_no_flag_for_a_key(command: tuple[str, ...], flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    for given in ([flag, "sk-secret"], [f"{flag}=sk-secret"]):
        with pytest.raises(SystemExit) as caught:
            settings_of(*command, *given)
        assert caught.value.code == 2
        said = "".join(capsys.readouterr())
        assert "Set VECTOR_STORES_" in said
        assert "sk-secret" not in said


def test_a_user_name_in_a_url_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VECTOR_STORES_EMBEDDER_BASE_URL", "https://me:secret@api.example.org/v1")

    with pytest.raises(InvalidRequest, match="EMBEDDER_BASE_URL") as caught:
        settings_of()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOOLSET", "some"),
        ("EMBEDDER", "bert"),
        ("MAX_FILE_BYTES", "0"),
        ("EMBEDDER_BATCH", "many"),
        ("LOG_LEVEL", "x"),
    ],
)
def test_a_wrong_value_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"VECTOR_STORES_{name}", value)

    with pytest.raises(InvalidRequest, match=f"VECTOR_STORES_{name}"):
        settings_of()


def test_a_wrong_flag_is_named_as_a_flag() -> None:
    with pytest.raises(InvalidRequest, match="--embedder: "):
        settings_of("--embedder", "bert")


def test_a_misspelt_variable_is_noticed() -> None:
    assert unknown_variables({"VECTOR_STORES_FILEROOTS": "/", "VECTOR_STORES_DATA": "/", "PATH": ""}) == [
        "VECTOR_STORES_FILEROOTS is not a setting; did you mean VECTOR_STORES_FILE_ROOTS?"
    ]


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("EMBEDDER", "bert", "EMBEDDER: auto, minilm, e5-multi, arctic-xs, openai:MODEL or none is expected."),
        ("HTTP", "foo", "HTTP: HOST:PORT is expected, such as 127.0.0.1:8000"),
        ("REMOTE_BASE_URL", "api.org", "REMOTE_BASE_URL: a URL is expected that begins with http:// or https://"),
        ("EMBEDDER_BATCH", "many", "EMBEDDER_BATCH: a whole number is expected."),
        ("READ_ONLY", "perhaps", "READ_ONLY: true or false is expected."),
        ("TOOLSET", "some", "TOOLSET: it must be 'all', 'core' or 'chatgpt'."),
    ],
)
def test_what_is_expected_is_said_in_words(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(f"VECTOR_STORES_{variable}", value)

    with pytest.raises(InvalidRequest) as caught:
        settings_of()
    assert sentence in str(caught.value)


def test_a_misspelt_variable_is_named_beside_what_it_made_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VECTOR_STORES_BACKEND", "remote")
    monkeypatch.setenv("VECTOR_STORES_REMOTE_BASE_URI", "https://api.example.org/v1")

    with pytest.raises(InvalidRequest, match="must be set; VECTOR_STORES_REMOTE_BASE_URI is not a setting; did you"):
        settings_of()


def test_every_setting_is_in_one_group() -> None:
    assert sorted(name for group in GROUPS.values() for name in named(group)) == sorted(FIELDS)


def test_every_variable_and_flag_keeps_its_name() -> None:
    """Somebody's configuration names them: a line is added here, and none is changed."""
    now = [f"{PREFIX}{name.upper()} {'' if name in SECRETS else flag_of(name)}".rstrip() for name in sorted(FIELDS)]
    kept = (TESTS / "snapshots" / "settings.txt").read_text("utf-8").splitlines()
    assert now == [line.rstrip() for line in kept]


def test_the_description_of_a_setting_can_be_read_alone() -> None:
    for name, field in FIELDS.items():
        assert not re.search(r"\b(its key|holds them|that they|the same)\b", field.description or ""), name


@pytest.mark.parametrize("command", ["add", "search", "ls", "show", "rm", "doctor", "reindex"])
def test_a_command_explains_only_the_settings_that_mean_something_to_it(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse_command_line([command, "--help"])

    told = capsys.readouterr().out
    assert "--data" in told
    assert len(re.findall(r"^  --", told, re.MULTILINE)) < 10
    assert not re.search("--(http|tokens|oauth|max-requests|toolset|remote)", told)
    assert parse_command_line([command, *WHAT.get(command, ()), "--remote-base-url", "https://a.org/v1"])[1]


WHAT = {"add": ["x"], "search": ["x"], "show": ["x"], "rm": ["x"]}


@pytest.mark.parametrize("argv", [["add"], ["ls", "--http", "127.0.0.1:1"], ["search", "--results", "x", "q"], ["fly"]])
def test_a_mistake_is_told_in_two_lines(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_command_line(argv)

    usage, error = capsys.readouterr().err.splitlines()
    assert usage.startswith("usage: vector-stores-mcp ")
    assert ": error: " in error


def test_settings_do_not_change() -> None:
    settings = settings_of()
    with pytest.raises(ValidationError):
        settings.agents.read_only = True  # pyright: ignore[reportAttributeAccessIssue]  # that it fails is the point


def test_nothing_but_settings_and_the_command_is_taken() -> None:
    arguments, flags = parse_command_line(["search", "--store", "s", "what", "is", "it"])

    assert isinstance(arguments, argparse.Namespace)
    assert (arguments.command, arguments.store, arguments.query, flags) == ("search", "s", ["what", "is", "it"], {})


def test_a_tokens_file_has_comments_and_is_never_empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("# for the office\nfirst-token\nro:second-token\n", encoding="utf-8")
    monkeypatch.setenv("VECTOR_STORES_TOKENS_FILE", str(file))
    assert [token.get_secret_value() for token in settings_of().http.tokens] == ["first-token", "ro:second-token"]
    for nothing in ("", " \n", "# only a comment\n"):
        file.write_text(nothing, encoding="utf-8")
        with pytest.raises(InvalidRequest, match="TOKENS_FILE is empty"):
            settings_of()


def test_tokens_that_are_set_to_nothing_let_nobody_in_by_accident(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VECTOR_STORES_TOKENS", " , ")
    with pytest.raises(InvalidRequest, match="VECTOR_STORES_TOKENS: it is set and holds no token"):
        settings_of()


@pytest.mark.parametrize("name", [name for name in FIELDS if name not in CLOSED_WHEN_EMPTY])
def test_a_setting_that_is_empty_is_unset(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    unset = read_settings({})
    for empty in ("", "  "):
        monkeypatch.setenv(f"VECTOR_STORES_{name.upper()}", empty)
        assert read_settings({}) == unset


def test_a_path_in_quotes_is_read_without_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VECTOR_STORES_DATA", f'"{tmp_path}"')
    assert read_settings({}).storage.data == tmp_path

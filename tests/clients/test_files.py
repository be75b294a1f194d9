"""The files that clients keep their servers in: the right form for each, and nothing else of a file changed."""

import json
import re
import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from support.checkout import ROOT
from vectorstores_server import cli
from vectorstores_server.clients import json_comments
from vectorstores_server.clients.files import with_server
from vectorstores_server.clients.known import NAME, known_clients

Run = Callable[..., tuple[int, str, str]]
ENVIRONMENT = {"VECTOR_STORES_DATA": "/data"}
PLAIN: dict[str, Any] = {"command": "/bin/vs", "args": [], "env": ENVIRONMENT}
FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "claude-code": ("mcpServers", {"type": "stdio", **PLAIN}),
    "claude-desktop": ("mcpServers", PLAIN),
    "cline": ("mcpServers", PLAIN),
    "codex": ("mcp_servers", PLAIN),
    "cursor": ("mcpServers", PLAIN),
    "gemini-cli": ("mcpServers", PLAIN),
    "goose": (
        "extensions",
        {"name": NAME, "type": "stdio", "enabled": True, "timeout": 300, "cmd": "/bin/vs", "args": [],
         "envs": ENVIRONMENT},
    ),
    "lm-studio": ("mcpServers", PLAIN),
    "opencode": ("mcp", {"type": "local", "command": ["/bin/vs"], "enabled": True, "environment": ENVIRONMENT}),
    "vscode": ("servers", {"type": "stdio", **PLAIN}),
    "windsurf": ("mcpServers", PLAIN),
    "zed": ("context_servers", PLAIN),
}  # fmt: skip
READERS: dict[str, Callable[[str], Any]] = {
    "JSON": json.loads, "TOML": tomllib.loads, "YAML": cast("Any", YAML(typ="safe", pure=True)).load,
}  # fmt: skip


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `config` on a machine that has nothing but a home directory and a project."""
    for name in ("XDG_CONFIG_HOME", "CODEX_HOME", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("VECTOR_STORES_DATA", "/data")

    def run(*argv: str) -> tuple[int, str, str]:
        code = cli.run(["config", *argv])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_every_client_that_is_known_is_in_the_tables_here_and_in_the_docs() -> None:
    page = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
    clients = known_clients()
    assert set(clients) == set(FORMS)
    for name, client in clients.items():
        [row] = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
        assert f"`{client.key}`" in row
        assert client.file.name in row
        assert client.document in row


@pytest.mark.parametrize("name", FORMS)
def test_each_client_gets_the_form_that_its_page_shows(name: str, run: Run) -> None:
    client = known_clients()[name]
    key, entry = FORMS[name]

    code, out, err = run(name, "--write")

    assert (code, err) == (0, "")
    assert str(client.file) in out
    written = READERS[client.syntax](client.file.read_text(encoding="utf-8"))
    started = str(written[key][NAME].get("cmd") or written[key][NAME]["command"])
    assert "vector-stores-mcp" in started
    expected = json.loads(json.dumps(entry).replace("/bin/vs", started.strip("[']")))
    assert written == {key: {NAME: expected}}


@pytest.mark.parametrize("name", sorted(set(FORMS) - {"claude-code"}))
def test_what_is_printed_is_what_would_be_written(name: str, run: Run) -> None:
    printed = run(name)[1]
    run(name, "--write")
    assert known_clients()[name].file.read_text(encoding="utf-8").strip() == printed.strip()


def test_claude_code_gets_its_own_command(run: Run) -> None:
    code, out, err = run("claude-code", "--read-only")

    words = shlex.split(out)
    command = words[words.index("--") + 1 :]
    assert code == 0
    assert words[:3] == ["claude", "mcp", "add"]
    assert {words[i + 1] for i, word in enumerate(words) if word == "--env"} == {
        "VECTOR_STORES_DATA=/data", "VECTOR_STORES_READ_ONLY=true",
    }  # fmt: skip
    assert words[words.index("--") - 1] == NAME
    assert "=" not in words[words.index(NAME) - 1], "its --env would take the name as a further variable"
    assert [Path(word).is_absolute() for word in command] == [True]
    assert ".mcp.json" in err


JSONC = """\
// servers of mine
{
    "theme": "dark", /* as ever */
    "KEY": {
        // the first
        "other": { "command": "x", "url": "https://a.org//b", },   // stays
        // "vector-stores": {},
    },
    "last": [1, 2, /* 3, */ 4,], // end
}
"""


def test_comments_trailing_commas_and_spaces_of_a_json_file_stay(run: Run, tmp_path: Path) -> None:
    file = tmp_path / ".config" / "zed" / "settings.json"
    file.parent.mkdir(parents=True)
    before = JSONC.replace("KEY", "context_servers")
    file.write_text(before, encoding="utf-8")

    assert run("zed", "--write")[0] == 0

    after = file.read_text(encoding="utf-8")
    added = after[after.index('\n        "vector-stores": {\n') : after.index('\n    },\n    "last"')]
    assert after.replace(added, "") == before
    assert json.loads(f"{{{added}}}")[NAME]["env"] == {"VECTOR_STORES_DATA": "/data"}
    [backup] = file.parent.glob("settings.json.*.bak")
    assert backup.read_text(encoding="utf-8") == before


def test_comments_and_order_of_a_toml_file_stay(run: Run, tmp_path: Path) -> None:
    file = tmp_path / ".codex" / "config.toml"
    file.parent.mkdir()
    before = """\
# how I like it
model = "m"   # a model

[mcp_servers.other]  # stays
command = "x"

[profiles.a]
model = 'n'
"""
    file.write_text(before, encoding="utf-8")

    assert run("codex", "--write")[0] == 0

    after = file.read_text(encoding="utf-8")
    kept = iter(after.splitlines())
    assert all(line in kept for line in before.splitlines()), "the old lines, in their order"
    assert set(tomllib.loads(after)["mcp_servers"]) == {"other", NAME}
    assert len(list(file.parent.glob("config.toml.*.bak"))) == 1


def test_comments_and_quotes_of_a_yaml_file_stay(run: Run, tmp_path: Path) -> None:
    file = tmp_path / ".config" / "goose" / "config.yaml"
    file.parent.mkdir(parents=True)
    before = """\
# how I like it
GOOSE_MODEL: "m" # a model
GOOSE_MODE: 'auto'
extensions:
  # built in
  memory:
    enabled: true # stays
    args:
    - a
slash_commands: []
"""
    file.write_text(before, encoding="utf-8")

    assert run("goose", "--write")[0] == 0

    after = file.read_text(encoding="utf-8")
    kept = iter(after.splitlines())
    assert all(line in kept for line in before.splitlines()), "the old lines, in their order"
    assert set(READERS["YAML"](after)["extensions"]) == {"memory", NAME}


@pytest.mark.parametrize("name", sorted(set(FORMS)))
def test_writing_twice_changes_nothing_more_and_a_clients_own_switches_stay(name: str) -> None:
    client = known_clients()[name]
    once = with_server("", client, client.entry("/old", {"VECTOR_STORES_DATA": "/old"}))
    switched = with_server(once, client, {**client.entry("/old", {}), "disabled": True})

    new = with_server(switched, client, client.entry("/bin/vs", ENVIRONMENT))

    assert READERS[client.syntax](new) == {client.key: {NAME: {**FORMS[name][1], "disabled": True}}}
    assert with_server(new, client, client.entry("/bin/vs", ENVIRONMENT)) == new


def test_the_mark_at_the_beginning_and_the_ends_of_lines_stay(run: Run, tmp_path: Path) -> None:
    file = tmp_path / ".cursor" / "mcp.json"
    file.parent.mkdir()
    file.write_bytes(b'\xef\xbb\xbf{\r\n  "a": "\xc5\x82"\r\n}\r\n')

    assert run("cursor", "--write")[0] == 0

    after = file.read_bytes()
    assert after.startswith(b'\xef\xbb\xbf{\r\n  "a": "\xc5\x82",\r\n')
    assert not re.search(rb"[^\r]\n", after)


BROKEN = {
    "JSON": ["[]", '{"KEY": []}', '{"a": 1', "{'a': 1}", '{"a": NaN}', "{} {}", "{" + '"a":{' * 400, "/* open"],
    "TOML": ["KEY = 3", "= 1", "[KEY\n"],
    "YAML": ["KEY: []", "- a", "a: [", "a: b: c"],
}


@pytest.mark.parametrize("name", ["cursor", "codex", "goose"])
def test_a_file_that_is_not_understood_is_left_alone(name: str, run: Run) -> None:
    client = known_clients()[name]
    client.file.parent.mkdir(parents=True)
    for text in BROKEN[client.syntax]:
        content = text.replace("KEY", client.key)
        client.file.write_text(content, encoding="utf-8")

        code, out, err = run(name, "--write")

        assert code == 1, content
        assert "Paste the block above into it by hand." in err
        assert NAME in READERS[client.syntax](out)[client.key]
        assert client.file.read_text(encoding="utf-8") == content
        assert [one.name for one in client.file.parent.iterdir()] == [client.file.name]


def test_without_a_client_those_that_are_on_this_machine_are_listed(run: Run, tmp_path: Path) -> None:
    assert "None of the known clients was found" in run()[1]

    (tmp_path / ".codex").mkdir()
    (tmp_path / ".gemini").mkdir()
    (tmp_path / ".gemini" / "settings.json").write_text("{ broken", encoding="utf-8")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "opencode").touch(mode=0o755)
    run("cursor", "--write")
    code, out, err = run()

    rows = [line.split(maxsplit=1) for line in out.splitlines()]
    assert code == 0
    assert {name: rest.split("  ")[0] for name, rest in rows[1:]} == {
        "codex": "no", "cursor": "yes", "gemini-cli": "cannot be read", "opencode": "no",
    }  # fmt: skip
    assert str(tmp_path / ".cursor" / "mcp.json") in out
    assert "config CLIENT" in err


def test_write_without_a_client_says_what_to_name(run: Run) -> None:
    code, _, err = run("--write")
    assert code == 1
    assert "--write needs a client" in err


COMMENTS = st.sampled_from(["", " ", "\n  ", '// c1 "x": {\n', "/* c2 , } */", "\t/* c3 */ // c4\n "])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12)


@st.composite
def commented(draw: st.DrawFn, value: Any) -> str:
    """Write a value as JSON with comments, spaces and trailing commas where they may stand."""

    def between() -> str:
        return draw(COMMENTS)

    def items(written: list[str], opening: str, closing: str) -> str:
        comma = f",{between()}" if written and draw(st.booleans()) else ""
        return opening + between() + f"{between()},{between()}".join(written) + between() + comma + closing

    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value).items()
        return items(
            [f"{json.dumps(name)}{between()}:{between()}{draw(commented(one))}" for name, one in pairs], "{", "}"
        )
    if isinstance(value, list):
        return items([draw(commented(inner)) for inner in cast("list[Any]", value)], "[", "]")
    return json.dumps(value, ensure_ascii=draw(st.booleans()))


@given(st.data(), st.dictionaries(st.text(), VALUES, max_size=4), st.booleans(), st.booleans())
def test_a_member_is_added_and_all_else_stays_as_it_was(
    data: st.DataObject, whole: dict[str, object], has_servers: bool, has_name: bool
) -> None:
    if has_servers:
        whole["servers"] = {"other": {"x": 1}, **({NAME: {"old": []}} if has_name else {})}
    elif not isinstance(whole.get("servers", {}), dict):
        del whole["servers"]
    text = data.draw(COMMENTS) + data.draw(commented(whole)) + data.draw(COMMENTS)
    assert json_comments.loads(text) == whole

    after = json_comments.with_member(text, "servers", NAME, {"new": [1]})

    known = whole.get("servers", {})
    assert isinstance(known, dict)
    assert json_comments.loads(after) == {**whole, "servers": {**known, NAME: {"new": [1]}}}
    for comment in ("c1", "c2", "c3", "c4"):
        assert after.count(comment) >= text.count(comment) - (8 if has_name else 0)
    if not (has_servers and has_name):
        kept = iter(after)
        assert all(character in kept for character in text), "nothing was taken out"

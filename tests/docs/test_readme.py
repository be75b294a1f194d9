import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from support.checkout import PAGES, README
from vectorstores_server.clients.known import known_clients
from vectorstores_server.console.parser import parse_command_line
from vectorstores_server.settings import FIELDS, PREFIX, SECRETS, flag_of, is_list
from vectorstores_tools.arguments import schemas
from vectorstores_tools.toolset import TOOLS

HEADINGS = {"claude-desktop": "Claude Desktop", "claude-code": "Claude Code", "cursor": "Cursor", "vscode": "VS Code"}


def between(name: str) -> str:
    return README.split(f"<!-- {name} -->\n")[1].split(f"<!-- /{name} -->")[0].strip()


def table(*rows: tuple[str, ...]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])


def settings_table() -> str:
    rows = [_setting_row(name) for name in FIELDS]
    return table(("variable", "flag", "default", "what it is"), *rows)


def _setting_row(name: str) -> tuple[str, ...]:
    field = FIELDS[name]
    flag = "" if name in SECRETS else f"`{flag_of(name)}`" + (" (repeated)" if is_list(name) else "")
    default = "" if field.default_factory else _default(field.default)
    return (f"`{PREFIX}{name.upper()}`", flag, default, (field.description or "").replace("*", r"\*"))


def _default(value: object) -> str:
    if value in (None, ()):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def tools_table() -> str:
    rows: list[tuple[str, ...]] = []
    for spec in TOOLS:
        parameters: dict[str, Any] = schemas.input_schema(spec.arguments)["properties"]
        rows.append((f"`{spec.name}`", spec.title, ", ".join(parameters)))
    return table(("tool", "what it does", "parameters"), *rows)


def test_the_settings_table_is_that_of_the_code() -> None:
    assert between("settings") == settings_table(), f"Put this between the marks:\n{settings_table()}"


def test_the_tool_table_is_that_of_the_code() -> None:
    assert between("tools") == tools_table(), f"Put this between the marks:\n{tools_table()}"


def test_it_opens_with_the_two_commands() -> None:
    assert README.index("make demo") < README.index("make test") < README.index("\n## ")


def test_installing_ends_with_the_model_and_begins_with_uvx() -> None:
    uvx, pip = (block.split("```")[0].splitlines() for block in README.split("## Install")[1].split("```sh\n")[1:3])
    assert uvx == ["uvx vector-stores-mcp model install"]
    assert pip == [
        "pip install vector-stores-mcp",
        "pipx install vector-stores-mcp",
        "vector-stores-mcp model install",
    ]


@pytest.mark.parametrize("client", HEADINGS)
def test_each_client_has_a_block_of_the_form_that_config_writes(client: str) -> None:
    text = README.split(f"**{HEADINGS[client]}**")[1]
    block = json.loads(text.split("```json")[1].split("```")[0])

    known = known_clients()[client]
    [server] = block[known.key].values()
    assert set(server) == set(known.entry("", {}))
    assert Path(server["command"]).is_absolute()
    assert {name.removeprefix(PREFIX).lower() for name in server["env"]} <= set(FIELDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_the_docs_is_one(page: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    for line in "\n".join(blocks).splitlines():
        called = line.removeprefix("uvx ")
        if called.startswith("vector-stores-mcp"):
            parse_command_line(shlex.split(called, comments=True)[1:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_variable_and_link_of_the_docs_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    names = set(re.findall(rf"\b{PREFIX}([A-Z_]*[A-Z])\b", text))
    assert {name for name in names if name.lower() not in FIELDS} == set()
    links = set(re.findall(r"\]\((?!https?://)([^)#]+)", text))
    assert {link for link in links if not (page.parent / link).exists()} == set()

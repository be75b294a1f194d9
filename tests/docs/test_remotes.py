import json
import re
from pathlib import Path

import pytest

from support.checkout import ROOT
from vectorstores_server.engines.remote.dialects import DIALECTS, Name
from vectorstores_server.engines.remote.factory import chosen_dialect
from vectorstores_server.engines.remote.http.address import RemoteChoice, address_of
from vectorstores_server.settings import FIELDS, PREFIX, read_settings

PAGE = (ROOT / "docs" / "remotes.md").read_text(encoding="utf-8")
SECTIONS = {part.splitlines()[0]: part for part in PAGE.split("\n## ")[1:]}
SERVICES = {
    "OpenAI": "openai",
    "Azure OpenAI": "azure",
    "OGX (llama-stack)": "ogx",
    "Yandex AI Studio": "yandex",
    "LiteLLM": "litellm",
    "Another vector-stores-mcp": "openai",
}


def test_every_dialect_has_its_page() -> None:
    assert set(SERVICES.values()) == set(DIALECTS)


@pytest.mark.parametrize(("service", "dialect"), SERVICES.items())
def test_the_block_of_each_service_is_taken_and_reaches_it(service: str, dialect: str, tmp_path: Path) -> None:
    block = json.loads(SECTIONS[service].split("```json\n")[1].split("```")[0])
    given = block["mcpServers"]["vector-stores"]["env"]
    values = {name.removeprefix(PREFIX).lower(): value for name, value in given.items()}
    assert all(name.startswith(PREFIX) for name in given)
    assert values.keys() <= FIELDS.keys()
    if "remote_api_key_file" in values:
        key = tmp_path / "key"
        key.write_text("a-key-0123456789\n")
        values["remote_api_key_file"] = str(key)
    settings = read_settings(values)
    assert settings.storage.backend == "remote"
    choice = RemoteChoice(
        settings.remote.base_url or "",
        settings.remote.api_key.get_secret_value() if settings.remote.api_key else None,
        settings.remote.project,
        auth=settings.remote.auth,
        dialect=settings.remote.dialect,
    )
    assert chosen_dialect(choice).name == dialect
    assert any("a-key-0123456789" in value for value in address_of(choice).headers.values()) == (dialect != "ogx")


def test_the_file_types_that_are_told_are_those_that_are_taken() -> None:
    kept: dict[str, Name] = {"OpenAI": "openai", "Yandex AI Studio": "yandex"}
    for service, dialect in kept.items():
        told = re.search(r"File types: ([a-z, \n]+)\.", SECTIONS[service])
        assert told
        assert {f".{kind.strip()}" for kind in told[1].split(",")} == DIALECTS[dialect].capabilities.extensions
